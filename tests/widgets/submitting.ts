import { nullTranslator } from '@jupyterlab/translation';
import type {
  ComputeDocument,
  PlanDocument,
  ScriptDocument,
  ScriptOption
} from '../../jupyter_ext/src/submit/documents';
import type { KeptDraft } from '../../jupyter_ext/src/submit/draft';
import type { INewRunPage } from '../../jupyter_ext/src/submit/new_run';
import { Workspaces } from '../../jupyter_ext/src/workspaces';
import type { IRequestOptions } from '../../widgets/src/sources/source';
import { FakeSource } from './sources';

export const W = '0123456789abcdef0123456789abcdef';
/** Another workspace, which {@link newRunPage} does not have by itself. */
export const OTHER = 'fedcba9876543210fedcba9876543210';

/** A source that keeps what it is sent. */
export class AskedSource extends FakeSource {
  readonly sent: [path: string, body: unknown][] = [];
  /** What ends what was sent. */
  readonly signals: (AbortSignal | undefined)[] = [];

  override async request<T>(path: string, options: IRequestOptions = {}): Promise<T> {
    if (options.method === 'POST') {
      this.sent.push([path, options.body]);
      this.signals.push(options.signal);
    }
    return super.request<T>(path, options);
  }
}

/** Return an option as the server describes it. */
export function option(flags: string | null, more: Partial<ScriptOption> = {}): ScriptOption {
  return {
    flags: flags === null ? [] : flags.split(' '),
    dest: (flags ?? more.dest ?? '').split(' ')[0]?.replace(/^-+/, '') ?? '',
    kind: flags === null ? 'positional' : 'value',
    action: 'store',
    type: 'str',
    type_source: '',
    default: null,
    default_source: '',
    choices: null,
    required: flags === null,
    help: '',
    nargs: null,
    const: null,
    metavar: null,
    group: '',
    on: null,
    off: null,
    ...more
  };
}

/** Return a flag, which is not given unless it is ticked. */
export function flag(name: string, more: Partial<ScriptOption> = {}): ScriptOption {
  return option(name, { kind: 'flag', action: 'flag', type: 'bool', default: false, on: name, ...more });
}

export const SCRIPT: ScriptDocument = {
  path: 'work/project/train.py',
  folder: 'work/project',
  script: 'train.py',
  kind: 'script',
  experiment: 'project',
  parsed: true,
  why: '',
  options: [
    option(null, { dest: 'data', help: 'folder with images' }),
    option('--lr', { type: 'float', default: 0.01 }),
    option('--epochs -e', { type: 'int', default: 3 }),
    option('--optimizer', { kind: 'choice', choices: ['sgd', 'adam'], default: 'sgd' }),
    flag('--amp'),
    option('--hub_token')
  ],
  exclusive: [],
  notes: []
};

export const LOCAL: ComputeDocument = {
  name: 'local',
  kind: 'local',
  state: 'ready',
  trouble: '',
  nodes: { max: 2, busy: 1, waiting: 0 },
  gpu: 'required',
  devices: []
};

export const PLAN: PlanDocument = {
  experiment: 'project',
  compute_target: 'local',
  source: {
    folder: 'work/project',
    files: { 'data.bin': 3_000_000, 'train.py': 700 },
    count: 2,
    bytes: 3_000_700,
    warnings: []
  },
  recipe: {},
  plan: {
    kind: 'local',
    environment: { action: 'build', why: 'the interpreter /home/ann/.venv/bin/python lacks torch' },
    command: ['{python}', 'bootstrap.py', '--', 'train.py', 'images', '--hub_token=abc'],
    cwd: '/work',
    variables: { SOME: 'thing' },
    mounts: {},
    gpus: 0,
    limits: { max_seconds: 3600 },
    target: {},
    request: {}
  }
};

/** What a form needs, with a source that knows a script, and what is kept of what is filled in. */
export function newRunPage(
  script: ScriptDocument = SCRIPT
): INewRunPage & { source: AskedSource; kept: Map<string, KeptDraft>; keptWorkspaces: string[] } {
  const source = new AskedSource();
  const keptWorkspaces: string[] = [];
  source.answers.set('/workspaces', { workspaces: [{ id: W, name: 'mine', default: true, runs: 0 }] });
  source.answers.set('/scripts/options', script);
  source.answers.set(`/workspaces/${W}/computes`, { computes: [LOCAL] });
  source.answers.set(`/workspaces/${W}/experiments`, { experiments: [{ name: 'project' }, { name: 'other' }] });
  source.answers.set(`/workspaces/${W}/plans`, PLAN);
  source.answers.set(`/workspaces/${W}/runs`, { url: '', run: { id: 'project_1_a' } });
  const kept = new Map<string, KeptDraft>();
  return {
    source,
    kept,
    keptWorkspaces,
    keepWorkspace: id => void keptWorkspaces.push(id),
    workspaces: new Workspaces(source, null),
    trans: nullTranslator.load(''),
    usualCompute: () => '',
    drafts: {
      fetch: async path => kept.get(path),
      save: (path, draft) => {
        kept.set(path, draft);
      }
    },
    scriptsIn: async () => undefined
  };
}
