import type { IField, Typed } from '../../../widgets/src/model/settings_form';
import { hasPassword, isSecretVariable } from '../submit/secrets';

/** What a person has typed into the form of a compute target. */
export interface ITypedForm {
  name: string;
  kind: string;
  /** By field. */
  typed: Readonly<Record<string, Typed>>;
}

/** Return what of it may be kept: no secrets. */
export function keptOf({ name, kind, typed }: ITypedForm, fields: readonly IField[]): ITypedForm {
  const kept = fields
    .filter(field => field.kind !== 'secret' && typed[field.name] !== undefined)
    .map(field => [field.name, typed[field.name] as Typed] as const)
    .filter(([, value]) => !hasSecrets(value)); // with a part of it gone, saving would take that away
  return { name, kind, typed: Object.fromEntries(kept) };
}

function hasSecrets(typed: Typed): boolean {
  return (
    typeof typed === 'string' &&
    typed.split('\n').some(line => {
      const [name = '', ...value] = line.split('=');
      return (value.join('=').trim() !== '' && isSecretVariable(name.trim())) || hasPassword(line);
    })
  );
}

/** Return what was kept, be it by another version; null where nothing was typed. */
export function typedFormOf(kept: unknown): ITypedForm | null {
  const { name, kind, typed } = (kept ?? {}) as Partial<ITypedForm>;
  if (typeof name !== 'string' || typeof kind !== 'string' || typeof typed !== 'object' || typed === null) {
    return null;
  }
  const known = Object.entries(typed).filter(([, value]) => typeof value === 'string' || typeof value === 'boolean');
  return name === '' && known.length === 0 ? null : { name, kind, typed: Object.fromEntries(known) };
}
