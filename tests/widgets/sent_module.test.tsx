import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunModel } from '../../widgets/src/model/run_model';
import { PageSelection } from '../../widgets/src/model/selection';
import { KernelSource } from '../../widgets/src/sources/kernel_source';
import type { IOpened } from '../../widgets/src/views/runs/opened';
import type { IWidget } from '../../widgets/src/widgets/fed_widget';
import filesWidget from '../../widgets/src/widgets/files';
import { openedByModules, partsByModules } from '../../widgets/src/widgets/sent_module';
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
    vi.useRealTimers();
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
    const { registration } = partsByModules(model, new KernelSource(model), async () => ({ default: widget }));
    await show(registration({ target: { workspace: 'w', run: 'one' } } as RunModel, { files }));
    expect(model.questions[0]?.path).toBe('/modules/registration');
    await answer({}, text(''));
    await vi.waitFor(() => expect(drawn.length).toBe(1));
    expect(drawn[0]?.model.get('run_id')).toBe('one');
    expect(drawn[0]?.within?.files).toBe(files);
  });

  it('shows the files of a card with what that knows of its run, which nobody follows twice', async () => {
    const source = new KernelSource(model);
    const run = new RunModel(source, { workspace: 'w', run: 'one' });
    const { files } = partsByModules(model, source, async () => ({ default: filesWidget }));
    await show(files(run, {}));
    expect(model.questions[0]?.path).toBe('/modules/files');
    await answer({}, text(''));
    await vi.waitFor(() => expect(place.textContent).toContain('Looking for files…'));
    const asked = model.questions.find(one => one.path.includes('/files?'));
    await answer({ ...asked, body: { files: [{ name: 'outputs/a.txt', size: 3 }], total: 1, more: false } });
    await vi.waitFor(() => expect(place.textContent).toContain('outputs/a.txt'));
    expect(model.sent.filter(message => (message as { kind: string }).kind === 'follow').length).toBe(1);
  });

  it('is drawn after a cell of an hour, without being opened again', async () => {
    vi.useFakeTimers();
    await show(opened.run('one', {}));
    await act(async () => {
      await vi.advanceTimersByTimeAsync(3_600_000);
    });
    expect(place.textContent).toContain('it comes when its cell ends');
    await answer({}, text('the module'));
    await vi.waitFor(() => expect(place.textContent).toBe('drawn'));
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
