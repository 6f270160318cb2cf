import { version } from '../../package.json';
import { Observed } from '../../widgets/src/model/observed';
import type { Disposer, Source } from '../../widgets/src/sources/source';
import type { ITrans } from '../../widgets/src/translation';

const SHORT: Record<string, string> = { alpha: 'a', beta: 'b' };

/** Return a version of npm's as Python writes it: `0.2.0-beta.1` is `0.2.0b1`. */
export function asPython(name: string): string {
  return name.replace(/-([a-z]+)\.(\d+)$/, (_, word: string, number: string) => `${SHORT[word] ?? word}${number}`);
}

/**
 * Whether the server has the version of Traindock that this page has.
 *
 * They come in one wheel, but a page that is open, or a server that runs, still has the version before when another one
 * is installed; and JupyterLab may find the extension of another environment.
 */
export class Versions extends Observed {
  /**
   * @param trans - For the words of its note.
   * @param own - The version of this page.
   */
  constructor(
    private readonly trans: ITrans,
    private readonly own = asPython(version)
  ) {
    super();
  }

  /** What people are to know; empty while both are the same, or nobody has told. */
  note = '';

  /** Ask a server that has just come up, or again. */
  async check(source: Pick<Source, 'request'>): Promise<void> {
    let told: unknown;
    try {
      told = (await source.request<{ version?: unknown }>('/')).version;
    } catch {
      return; // why a server does not answer is told by what it is asked for
    }
    this.note =
      told === this.own
        ? ''
        : this.trans.__(
            'This page has version %1 of Traindock, and the Jupyter server %2: some of this may be missing ' +
              'or wrong. Reload the page. If that does not help, start the Jupyter server again; ' +
              '“jupyter labextension list” and “pip show traindock” tell which versions are installed where.',
            this.own,
            told
          );
    this._changed();
  }

  protected _follow(): Disposer {
    return () => undefined;
  }
}
