import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunModel } from '../../widgets/src/model/run_model';
import { PageSelection } from '../../widgets/src/model/selection';
import { KernelSource } from '../../widgets/src/sources/kernel_source';
import type { IOpened } from '../../widgets/src/views/runs/opened';
import type { IWidget } from '../../widgets/src/widgets/fed_widget';
import { openedByModules, registrationByModule } from '../../widgets/src/widgets/sent_module';
import { FakeModel } from './sources';

describe('what is opened in a list that a kernel feeds', () => {
  let model: FakeModel;
  let opened: IOpened;
  let place: HTMLElement;
  let drawn: Parameters<IWidget['render']>[0][];
  let texts: string[];
  let ended: number;
  let widget: IWidget;

  const show = (view: Parameters<typeof render>[0]) =>
    act(() => {
      render(view, place);
    });
  /** Answer what was asked for last. */
  const answer = (content: Record<string, unknown>, ...buffers: DataView[]) =>
    act(async () => {
      model.answer({ ...model.questions[model.questions.length - 1], ...content }, buffers);
    });
  const text = (content: string) => new DataView(new TextEncoder().encode(content).buffer as ArrayBuffer);

  beforeEach(() => {
    [drawn, texts, ended] = [[], [], 0];
    widget = {
      render: context => {
        drawn.push(context);
        context.el.textContent = 'drawn';
        return () => {
          ended++;
        };
      }
    };
    model = new FakeModel();
    model.traits.workspace_id = 'w';
    opened = openedByModules(model, new KernelSource(model), async sent => {
      texts.push(new TextDecoder().decode(sent));
      return { default: widget };
    });
    place = document.createElement('div');
  });

  afterEach(() => {
    render(null, place);
  });

  it('is drawn by the module of its own widget, which the kernel sends once', async () => {
    const host = { openRun: () => undefined };
    await show(opened.run('one', host));
    expect(place.textContent).toContain('Asking the kernel');
    expect(model.questions.map(one => one.path)).toEqual(['/modules/run']);
    await answer({}, text('the module'));
    await vi.waitFor(() => expect(place.textContent).toBe('drawn'));
    expect(texts).toEqual(['the module']);
    expect(drawn[0]?.within).toMatchObject({ ...host, files: expect.any(PageSelection) });
    await show(null);
    expect(ended).toBe(1);
    await show(opened.run('two', host));
    await vi.waitFor(() => expect(drawn.length).toBe(2));
    expect(texts.length).toBe(1);
  });

  it('has its own traits, beside those of the list', async () => {
    await show(opened.comparison(['one', 'two']));
    expect(model.questions[0]?.path).toBe('/modules/comparison');
    await answer({}, text(''));
    await vi.waitFor(() => expect(drawn.length).toBe(1));
    const traits = ['run_ids', 'workspace_id'].map(name => drawn[0]?.model.get(name));
    expect(traits).toEqual([['one', 'two'], 'w']);
  });

  it('is a part of a card where that registers its outputs, with what is picked there', async () => {
    const files = new PageSelection();
    const panel = registrationByModule(model, new KernelSource(model), async () => ({ default: widget }));
    await show(panel({ target: { workspace: 'w', run: 'one' } } as RunModel, { files }));
    expect(model.questions[0]?.path).toBe('/modules/registration');
    await answer({}, text(''));
    await vi.waitFor(() => expect(drawn.length).toBe(1));
    expect(drawn[0]?.model.get('run_id')).toBe('one');
    expect(drawn[0]?.within?.files).toBe(files);
  });

  it('says why the kernel does not send it, and asks again when it is opened again', async () => {
    await show(opened.run('one', {}));
    await answer({ error: { code: 'not_found', message: 'no such file', advice: 'Install it again.' } });
    await vi.waitFor(() => expect(place.textContent).toBe('no such file. Install it again.'));
    await show(null);
    await show(opened.run('one', {}));
    await answer({}, text('the module'));
    await vi.waitFor(() => expect(place.textContent).toBe('drawn'));
  });
});
