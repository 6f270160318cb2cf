import { type ComponentChildren, createContext } from 'preact';
import { useContext } from 'preact/hooks';

/**
 * What turns our words into the language of a page, as gettext does it: JupyterLab's `TranslationBundle` is one.
 *
 * `%1`, `%2` and so on stand for the arguments; in plurals `%1` is the number. Programs that collect the words for
 * translators find them where these are called by a name that ends with `trans`, with texts that stand there as such.
 */
export interface ITrans {
  /** Return a text. */
  __(text: string, ...values: unknown[]): string;
  /** Return the one text or the other, as it takes for `count`, which is `%1` in them. */
  _n(one: string, many: string, count: number, ...values: unknown[]): string;
  /** Return a text that means something else in other places; `context` tells translators in which one it stands. */
  _p(context: string, text: string, ...values: unknown[]): string;
}

function filled(text: string, values: readonly unknown[]): string {
  return text.replace(/%(\d+)/g, (_, place) => String(values[Number(place) - 1]));
}

/** Leaves all words as they are, for pages that have no translations. */
export const UNTRANSLATED: ITrans = {
  __: (text, ...values) => filled(text, values),
  _n: (one, many, count, ...values) => filled(count === 1 ? one : many, [count, ...values]),
  _p: (_, text, ...values) => filled(text, values)
};

const Translation = createContext(UNTRANSLATED);

/** Has all views in it speak the language of `trans`. */
export const Translated = Translation.Provider;

/** Return what turns words into the language of the page that a view is in. */
export function useTrans(): ITrans {
  return useContext(Translation);
}

/** Where an element stands in a sentence: given as the value of a `%1`, and filled by {@link Sentence}. */
export const PLACE = '\uFFFC';

/** A translated sentence with elements in it, each where a {@link PLACE} is: `No numbers yet; see ￼.` */
export function Sentence({ text, children }: { text: string; children: ComponentChildren[] | ComponentChildren }) {
  const elements = Array.isArray(children) ? children : [children];
  return (
    <>
      {text.split(PLACE).map((part, at) => (
        <>
          {part}
          {elements[at]}
        </>
      ))}
    </>
  );
}
