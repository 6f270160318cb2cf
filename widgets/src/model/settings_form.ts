import { type ITrans, UNTRANSLATED } from '../translation';
/** Forms made from JSON schemas: what is asked for, what is typed, and what is sent. */

/** A JSON schema, as far as forms look at it. */
export interface ISchema {
  type?: string | string[];
  enum?: (string | null)[];
  anyOf?: ISchema[];
  items?: ISchema;
  properties?: Record<string, ISchema>;
  additionalProperties?: ISchema | boolean;
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  maxLength?: number;
  format?: string;
  writeOnly?: boolean;
  $ref?: string;
  const?: unknown;
  if?: ISchema;
  then?: ISchema;
  allOf?: ISchema[];
}

/** The OpenAPI document, as far as forms look at it. */
export interface IApiDocument {
  components: { schemas: Record<string, ISchema> };
}

/** A field of a form. */
export interface IField {
  name: string;
  /** How it is filled in: `lines` has a value on each, `pairs` a name=value on each. */
  kind: 'integer' | 'number' | 'text' | 'choice' | 'switch' | 'lines' | 'pairs' | 'secret';
  help: string;
  /** What it is where nothing is typed. */
  default: unknown;
  /** Whether it may be null, which an empty field stands for. */
  nullable: boolean;
  /** Of a choice; "" stands for null. */
  choices: string[];
  minimum?: number;
  maximum?: number;
  pattern?: string;
  maxLength?: number;
}

/** What is typed into a field: a text, or whether a switch is on. */
export type Typed = string | boolean;

/** Return a schema that a reference names, or itself. */
export function resolved(schema: ISchema, document: IApiDocument): ISchema {
  const name = schema.$ref?.split('/').pop();
  return name === undefined ? schema : (document.components.schemas[name] ?? {});
}

/** Return the schema of the settings of each kind of compute target. */
export function settingsByKind(document: IApiDocument): Map<string, ISchema> {
  const rules = document.components.schemas.NewCompute?.allOf ?? [];
  return new Map(
    rules.flatMap(rule => {
      const kind = rule.if?.properties?.kind?.const;
      const settings = rule.then?.properties?.settings;
      return typeof kind === 'string' && settings !== undefined ? [[kind, resolved(settings, document)]] : [];
    })
  );
}

/** Return the fields for an object. */
export function fieldsOf(schema: ISchema, document: IApiDocument): IField[] {
  return Object.entries(schema.properties ?? {}).map(([name, property]) => fieldOf(name, property, document));
}

function fieldOf(name: string, property: ISchema, document: IApiDocument): IField {
  const alternatives = (property.anyOf ?? [property]).map(one => resolved(one, document));
  const types = alternatives.flatMap(one => one.type ?? []);
  const first = alternatives.find(one => one.type !== 'null') ?? {};
  const constraints = alternatives.find(one => one.pattern !== undefined) ?? first;
  const choices = property.enum ?? [];
  const nullable = types.includes('null') || choices.includes(null);
  return {
    name,
    kind: kindOf(property, types, choices.length > 0),
    help: property.description ?? '',
    default: property.default,
    nullable,
    choices: choices.map(choice => choice ?? ''),
    minimum: types.includes('string') ? undefined : first.minimum,
    maximum: first.maximum,
    pattern: constraints.pattern,
    maxLength: constraints.maxLength
  };
}

function kindOf(property: ISchema, types: string[], choice: boolean): IField['kind'] {
  if (choice) {
    return 'choice';
  }
  if (property.writeOnly || property.format === 'password') {
    return 'secret';
  }
  const found = (['array', 'object', 'boolean', 'string', 'integer', 'number'] as const).find(type =>
    types.includes(type)
  );
  const kinds = { array: 'lines', object: 'pairs', boolean: 'switch', string: 'text' } as const;
  return found === 'integer' || found === 'number' ? found : kinds[found ?? 'string'];
}

