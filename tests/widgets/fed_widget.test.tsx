import { describe, expect, it } from 'vitest';
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
});
