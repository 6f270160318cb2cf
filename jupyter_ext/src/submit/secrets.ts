/**
 * What is never kept, nor shown in a plan: the rules of `traindock.masking`, by which the server hides the same.
 *
 * `tests/masking_cases.json` has both agree.
 */

/** What the server shows in place of a secret. */
export const MASK = '***';

const VARIABLE =
  /(?:PASSWORDS?|PASSWD|PASSPHRASE|SECRETS?|CREDENTIALS?|CONNECTION_?STRING|(?:API|ACCESS|ACCOUNT|PRIVATE)_?KEY|(?:SSH|DB)PASS|(?:^|_)(?:PASS|TOKEN|KEY|AUTH|SAS|PAT)|_PWD)(?:$|_|\d)/i;
const OPTION =
  /(?:password|passwd|passphrase|secret|credentials?|api_?key|access_?key|account_?key|private_?key|(?:^|_)(?:api|access|auth|bearer|hub|hf|refresh|git(?:hub|lab))_?token|^(?:token|pass|pwd|pat|key))$/i;
/** A name with a password, or a token, in an address, wherever that stands: `git+https://user:password@host`. */
const CREDENTIALS = /(?<=:\/\/)[^/\s'"]+@/g;
/** Likewise what signs an address: `https://host/data?sig=…`. */
const TOKENS = /([?&;](?:sig|sas|token|access_token|key|api_key|password|secret)=)[^&;\s'"]+/gi;

/** Whether a variable's value is to be kept secret, by its name, such as `WANDB_API_KEY`. */
export function isSecretVariable(name: string): boolean {
  return VARIABLE.test(name);
}

/** Whether an option's value is to be kept secret, by its name, such as `--hub_token`. */
export function isSecretOption(name: string): boolean {
  return OPTION.test(name.replace(/^-+/, '').replaceAll('-', '_'));
}

function masked(text: string): string {
  return text.replace(CREDENTIALS, `${MASK}@`).replace(TOKENS, `$1${MASK}`);
}

/** Whether a text has an address with a password, or with a token. */
export function hasPassword(text: string): boolean {
  return masked(text) !== text;
}

/** Return a command line's words without those that are secret, and without the options that these belong to. */
export function withoutSecrets(words: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    const [option = '', ...value] = word.split('=');
    if (option.startsWith('-') && isSecretOption(option)) {
      const next = words[at + 1];
      at += value.length === 0 && next !== undefined && !next.startsWith('-') ? 1 : 0;
    } else if (!hasPassword(word)) {
      kept.push(word);
    }
  }
  return kept;
}

/** Return a command line's words as people may see them. */
export function maskedWords(words: readonly string[]): string[] {
  let secret = false;
  return words.map(word => {
    const [option = '', ...value] = word.split('=');
    const named = option.startsWith('-') && isSecretOption(option);
    const given = named && value.join('') !== '';
    const shown = given ? `${option}=${MASK}` : secret && !word.startsWith('-') ? MASK : word;
    secret = named && value.length === 0;
    return masked(shown);
  });
}

/** Whether a word of a run's command line is one that the server hides. */
export function isMasked(word: string): boolean {
  return word === MASK || word.endsWith(`=${MASK}`) || word.includes(`${MASK}@`);
}
