import { describe, expect, it } from 'vitest';
import type { RunMessage } from '../../widgets/src/documents';
import { RunModel } from '../../widgets/src/model/run_model';
import { RequestError, type RunListener, type Source } from '../../widgets/src/sources/source';
import { problemOf } from '../../widgets/src/views/problems';

/** A source that tells what the test has it tell, and refuses each request. */
class FakeSource implements Source {
  readonly reach = 'now';
  listener: RunListener | null = null;

  constructor(private readonly refusal: RequestError) {}

  follow(_: unknown, listener: RunListener) {
    this.listener = listener;
    return () => {
      this.listener = null;
    };
  }

  followList() {
    return () => undefined;
  }

  request<T>(): Promise<T> {
    return Promise.reject(this.refusal);
  }

  bytes(): Promise<ArrayBuffer> {
    return Promise.reject(this.refusal);
  }

  address(): null {
    return null;
  }

  tell(message: RunMessage): void {
    this.listener?.onMessage(message);
  }
}

const state = { state: 'Running', history: [] } as never;

/** Follow a run from a source whose requests are refused like that, until the refusal has come. */
async function followed(code: string) {
  const source = new FakeSource(new RequestError(code, 'It was refused.', 'Do something.'));
  const model = new RunModel(source, { workspace: 'w', run: 'r' });
  model.observe(() => undefined);
  await Promise.resolve();
  await Promise.resolve();
  return { source, model };
}

describe('a run that cannot be shown', () => {
  it('says that the server has no extension, since nobody is there to tell whether it can be followed', async () => {
    const { model } = await followed('no_extension');
    expect(model.error).toEqual({ code: 'no_extension', message: 'It was refused.', advice: 'Do something.' });
  });

  it('says nothing of a request that failed while it is followed', async () => {
    const { model } = await followed('unreachable');
    expect(model.error).toBeNull();
  });

  it('is shown as soon as somebody tells of it', async () => {
    const { source, model } = await followed('no_extension');
    source.tell({ cursor: '1', state });
    expect(model.error).toBeNull();
    expect(model.state?.state).toBe('Running');
  });

  it('keeps what was known when it was deleted', async () => {
    const { source, model } = await followed('unreachable');
    source.tell({ cursor: '1', state });
    source.tell({ error: { code: 'run_not_found', message: 'there is no run r', advice: 'GET /runs' } });
    expect(model.state?.state).toBe('Running');
    expect(model.error?.code).toBe('run_not_found');
  });
});

describe('what a page knows of a run', () => {
  const BUILD = 'logs/build.txt';
  const OUTPUT = 'logs/stdout.txt';
  const NOON = Date.parse('2026-01-01T12:00:00Z');
  const log = (name: string, text: string) => ({ logs: { [name]: { offset: 0, gap: 0, text } } });
  const being = (name: string): RunMessage => ({
    state: { state: name, history: [], started: '2026-01-01T11:59:00Z', seconds: 7 } as never
  });

  it.each([
    ['Preparing', BUILD],
    ['Running', OUTPUT],
    ['Failed', BUILD]
  ])('has of a run that is %s, and has printed nothing yet, %s as the log that tells most', async (one, name) => {
    const { source, model } = await followed('unreachable');
    source.tell({ ...being(one), ...log(BUILD, 'Collecting torch\n') });
    expect(model.spokenLog).toBe(name);
  });

  it.each(['Preparing', 'Running', 'Failed'])('has the output of one that is %s once there is some', async one => {
    const { source, model } = await followed('unreachable');
    source.tell({ ...being(one), ...log(BUILD, 'Collecting torch\n') });
    source.tell(log(OUTPUT, 'Epoch 1/2\n'));
    expect(model.spokenLog).toBe(OUTPUT);
  });

  it('has how far it is while its script runs, and no longer', async () => {
    const { source, model } = await followed('unreachable');
    source.tell({ ...being('Running'), ...log(OUTPUT, 'Epoch 3/10\n') });
    expect(model.progress(NOON)?.label).toBe('Epoch 3 of 10');
    for (const one of ['CancelRequested', 'Finalizing', 'Canceled']) {
      source.tell(being(one));
      expect(model.progress(NOON)).toBeUndefined();
    }
  });

  it('is no more as far as a bar tells once other lines have followed it', async () => {
    const { source, model } = await followed('unreachable');
    source.tell({ ...being('Running'), ...log(OUTPUT, '100%|####| 10/10 [00:10<00:00, 1it/s]\nsaved\n') });
    expect(model.progress(NOON)?.label).toBe('10 of 10');
    source.tell(log(OUTPUT, 'loading\nloaded\n'));
    expect(model.progress(NOON)).toBeUndefined();
  });

  it.each([
    ['Running', 60],
    ['CancelRequested', 60],
    ['Finalizing', 7],
    ['Canceled', 7]
  ])('has the seconds that the script of one that is %s has taken', async (one, seconds) => {
    const { source, model } = await followed('unreachable');
    source.tell(being(one));
    expect(model.seconds(NOON)).toBe(seconds);
  });

  it('is forgotten where something comes that stands for all of it', async () => {
    const { source, model } = await followed('unreachable');
    const point = (at: number) => ({ name: 'loss', times: [at], values: [at], steps: null });
    const told = (at: number): RunMessage => ({
      ...log(OUTPUT, `line ${at}\n`),
      metrics: { series: [point(at)], records: [], records_left_out: 0 },
      resources: { series: [point(at)] }
    });
    source.tell(told(1));
    source.tell({ ...told(2), whole: true });
    expect(model.logs.get(OUTPUT)?.lines.map(line => line.text)).toEqual(['line 2']);
    expect([...model.series.values(), ...model.resources.values()].map(series => series.last)).toEqual([[2], [2]]);
  });

  it('is of bounded size, and the newest, where values that are no curves come without end', async () => {
    const { source, model } = await followed('unreachable');
    const records = Array.from({ length: 300 }, (_, at) => ({ name: 'row', value: at }) as never);
    for (let times = 0; times < 3; times++) {
      source.tell({ metrics: { series: [], records, records_left_out: 0 } });
    }
    expect(model.records).toHaveLength(500);
    expect(model.records.slice(-300)).toEqual(records);
  });
});

describe('what is said of an error', () => {
  it('is for people where the API speaks to those who write requests', () => {
    const advice = 'List the runs of the workspace: GET /workspaces/{workspace}/runs.';
    expect(problemOf({ code: 'run_not_found', message: 'no run', advice })).not.toContain('GET');
  });

  it('is what the API says where that helps', () => {
    expect(problemOf({ code: 'unknown', message: 'What is wrong.', advice: 'What to do.' })).toBe(
      'What is wrong. What to do.'
    );
  });
});

describe('a line of a log', () => {
  const model = new RunModel(new FakeSource(new RequestError('x', '', '')), { workspace: 'w', run: 'r' });

  it('has the path in the source folder where a traceback names a file of the run', () => {
    const frame = '  File "/data/runs/r/work/nets/$&.py", line 12, in forward';
    expect(model.readable(frame)).toBe('  File "nets/$&.py", line 12, in forward');
  });

  it('is as it was written otherwise, colours apart', () => {
    const library = '  File "/usr/lib/python3/ast.py", line 12, in parse';
    expect(model.readable(library)).toBe(library);
    expect(model.readable('\u001b[31mThe file "/work/a.py" is missing\u001b[0m')).toBe(
      'The file "/work/a.py" is missing'
    );
  });
});