/** Return what is typed in a field that has a value; secrets are never shown again. */
export function typedOf(field: IField, value: unknown): Typed {
  if (field.kind === 'switch') {
    return value === true;
  }
  if (field.kind === 'secret' || value === null || value === undefined) {
    return '';
  }
  if (field.kind === 'lines') {
    return (Array.isArray(value) ? value : [value]).map(lineOf).join('\n');
  }
  if (field.kind === 'pairs') {
    return Object.entries(value as Record<string, unknown>)
      .map(([name, one]) => `${name}=${String(one)}`)
      .join('\n');
  }
  return String(value);
}

/** A mount may have been given as its parts. */
function lineOf(value: unknown): string {
  if (!Array.isArray(value)) {
    return String(value);
  }
  const [from, to, readOnly] = value as [string, string, boolean?];
  return `${from}:${to}${readOnly ? ':ro' : ''}`;
}

/**
 * Return the value that is typed in a field; undefined where a secret stays as it is.
 *
 * @throws Error where it can be none; its message says why.
 */
export function readTyped(field: IField, typed: Typed, trans: ITrans = UNTRANSLATED): unknown {
  if (typeof typed === 'boolean') {
    return typed;
  }
  const text = typed.trim();
  if (field.kind === 'secret') {
    return text === '' ? undefined : typed;
  }
  if (field.kind === 'lines') {
    return linesOf(text);
  }
  if (field.kind === 'pairs') {
    return text === '' && field.nullable ? null : Object.fromEntries(linesOf(text).map(line => pairOf(line, trans)));
  }
  if (text === '') {
    return field.nullable ? null : (field.default ?? '');
  }
  if (field.kind === 'integer' || field.kind === 'number') {
    return numberOf(field, text, trans);
  }
  if (field.pattern !== undefined && !new RegExp(field.pattern, 'u').test(text)) {
    throw new Error(trans.__('“%1” is not of its form: %2', text.slice(0, 80), field.help));
  }
  return text;
}

function numberOf(field: IField, text: string, trans: ITrans): number {
  const value = Number(text);
  if (!Number.isFinite(value)) {
    throw new Error(trans.__('“%1” is no number.', text.slice(0, 80)));
  }
  if (field.kind === 'integer' && !Number.isInteger(value)) {
    throw new Error(trans.__('%1 is no whole number.', text));
  }
  if (field.minimum !== undefined && value < field.minimum) {
    throw new Error(trans.__('%1 is too little: %2 at least.', text, field.minimum));
  }
  if (field.maximum !== undefined && value > field.maximum) {
    throw new Error(trans.__('%1 is too much: %2 at most.', text, field.maximum));
  }
  return value;
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '');
}

function pairOf(line: string, trans: ITrans): [string, string] {
  const at = line.indexOf('=');
  if (at < 1) {
    throw new Error(trans.__('“%1” is no name=value.', line.slice(0, 80)));
  }
  return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}

/** Values by field, and what is wrong with those that have none. */
export interface IFilledIn {
  values: Record<string, unknown>;
  problems: Record<string, string>;
}

/**
 * Return what is to be sent: the values that differ from those before, or from the defaults.
 *
 * @param before - What they are now; empty for what is new.
 */
export function filledIn(
  fields: readonly IField[],
  typed: Record<string, Typed>,
  before: Record<string, unknown>,
  trans: ITrans = UNTRANSLATED
): IFilledIn {
  const values: Record<string, unknown> = {};
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const was = before[field.name] ?? field.default ?? null;
    const text = typed[field.name] ?? typedOf(field, was);
    if (text === typedOf(field, was)) {
      continue;
    }
    try {
      const value = readTyped(field, text, trans);
      if (value !== undefined && JSON.stringify(value) !== JSON.stringify(was)) {
        values[field.name] = value;
      }
    } catch (problem) {
      problems[field.name] = (problem as Error).message;
    }
  }
  return { values, problems };
}

/** Return the field that an error is about, as its message tells; null where it names none. */
export function fieldIn(fields: readonly { name: string }[], message: string): string | null {
  const named = fields
    .map(({ name }) => ({ name, at: message.search(new RegExp(`(?<![A-Za-z0-9_])${name}(?![A-Za-z0-9_])`)) }))
    .filter(({ at }) => at !== -1)
    .sort((one, other) => one.at - other.at);
  return named[0]?.name ?? null;
}
