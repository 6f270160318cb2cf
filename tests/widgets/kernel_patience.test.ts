import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KernelSource } from '../../widgets/src/sources/kernel_source';
import { FakeModel } from './sources';

describe('an answer of a kernel', () => {
  let model: FakeModel;
  let source: KernelSource;
  const HOUR = 3_600_000;

  beforeEach(() => {
    vi.useFakeTimers();
    model = new FakeModel();
    source = new KernelSource(model);
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  /** Ask for something, and return what has become of that. */
  function asked(method: 'GET' | 'POST'): { state: string } {
    const outcome = { state: 'waits' };
    source.request('/runs/a/resubmit', { method }).then(
      () => {
        outcome.state = 'done';
      },
      (error: Error) => {
        outcome.state = error.message;
      }
    );
    return outcome;
  }

  it.each(['GET', 'POST'] as const)('to a %s is waited for however long a cell takes', async method => {
    const outcome = asked(method);
    await vi.advanceTimersByTimeAsync(5 * HOUR);
    expect(outcome.state).toBe('waits');
    model.answer({ id: model.questions[0]?.id, body: {} });
    await vi.advanceTimersByTimeAsync(0);
    expect(outcome.state).toBe('done');
  });

  it.each(['comm:close', 'comm_live_update', 'destroy'] as const)('is not waited for after %s', async event => {
    const outcome = asked('POST');
    model.end(event);
    await vi.advanceTimersByTimeAsync(0);
    expect(outcome.state).toBe('The kernel does not answer.');
  });

  it('is not waited for by anything, once its view is gone', () => {
    source.dispose();
    expect([...model.handlers.values()].flat()).toEqual([]);
  });
});
