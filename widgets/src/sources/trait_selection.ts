import type { ISelection } from '../model/selection';
import type { IWidgetModel } from './kernel_source';
import type { Disposer } from './source';

/** A choice that is a trait of a widget: seen and set from Python as well. */
export class TraitSelection implements ISelection {
  constructor(
    private readonly model: IWidgetModel,
    private readonly trait: string
  ) {}

  get(): readonly string[] {
    return (this.model.get(this.trait) ?? []) as string[];
  }

  set(names: readonly string[]): void {
    this.model.set(this.trait, [...names]);
    this.model.save_changes();
  }

  observe(listener: () => void): Disposer {
    this.model.on(`change:${this.trait}`, listener);
    return () => {
      this.model.off(`change:${this.trait}`, listener);
    };
  }
}
