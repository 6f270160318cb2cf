import { act } from 'preact/test-utils';
import { describe, expect, it, vi } from 'vitest';
import { RunModel } from '../../widgets/src/model/run_model';
import { RunsModel } from '../../widgets/src/model/runs_model';
import { RunCard } from '../../widgets/src/views/card';
import { CompareCard } from '../../widgets/src/views/compare/compare_card';
import { Curves } from '../../widgets/src/views/curves';
import { partsHere } from '../../widgets/src/views/parts';
import { RunsCard } from '../../widgets/src/views/runs/runs_card';
import { fedWidget } from '../../widgets/src/widgets/fed_widget';
import { FakeModel } from './sources';

describe('a widget that its kernel feeds', () => {
  it('is drawn for its workspace, and hears its kernel no more when its view is gone', () => {
    const model = new FakeModel();
    model.traits.workspace_id = 'w';
    const heard: string[] = [];
    const widget = fedWidget((_, source, workspace) => {
      source.followList(workspace, {
        onMessage: message => heard.push(String(message.error?.code)),
        onConnection: () => undefined
      });
      return <p>{`the list of ${workspace}`}</p>;
    });
    const el = document.createElement('div');
    const end = widget.render({ model, el });
    model.news('', 1, 'a');
    expect([el.textContent, heard]).toEqual(['the list of w', ['a']]);
    end();
    model.news('', 2, 'b');
    expect([el.textContent, heard]).toEqual(['', ['a']]);
    expect([...model.handlers.values()].flat()).toEqual([]);
  });

  it('says how many metrics its kernel has no room for', () => {
    const model = new FakeModel();
    const metrics = { series: [], records: [], records_left_out: 0, series_left_out: 7 };
    model.traits._digest = { r: { number: 1, message: { metrics } } };
    const el = document.createElement('div');
    const end = fedWidget((_, source, workspace) => {
      const run = new RunModel(source, { workspace, run: 'r' });
      run.observe(() => undefined);
      return <Curves model={run} />;
    }).render({ model, el });
    expect(el.textContent).toContain('7 metrics are not shown here');
    end();
  });

  it.each([
    ['a run', 'the run goes on. Execute the cell again to follow it.'],
    ['a comparison', 'the runs go on. Execute the cell again to follow them.'],
    ['a list', 'the runs go on. Execute the cell again to follow them.']
  ])('says of %s, once its kernel has ended, that nothing new comes and what to do', async (kind, words) => {
    const model = new FakeModel();
    const widget = fedWidget((_, source, workspace) =>
      kind === 'a run' ? (
        <RunCard model={new RunModel(source, { workspace, run: 'r' })} parts={partsHere} />
      ) : kind === 'a list' ? (
        <RunsCard
          model={new RunsModel(source, { workspace, experiment: 'bees' })}
          selection={{ get: () => [], set: () => undefined, observe: () => () => undefined }}
          opened={{ run: () => <p />, comparison: () => <p /> }}
        />
      ) : (
        <CompareCard source={source} workspace={workspace} ids={['r', 's']} />
      )
    );
    const el = document.createElement('div');
    document.body.append(el);
    let end = (): void => undefined;
    await act(async () => {
      end = widget.render({ model, el });
    });
    expect(el.textContent).not.toContain('The kernel has ended');
    model.end('comm_live_update');
    await vi.waitFor(() => expect(el.textContent).toContain(`The kernel has ended; ${words}`));
    end();
  });
});
