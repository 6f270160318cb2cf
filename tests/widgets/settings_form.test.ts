import { describe, expect, it } from 'vitest';
import {
  fieldIn,
  fieldsOf,
  filledIn,
  type IApiDocument,
  settingsByKind,
  type Typed,
  typedOf
} from '../../widgets/src/model/settings_form';
import { API } from './compute_documents';

const DOCUMENT = API as unknown as IApiDocument;
const FIELDS = fieldsOf(settingsByKind(DOCUMENT).get('docker') ?? {}, DOCUMENT);
const sent = (typed: Record<string, Typed>, before: Record<string, unknown> = {}) => filledIn(FIELDS, typed, before);
const field = (name: string) => FIELDS.find(one => one.name === name) as (typeof FIELDS)[number];

describe('a form made from a schema', () => {
  it('knows the kinds of compute targets, each with its settings', () => {
    expect([...settingsByKind(DOCUMENT).keys()]).toEqual(['local', 'docker']);
  });

  it('has for each setting a field of its kind', () => {
    expect(Object.fromEntries(FIELDS.map(({ name, kind }) => [name, kind]))).toEqual({
      max_nodes: 'integer',
      idle: 'number',
      memory: 'text',
      gpu: 'choice',
      form: 'choice',
      mounts: 'lines',
      read_only: 'switch',
      tags: 'pairs',
      password: 'secret'
    });
  });

  it('sends what was typed as what it is, and nothing that was not', () => {
    expect(sent({})).toEqual({ values: {}, problems: {} });
    expect(
      sent({
        max_nodes: '2',
        idle: '0.5',
        memory: ' 4g ',
        gpu: 'optional',
        form: 'image',
        mounts: '/a:/b:ro\n\n/c:/d\n',
        read_only: true,
        tags: 'team=ants\nnote=a=b',
        password: ' p '
      }).values
    ).toEqual({
      max_nodes: 2,
      idle: 0.5,
      memory: '4g',
      gpu: 'optional',
      form: 'image',
      mounts: ['/a:/b:ro', '/c:/d'],
      read_only: true,
      tags: { team: 'ants', note: 'a=b' },
      password: ' p '
    });
  });

  it('sends null where something is emptied that may be, and what is usual where it may not', () => {
    const before = { max_nodes: 2, idle: 3, form: 'image', tags: { a: 'b' }, mounts: ['/a:/b'] };
    expect(sent({ max_nodes: '', idle: '', form: '', tags: '', mounts: '' }, before).values).toEqual({
      max_nodes: null,
      idle: 1800,
      form: null,
      tags: null,
      mounts: []
    });
  });

  it('sends nothing that is typed as it was', () => {
    const before = { max_nodes: 2, read_only: true, mounts: [['/a', '/b', true]] };
    expect(typedOf(field('mounts'), before.mounts)).toBe('/a:/b:ro');
    expect(sent({ max_nodes: '2', read_only: true, mounts: '/a:/b:ro' }, before).values).toEqual({});
  });

  it('shows no secret, and leaves one as it is that nobody types', () => {
    expect(typedOf(field('password'), 'hidden')).toBe('');
    expect(sent({ password: '' }, { password: 'hidden' }).values).toEqual({});
  });

  it.each([
    ['max_nodes', 'many', 'no number'],
    ['max_nodes', '1.5', 'no whole number'],
    ['max_nodes', '0', '1 at least'],
    ['memory', 'lots', 'is not of its form'],
    ['tags', 'team', 'no name=value']
  ])('says beside %s what is wrong with %j', (name, text, why) => {
    const { values, problems } = sent({ [name]: text });
    expect([values, problems[name]]).toEqual([{}, expect.stringContaining(why)]);
  });

  it('finds the field that an error is about', () => {
    expect(fieldIn(FIELDS, 'max_nodes is a number of 1 or more, not 0')).toBe('max_nodes');
    expect(fieldIn(FIELDS, 'mounts: /a is not there')).toBe('mounts');
    expect(fieldIn(FIELDS, 'there is no memory_limit')).toBeNull();
    expect(fieldIn(FIELDS, 'the engine does not answer')).toBeNull();
  });
});
