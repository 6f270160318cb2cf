import type { Compute, Machine, Queue, QueueEntry } from '../../widgets/src/compute_documents';

const rule = (kind: string, name: string) => ({
  if: { properties: { kind: { const: kind } } },
  // biome-ignore lint/suspicious/noThenProperty: JSON schema's own word
  then: { properties: { settings: { $ref: `#/components/schemas/${name}` } } }
});

/** What of the API's own description forms are made from, with a field of each kind. */
export const API = {
  components: {
    schemas: {
      ComputeName: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9-]{0,22}[A-Za-z0-9]$' },
      NewCompute: {
        allOf: [rule('local', 'LocalSettings'), rule('docker', 'DockerSettings')]
      },
      Strings: { type: 'object', additionalProperties: { type: 'string' } },
      LocalSettings: {
        description: 'Processes of this machine.',
        properties: {
          max_nodes: { type: ['integer', 'null'], minimum: 1, default: null, description: 'How many; null for one.' }
        }
      },
      DockerSettings: {
        description: 'Containers.',
        properties: {
          max_nodes: { type: ['integer', 'null'], minimum: 1, default: null, description: 'How many; null for one.' },
          idle: { type: 'number', minimum: 0, default: 1800 },
          memory: {
            description: 'As a text, or bytes; null for that of max_nodes.',
            default: null,
            anyOf: [{ type: 'null' }, { type: 'integer', minimum: 16 }, { type: 'string', pattern: '^[0-9]+[kmg]?$' }]
          },
          gpu: { enum: ['required', 'optional'], default: 'required' },
          form: { enum: ['volume', 'image', null], default: null },
          mounts: { type: 'array', default: [], items: {} },
          read_only: { type: 'boolean', default: false },
          tags: { default: null, anyOf: [{ type: 'null' }, { $ref: '#/components/schemas/Strings' }] },
          password: { type: ['string', 'null'], writeOnly: true, default: null }
        }
      }
    }
  }
};

/** A compute target with one node, at which a run is at work. */
export const COMPUTE: Compute = {
  name: 'box',
  kind: 'local',
  state: 'ready',
  trouble: '',
  settings: { max_nodes: 1 },
  changeable: true,
  nodes: { max: 1, busy: 1, waiting: 3 },
  engine: null
};

export const MACHINE: Machine = {
  cpus: { count: 2, load: 0.25 },
  memory: { total_bytes: 8 * 2 ** 30, available_bytes: 2 ** 30 },
  disk: { total_bytes: 2e9, free_bytes: 1e9 },
  gpus: [],
  gpus_answered: true,
  engines: []
};

/** A run that waits, by its id. */
export function entryOf(run: string): QueueEntry {
  return {
    run,
    experiment: 'insects',
    number: 1,
    display_name: `run ${run}`,
    user: 'ann',
    state: 'Queued',
    detail: 'waiting for a node, held by insects_1',
    created: '2026-01-01T00:00:00Z',
    started: null,
    gpus: 0,
    nodes: 1
  };
}

/** What the server answers of a queue that is asked for by a path. */
export function pageOfQueue(queue: Queue, path: string): Queue {
  const asked = new URLSearchParams(path.split('?')[1]);
  const [text, offset, limit] = [asked.get('text') ?? '', Number(asked.get('offset')), Number(asked.get('limit'))];
  const found = queue.waiting.filter(one => `${one.display_name} ${one.run}`.includes(text.toLowerCase()));
  return { ...queue, waiting: found.slice(offset, offset + limit), found: found.length };
}

/** A queue with a run at work, and others that wait. */
export function queueOf(...waiting: string[]): Queue {
  return {
    compute: 'box',
    max_nodes: 1,
    running: [
      {
        ...entryOf('insects_1'),
        display_name: 'run a',
        state: 'Running',
        detail: '',
        started: '2026-01-01T00:00:00Z',
        devices: []
      }
    ],
    waiting: waiting.map((run, at) => ({
      ...entryOf(run),
      position: at + 1,
      held_by: [],
      ahead: waiting[at - 1] ?? null,
      behind: waiting.slice(at + 1, at + 3)
    })),
    found: waiting.length,
    length: waiting.length
  };
}
