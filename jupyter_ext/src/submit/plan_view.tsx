import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Fragment } from 'preact';
import { bytes, capital, duration, grouped, memory, shortened } from '../../../widgets/src/format';
import { type Fact, Section } from '../../../widgets/src/views/section';
import type { PlanDocument } from './documents';
import { maskedWords } from './secrets';
import { quoteWords } from './words';

/** Files that are listed at first, of the largest, which the plan names. */
const FEW_FILES = 8;
/** What of a recipe the environment's own sentence says. */
const TOLD = new Set(['user_managed']);

/** What a submit would send and launch, for people to read; all of it, word for word, beneath. */
export function PlanView({ plan, trans }: { plan: PlanDocument; trans: TranslationBundle }) {
  const { source, recipe } = plan;
  const job = plan.plan;
  const mounts = Object.entries(job.mounts);
  const variables = Object.entries(job.variables);
  return (
    <div class="td-facts jp-Traindock-planParts">
      <Files source={source} trans={trans} />
      <Section
        title={trans.__('Environment')}
        rows={[[trans.__('What happens'), actionOf(plan, trans)], ...recipeRows(recipe)]}
      />
      <Section
        title={trans.__('Command')}
        rows={[
          [trans.__('On'), plan.compute_target],
          [trans.__('GPUs'), String(job.gpus)],
          executed(job.command, trans),
          ...limitRows(job.limits, trans)
        ]}
      />
      {mounts.length > 0 && <Seen mounts={mounts} trans={trans} />}
      {variables.length > 0 && (
        <details>
          <summary>{trans._n('%1 environment variable', '%1 environment variables', variables.length)}</summary>
          <Section title="" rows={variables.map(([name, value]) => [name, <code>{shortened(value, 300)}</code>])} />
        </details>
      )}
      <details>
        <summary>{trans.__('All of it, as JSON')}</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be scrolled by keys, too */}
        <pre tabIndex={0}>{JSON.stringify({ ...job, command: maskedWords(job.command) }, null, 2)}</pre>
      </details>
    </div>
  );
}

function Files({ source, trans }: { source: PlanDocument['source']; trans: TranslationBundle }) {
  const files = Object.entries(source.files).sort(([, one], [, other]) => other - one);
  const list = (from: number, to?: number) => (
    <ul class="jp-Traindock-sent">
      {files.slice(from, to).map(([name, size]) => (
        <li key={name}>
          <span title={name}>{shortened(name, 120)}</span> <span class="td-muted td-number">{bytes(size)}</span>
        </li>
      ))}
    </ul>
  );
  return (
    <div>
      <h4>{trans.__('What is sent')}</h4>
      <p>{trans._n('%2 file, %3', '%2 files, %3', source.count, grouped(source.count), bytes(source.bytes))}</p>
      {source.warnings.map(warning => (
        <p key={warning} class="td-notice">
          {warning}
        </p>
      ))}
      {list(0, FEW_FILES)}
      {files.length > FEW_FILES && (
        <details>
          <summary>{trans.__('%1 more', grouped(source.count - FEW_FILES))}</summary>
          {list(FEW_FILES)}
          {source.count > files.length && (
            <p class="td-muted">{trans.__('and %1 more', grouped(source.count - files.length))}</p>
          )}
        </details>
      )}
    </div>
  );
}

/** Words of a command line, which are parted between them alone. */
function CommandLine({ words }: { words: readonly string[] }) {
  return (
    <code>
      {words.map((word, at) => (
        <Fragment key={at}>
          {at > 0 && ' '}
          <span class="jp-Traindock-word">{quoteWords([word])}</span>
        </Fragment>
      ))}
    </code>
  );
}

/** What of this machine a job can see: most of it has the same path there. */
function Seen({ mounts, trans }: { mounts: readonly [path: string, place: string][]; trans: TranslationBundle }) {
  return (
    <div class="jp-Traindock-seen">
      <h4>{trans.__('What the job sees of this machine')}</h4>
      <ul class="jp-Traindock-sent">
        {mounts.map(([path, place]) => (
          <li key={path}>
            <code>{place}</code>
            {path !== place && (
              <>
                {' '}
                <span class="td-muted">{trans.__('as')}</span> <code>{path}</code>
              </>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Return what is executed: a notebook by its name, all else by its command line. */
function executed(command: readonly string[], trans: TranslationBundle): Fact {
  const notebook = command.includes('--') ? undefined : command[command.indexOf('--notebook') + 1 || command.length];
  return notebook === undefined
    ? [trans.__('Command line'), <CommandLine words={maskedWords(ownWords(command))} />]
    : [
        trans.__('Notebook'),
        trans.__(
          '%1, cell by cell. With its outputs it is kept as %2.',
          notebook,
          `outputs/${PathExt.basename(notebook)}`
        )
      ];
}

/** Return what of a command line is the script's: before `--` stands how Traindock begins it. */
function ownWords(command: readonly string[]): readonly string[] {
  const at = command.indexOf('--');
  return at < 0 ? command : ['python', ...command.slice(at + 1)];
}

function actionOf({ plan, recipe }: PlanDocument, trans: TranslationBundle): string {
  const { action, why } = plan.environment;
  const { dockerfile } = (recipe.container ?? {}) as { dockerfile?: unknown };
  const words: Record<string, string> = {
    cached: trans.__('It is there already.'),
    build:
      recipe.user_managed && !dockerfile
        ? trans.__('Its Python is used as it is; the image is fetched first where it is not there.')
        : trans.__('It is built first, which may take minutes.')
  };
  return (
    [words[action ?? ''] ?? '', sentence(named(why ?? ''))].filter(text => text !== '').join(' ') || (action ?? '')
  );
}

/** Return a sentence with programs by their names, as the server tells of runs; where they are stands in the JSON. */
function named(text: string): string {
  return text.replace(/(^|\s)\/(?:[^\s/]+\/)+([^\s/]+)/g, '$1…/$2');
}

/** Return a text that begins like a sentence, unless it begins with a name, such as that of an image. */
function sentence(text: string): string {
  return /^[a-z]+(?=,?\s|:\s|$)/.test(text) ? capital(text) : text;
}

function recipeRows(recipe: Record<string, unknown>): Fact[] {
  return Object.entries(recipe)
    .filter(([name, value]) => !TOLD.has(name) && saysSomething(value))
    .map(([name, value]) => [name.replaceAll('_', ' '), plain(value)]);
}

/** Whether a value is more than the lack of one. */
function saysSomething(value: unknown): boolean {
  return typeof value === 'object' ? Object.values(value ?? {}).some(saysSomething) : value !== '';
}

function plain(value: unknown): string {
  if (Array.isArray(value)) {
    return shortened(value.map(plain).join(', '), 500);
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .filter(([, one]) => saysSomething(one))
      .map(([name, one]) => `${name}=${plain(one)}`)
      .join(', ');
  }
  return String(value);
}

function limitRows(limits: Record<string, unknown>, trans: TranslationBundle): Fact[] {
  const names: Record<string, [string, (value: number) => string]> = {
    max_seconds: [trans.__('Ended after'), duration],
    grace_seconds: [trans.__('Time to end by itself after a stop'), duration],
    memory_bytes: [trans.__('Memory'), memory],
    cpus: [trans.__('Processors'), String],
    shm_bytes: [trans.__('Shared memory'), memory]
  };
  return Object.entries(limits).flatMap(([name, value]): Fact[] => {
    const [title, say] = names[name] ?? [name.replaceAll('_', ' '), String];
    return typeof value === 'number' ? [[title, say(value)]] : value ? [[title, plain(value)]] : [];
  });
}
