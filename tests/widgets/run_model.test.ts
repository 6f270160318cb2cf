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
