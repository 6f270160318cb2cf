import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDraft } from './draft';
import { type Place, placeOf } from './faults';

/** What stands before the name of an environment variable: one of them is a part of a place. */
const VARIABLE = 'variable ';
const OPTION = placeOf('');

/** Return what of a draft is not there any more where it is restored: options, variables, and fields of several lines. */
export function lostOf(draft: IDraft, restored: IDraft): Place[] {
  const places = [
    ...Object.keys(draft.options).map(placeOf),
    ...draft.variables.map(([name]) => `${VARIABLE}${name}`),
    'pip',
    'free'
  ];
  return unlike(places, draft, restored);
}

/** Return those places in which two drafts differ. */
export function unlike(places: readonly Place[], one: IDraft, other: IDraft): Place[] {
  return places.filter(place => valueAt(one, place) !== valueAt(other, place));
}

/** Return what of a kept draft was not kept, be it by another version. */
export function forgottenOf(kept: unknown): Place[] {
  const { forgotten } = (kept ?? {}) as { forgotten?: unknown };
  return Array.isArray(forgotten) ? forgotten.filter((place): place is string => typeof place === 'string') : [];
}

/** Return the variables that were not kept and are empty since: as such they would take the place of a person's own. */
export function emptiedVariables(forgotten: readonly Place[], draft: IDraft): Place[] {
  return forgotten.filter(place => place.startsWith(VARIABLE) && valueAt(draft, place) === '');
}

/** Return what people call that which was not kept, one after the other. */
export function forgottenNames(forgotten: readonly Place[], trans: TranslationBundle): string {
  const names: Record<Place, string> = { pip: trans.__('lines of “Packages of pip”'), free: trans.__('arguments') };
  const nameOf = (place: Place): string =>
    names[place] ?? place.slice((place.startsWith(OPTION) ? OPTION : VARIABLE).length);
  return forgotten.map(nameOf).join(', ');
}

function valueAt(draft: IDraft, place: Place): unknown {
  if (place.startsWith(OPTION)) {
    return draft.options[place.slice(OPTION.length)] ?? '';
  }
  if (place.startsWith(VARIABLE)) {
    return draft.variables.find(([name]) => `${VARIABLE}${name}` === place)?.[1];
  }
  return draft[place as 'pip' | 'free'];
}
