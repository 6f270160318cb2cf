import { useEffect, useRef } from 'preact/hooks';
import { PageSelection } from '../model/selection';
import type { IWidgetModel } from '../sources/kernel_source';
import type { Source } from '../sources/source';
import { useTrans } from '../translation';
import type { IParts } from '../views/card';
import type { IHost } from '../views/header';
import { useLoaded } from '../views/hooks';
import type { IOpened } from '../views/runs/opened';
import type { IWidget } from './fed_widget';

/** The widgets' modules that a kernel sends when they are first needed. */
type Name = 'run' | 'comparison' | 'files' | 'registration';

/** Turns the text of a module into it. */
export type Import = (text: ArrayBuffer) => Promise<{ default: IWidget }>;

/** As anywidget does it with the module of a widget: a page that shows widgets lets this pass. */
const importText: Import = async text => {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  try {
    return await import(address);
  } finally {
    URL.revokeObjectURL(address);
  }
};

/**
 * Show opened runs by the modules of their own widgets, which the kernel sends when one is first opened.
 *
 * What is opened has to come from the kernel in any case: nothing is lost by waiting for its views as well, and each list
 * is less than a quarter of what it was with both of them in it.
 */
export function openedByModules(model: IWidgetModel, source: Source, toModule: Import = importText): IOpened {
  const sent = sentBy(model, source, toModule);
  return {
    run: (run, host) => sent('run', { run_id: run }, { files: new PageSelection(), ...host }),
    comparison: runs => sent('comparison', { run_ids: runs }, {})
  };
}

/** Show the parts of a card by modules of their own, each sent when it is first opened. */
export function partsByModules(model: IWidgetModel, source: Source, toModule: Import = importText): IParts {
  const sent = sentBy(model, source, toModule);
  return {
    files: (run, host) => sent('files', { run }, host),
    registration: (run, host) => sent('registration', { run_id: run.target.run }, host)
  };
}

function sentBy(model: IWidgetModel, source: Source, toModule: Import) {
  const modules = new Map<Name, Promise<IWidget>>();
  const load = (name: Name): Promise<IWidget> => {
    const known =
      modules.get(name) ??
      source
        .bytes(`/modules/${name}`)
        .then(toModule)
        .then(one => one.default);
    modules.set(name, known);
    known.catch(() => modules.delete(name)); // whoever opens it again asks again
    return known;
  };
  return (name: Name, traits: Record<string, unknown>, host: IHost) => (
    <Sent load={() => load(name)} model={new WithTraits(model, traits)} host={host} />
  );
}

function Sent({ load, model, host }: { load: () => Promise<IWidget>; model: IWidgetModel; host: IHost }) {
  const trans = useTrans();
  const place = useRef<HTMLDivElement>(null);
  const { value, error } = useLoaded(load, '');
  // a list is drawn again with each change; what is opened in it stays, and draws itself
  useEffect(() => value?.render({ model, el: place.current as HTMLDivElement, within: host }), [value]);
  return (
    <>
      {value === undefined && (
        <p class="td-empty" role="status">
          {error || trans.__('Asking the kernel for the card: it comes when its cell ends.')}
        </p>
      )}
      <div ref={place} />
    </>
  );
}

/** A widget's model as that of another widget, which speaks over the same comm and has other traits. */
class WithTraits implements IWidgetModel {
  constructor(
    private readonly model: IWidgetModel,
    private readonly traits: Record<string, unknown>
  ) {}

  get(name: string): unknown {
    return this.traits[name] ?? this.model.get(name);
  }

  set(name: string, value: unknown): void {
    this.model.set(name, value);
  }

  save_changes(): void {
    this.model.save_changes();
  }

  send(content: unknown): void {
    this.model.send(content);
  }

  on(event: string, handler: (...values: never[]) => void): void {
    this.model.on(event, handler);
  }

  off(event: string, handler: (...values: never[]) => void): void {
    this.model.off(event, handler);
  }
}
