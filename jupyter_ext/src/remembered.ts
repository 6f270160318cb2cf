import type { IStateDB } from '@jupyterlab/statedb';

/** Of more forms than these, what was filled in longest ago is forgotten: all is loaded with each page. */
const MOST = 50;
/** Milliseconds after the last key after which what is filled in is kept. */
const PAUSE = 500;

interface IKept {
  /** Milliseconds since 1970. */
  time: number;
  draft: object;
}

/** What is filled in into forms, by their names, kept over a reload and until the next time. */
export interface IDrafts<Draft extends object> {
  /** Return what was kept, be it by another version; undefined where nothing was. */
  fetch(name: string): Promise<unknown>;
  /** Keep a draft, which is made of what JSON has. */
  save(name: string, draft: Draft): void;
}

/** Keeps something a while after the last key, or sooner where its form goes. */
export class KeptSoon {
  /** Keep it after the pause, in place of what was to be kept until now. */
  soon(keep: () => void): void {
    this.forget();
    this._keep = keep;
    this._timer = setTimeout(() => this.now(), PAUSE);
  }

  /** Keep at once what is to be kept soon. */
  now(): void {
    const keep = this._keep;
    this.forget();
    keep?.();
  }

  /** Keep nothing of it. */
  forget(): void {
    clearTimeout(this._timer);
    this._keep = undefined;
  }

  private _keep: (() => void) | undefined;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

/** Keeps drafts as long as the page's own state is kept; without one, until the page is closed. */
export class Remembered<Draft extends object> implements IDrafts<Draft> {
  /**
   * @param state - Where pages keep things.
   * @param namespace - Before the names of these forms there.
   */
  constructor(
    private readonly state: IStateDB | null,
    private readonly namespace: string
  ) {}

  async fetch(name: string): Promise<unknown> {
    const own = this._own.get(name);
    if (own !== undefined || this.state === null) {
      return own;
    }
    const kept = (await this.state.fetch(this._key(name)).catch(() => undefined)) as Partial<IKept> | undefined;
    return kept?.draft;
  }

  save(name: string, draft: Draft): void {
    this._own.set(name, draft);
    if (this.state !== null) {
      const kept = JSON.parse(JSON.stringify({ time: Date.now(), draft }));
      void this.state.save(this._key(name), kept).then(() => this._forget());
    }
  }

  private async _forget(): Promise<void> {
    if (this.state === null) {
      return;
    }
    // a state's own namespaces end at the first colon
    const { ids, values } = await this.state.list(this.namespace.split(':')[0] as string);
    const kept = ids
      .map((id, at) => ({ id, time: (values[at] as Partial<IKept> | undefined)?.time ?? 0 }))
      .filter(({ id }) => id.startsWith(this._key('')))
      .sort((one, other) => one.time - other.time);
    for (const { id } of kept.slice(0, Math.max(kept.length - MOST, 0))) {
      await this.state.remove(id);
    }
  }

  private _key(name: string): string {
    return `${this.namespace}:${name}`;
  }

  private readonly _own = new Map<string, Draft>();
}
