import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunMessage } from '../../widgets/src/documents';
import { RunModel } from '../../widgets/src/model/run_model';
import { problemOf } from '../../widgets/src/problems';
import '../../widgets/src/sources/server_source';
import { type Reach, RequestError, type RunListener, type Source } from '../../widgets/src/sources/source';
import { RUN, STATE } from './documents';

/** A source that tells what the test has it tell, and refuses each request. */
class FakeSource implements Source {
  readonly reach: Reach = 'now';
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

/** A source that answers with a run that is called like the number of the question. */
class AnsweringSource extends FakeSource {
  asked = 0;

  constructor(override readonly reach: 'now' | 'when the cell ends' = 'now') {
    super(new RequestError('', ''));
  }

  override async request<T>(): Promise<T> {
    return { ...RUN, state: 'Running', ended: null, display_name: `${++this.asked}` } as T;
  }
}

describe('everything about a run', () => {
  let source: AnsweringSource;
  let model: RunModel;
  const told = (name: string): RunMessage => ({ state: { ...STATE, state: name, ended: null } as never });
  const settled = () => vi.advanceTimersByTimeAsync(0);

  /** Follow it, and have the answer to the first question. */
  async function follow(reach?: 'when the cell ends') {
    source = new AnsweringSource(reach);
    model = new RunModel(source, { workspace: 'w', run: 'r' });
    model.observe(() => undefined);
    await settled();
  }

  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('is asked for again when its state has changed: its environment is known once it is prepared', async () => {
    await follow();
    source.tell(told('Preparing'));
    source.tell({ logs: {} });
    source.tell(told('Running'));
    await settled();
    expect([source.asked, model.run?.display_name]).toEqual([2, '2']);
  });

  it('is asked for again when a connection is back', async () => {
    await follow();
    source.listener?.onConnection('broken');
    source.listener?.onConnection('connected');
    await settled();
    expect(source.asked).toBe(2);
  });

  it('is asked for again now and then, since nothing tells of values that were lost', async () => {
    await follow();
    source.tell(told('Running'));
    await vi.advanceTimersByTimeAsync(299_000);
    source.tell({ logs: {} });
    await settled();
    expect(source.asked).toBe(1);
    await vi.advanceTimersByTimeAsync(2000);
    source.tell({ logs: {} });
    await settled();
    expect(source.asked).toBe(2);
  });

  it('is told by a kernel without being asked for', async () => {
    await follow('when the cell ends');
    source.tell({ ...told('Preparing'), document: { ...RUN, display_name: 'told' } });
    source.tell({ ...told('Running'), document: { ...RUN, display_name: 'told again' } });
    await settled();
    expect([source.asked, model.run?.display_name]).toEqual([1, 'told again']);
  });
});

describe('a run whose kernel has ended', () => {
  it('takes no longer from then on, until something is told again', () => {
    const source = new AnsweringSource('when the cell ends');
    const model = new RunModel(source, { workspace: 'w', run: 'r' });
    model.observe(() => undefined);
    const end = Date.now();
    source.listener?.onConnection('broken');
    expect(model.clock.at(end + 60_000) - end).toBeLessThan(1000);
    source.listener?.onConnection('connected');
    expect(model.clock.at(end + 60_000)).toBe(end + 60_000);
  });
});

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

  it('has how far it is while its script runs, and how far it came once it has ended', async () => {
    const { source, model } = await followed('unreachable');
    source.tell({ ...being('Running'), ...log(OUTPUT, 'Epoch 3/10\n') });
    expect(model.progress(NOON)?.label).toBe('Epoch 3 of 10');
    for (const one of ['CancelRequested', 'Finalizing']) {
      source.tell(being(one));
      expect(model.progress(NOON)).toBeUndefined();
    }
    source.tell({
      ...being('Canceled'),
      ...log(OUTPUT, 'Epoch 4/10\n45%|####5     | 45/100 [00:12<00:15,  3.60it/s]\n')
    });
    expect(model.progress(NOON)).toMatchObject({ label: 'Epoch 4 of 10', remaining: null });
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

  it('is of bounded size where hundreds of metrics have thousands of points each', async () => {
    const { source, model } = await followed('run_not_found');
    const curve = (number: number, count: number) => ({
      name: `metric ${number}`,
      times: Array.from({ length: count }, (_, at) => at),
      values: Array.from({ length: count }, (_, at) => at),
      steps: null
    });
    source.tell({ state, metrics: { series: [curve(0, 4000)], records: [], records_left_out: 0 } });
    expect(model.series.get('metric 0')?.last.length).toBe(4000);
    source.tell({
      state,
      metrics: { series: Array.from({ length: 499 }, (_, at) => curve(at + 1, 5000)), records: [], records_left_out: 0 }
    });
    const kept = [...model.series.values()].map(({ last }) => last.length);
    expect(Math.max(...kept)).toBeLessThan(600);
    expect(Math.min(...kept)).toBeGreaterThan(200);
    expect([...model.series.values()].map(({ count }) => count)).toEqual([4000, ...Array(499).fill(5000)]);
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

  it('leaves out what only they can do', () => {
    const advice = 'List the compute targets of the workspace: GET /workspaces/{workspace}/computes.';
    expect(problemOf({ code: 'compute_target', message: 'memory is 900g', advice })).toBe('memory is 900g.');
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
    expect(model.readable('\u001b[31mThe file "/srv/a.py" is missing\u001b[0m')).toBe(
      'The file "/srv/a.py" is missing'
    );
  });
});
