import { describe, expect, it } from 'vitest';
import {
  hasPassword,
  isSecretOption,
  isSecretVariable,
  MASK,
  maskedWords,
  withoutSecrets
} from '../../jupyter_ext/src/submit/secrets';
// What the server hides: its own tests read the same cases.
import cases from '../masking_cases.json';

describe('hides what the server hides', () => {
  it.each(cases.variables.secret)('the value of the variable %s', name => {
    expect(isSecretVariable(name)).toBe(true);
  });

  it.each(cases.variables.open)('but not that of %s', name => {
    expect(isSecretVariable(name)).toBe(false);
  });

  it.each(cases.options.secret)('the value of the option %s', name => {
    expect(isSecretOption(name)).toBe(true);
  });

  it.each(cases.options.open)('but not that of the option %s', name => {
    expect(isSecretOption(name)).toBe(false);
  });

  it.each(cases.command_lines)('of the words $words', ({ words, shown }) => {
    expect(maskedWords(words)).toEqual(shown);
  });
});

it.each(cases.command_lines)('keeps nothing of $words that it hides', ({ words, shown }) => {
  const hidden = shown.filter(word => word.includes(MASK));
  const kept = withoutSecrets(words);
  expect(maskedWords(kept).filter(word => hidden.includes(word))).toEqual([]);
  expect(kept.some(hasPassword)).toBe(false);
});
