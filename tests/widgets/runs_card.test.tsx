import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunRow } from '../../widgets/src/documents';
import { RunsModel } from '../../widgets/src/model/runs_model';
import { PageSelection } from '../../widgets/src/model/selection';
import { openedHere } from '../../widgets/src/views/runs/opened';
import { RunsCard } from '../../widgets/src/views/runs/runs_card';
import { FakeSource } from './sources';

const PATH = '/workspaces/w/runs?';

function row(id: string, more: Partial<RunRow> = {}): RunRow {
  return {
    id,
    number: 1,
    state: 'Completed',
    reason: 'completed',
    detail: '',
    display_name: `run ${id}`,
    created: '2026-01-01T00:00:00Z',
    started: '2026-01-01T00:00:01Z',
    seconds: 65,
    tags: {},
    metrics: {},
    ...more
  } as RunRow;
}

function statistics(last: number, min: number, max: number) {
  return { last, min, max, count: 3 };
}

describe('the list of the runs of an experiment', () => {
  let source: FakeSource;
  let selection: PageSelection;
  let place: HTMLElement;
  const rows = () => [...place.querySelectorAll('tbody tr')].map(one => one.textContent);
  const asked = () => source.asked[source.asked.length - 1];

  async function show(runs: RunRow[], more = false): Promise<void> {
    source.answers.set(PATH, { runs, more });
    await act(async () => {
      render(
        <RunsCard
          model={new RunsModel(source, { workspace: 'w', experiment: 'bees' })}
          selection={selection}
          opened={openedHere(source, 'w')}
        />,
        place
      );
    });
    await act(async () => {
      source.tellList({});
    });
  }

  async function press(name: string): Promise<void> {
    const button = [...place.querySelectorAll('button')].find(one => one.textContent?.startsWith(name));
    await act(async () => {
      button?.click();
    });
  }

  async function tick(...places: number[]): Promise<void> {
    for (const at of places) {
      await act(async () => {
        place.querySelectorAll<HTMLInputElement>('tbody input')[at]?.click();
      });
    }
  }

  beforeEach(() => {
    source = new FakeSource();
    selection = new PageSelection();
    place = document.createElement('div');
    document.body.append(place);
  });

  afterEach(() => {
    render(null, place);
    place.remove();
  });

  it('says why no run goes on, as its page or news of it tell, until they do', async () => {
    const trouble = { message: 'no run goes on', advice: 'Its log says why.' };
    const notice = () => place.querySelector('.td-notice')?.textContent;
    await show([row('a', { state: 'Queued' })]);
    expect(notice()).toBeUndefined();
    await act(async () => source.tellList({ trouble }));
    expect(notice()).toBe('No run goes on. Its log says why.');
    await act(async () =>
      source.tellList({ page: { path: asked() as string, answer: { runs: [], more: false, trouble: null } } })
    );
    expect(notice()).toBeUndefined();
  });

  it('shows state, name, duration, the best of the metric that tells most, and when it started', async () => {
    const metrics = { lr: statistics(1, 1, 1), loss: statistics(3, 2, 4), val_acc: statistics(0.7, 0.1, 0.9) };
    await show([row('a', { metrics }), row('b', { state: 'Failed', reason: 'out_of_memory' })]);
    expect(rows()[0]).toMatch(/^Completedrun a #11:050\.9/);
    expect(rows()[1]).toMatch(/^Failedrun b #11:05–/);
    expect(place.querySelector('.td-state-Failed')?.getAttribute('title')).toBe('Out of memory');
    expect([...place.querySelectorAll('option')].map(one => one.textContent)).toEqual(
      expect.arrayContaining(['loss', 'lr', 'val_acc'])
    );
  });

  it('has the server sort, best first, then best last, then by time again', async () => {
    await show([row('a', { metrics: { loss: statistics(3, 2, 4) } })]);
    await press('best');
    expect(asked()).toContain('order=metric%3Aloss&statistic=min&descending=false');
    await press('best');
    expect(asked()).toContain('order=metric%3Aloss&statistic=min&descending=true');
    await press('Started');
    expect(asked()).toContain('order=created');
  });

  it('has the server filter', async () => {
    await show([row('a')]);
    await act(async () => {
      const select = place.querySelector('select') as HTMLSelectElement;
      select.value = 'unfinished';
      select.dispatchEvent(new Event('change', { bubbles: true }));
    });
    expect(asked()).toContain('state=unfinished');
  });

  it('turns pages', async () => {
    await show([row('a')], true);
    await press('Next');
    expect(asked()).toContain('offset=20');
  });

  it('keeps what is ticked, and compares two to ten', async () => {
    const compare = () => [...place.querySelectorAll('button')].find(one => one.textContent?.startsWith('Compare'));
    await show(Array.from({ length: 12 }, (_, at) => row(`r${at}`)));
    await tick(3);
    expect([selection.get(), compare()?.disabled]).toEqual([['r3'], true]);
    await tick(1);
    expect([selection.get(), compare()?.textContent, compare()?.disabled]).toEqual([
      ['r3', 'r1'],
      'Compare 2 runs',
      false
    ]);
    await press('Compare');
    expect(source.followed.map(one => one.run)).toEqual(['r3', 'r1']);
    expect(place.querySelector('[aria-label="Comparison of 2 runs"]')).not.toBeNull();
    await press('Untick all');
    await tick(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    expect(compare()?.disabled).toBe(true);
  });

  it("opens a run's card below, and closes it", async () => {
    source.answers.set('/workspaces/w/runs/a', {});
    await show([row('a')]);
    await press('run a');
    expect(place.querySelector('.td-below')).not.toBeNull();
    expect(source.followed).toEqual([{ workspace: 'w', run: 'a' }]);
    await press('Close');
    expect(place.querySelector('.td-below')).toBeNull();
  });

  it('says that there are none, or none like this', async () => {
    await show([]);
    expect(place.textContent).toContain('bees has no runs yet.');
  });

  it('says why runs cannot be listed', async () => {
    await show([]);
    await act(async () => {
      source.tellList({ error: { code: 'workspace_not_found', message: 'there is no workspace', advice: '' } });
    });
    expect(place.querySelector('[role=alert]')?.textContent).toContain('does not know the workspace');
  });

  it('shows names as the text that they are', async () => {
    await show([row('a', { display_name: '<img src=x onerror=alert(1)>' })]);
    expect(place.querySelector('img')).toBeNull();
  });
});
