import type { ITranslator } from '@jupyterlab/translation';
import { PanelWithToolbar, SidePanel, type Toolbar } from '@jupyterlab/ui-components';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import type { AccordionPanel, Widget } from '@lumino/widgets';
import type { Activity } from '../activity/activity';
import { traindockIcon } from '../icons';
import type { ITraindock } from '../tokens';
import { neededBy, shared } from './room';
import { workspaceSwitcher } from './workspace_switcher';

/** A part of the sidebar, which can be collapsed. */
export interface ISection {
  /** A word that no other section has, such as `runs`. */
  id: string;
  /** What is above it. */
  title: string;
  /** Sections of lower ranks are further up. */
  rank: number;
  /** What it shows. A `ViewWidget` is drawn only while it can be seen. */
  widget: Widget;
  /** Buttons beside the title. */
  toolbar?: Toolbar;
  /** Whether it is open until somebody collapses it. Yes where it is left out. */
  expanded?: boolean;
}

/** What is in the left area: the workspace that is looked at, and below it sections, which plugins add. */
export class Sidebar extends SidePanel {
  constructor(traindock: ITraindock, activity: Activity, translator?: ITranslator) {
    super({ translator });
    const { trans } = traindock;
    this.id = 'jp-traindock-sidebar';
    this.addClass('jp-Traindock-Sidebar');
    this.title.icon = traindockIcon;
    this.title.caption = trans.__('Traindock');
    this.node.tabIndex = -1;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Traindock'));
    // without a workspace there is nothing that a section could show
    const found = (any: boolean): void => this.content.setHidden(!any);
    found(false);
    this.header.addWidget(workspaceSwitcher({ traindock, activity, found }));
    const accordion = this._accordion;
    accordion.expansionToggled.connect((_, place) => {
      this._giveRoom(accordion, place);
      this._fitSoon();
    });
    accordion.handleMoved.connect(() => {
      this._sizedByHand = true;
    });
    this._changes.observe(accordion.node, { childList: true, subtree: true });
  }

  override dispose(): void {
    this._changes.disconnect();
    super.dispose();
  }

  /** Add a section; what is returned takes it away again. */
  addSection(section: ISection): IDisposable {
    const panel = new PanelWithToolbar({ toolbar: section.toolbar });
    panel.id = `${this.id}-${section.id}`;
    panel.addClass('jp-Traindock-Section');
    panel.title.label = section.title;
    panel.addWidget(section.widget);
    const after = this._ranks.findIndex(rank => rank > section.rank);
    const place = after === -1 ? this._ranks.length : after;
    this._ranks.splice(place, 0, section.rank);
    this._views.set(panel, section.widget);
    this._insert(place, panel);
    if (section.expanded === false) {
      this._accordion.collapse(place);
      this._collapsed.add(panel);
    }
    return new DisposableDelegate(() => {
      this._ranks.splice(this.content.widgets.indexOf(panel), 1);
      panel.dispose();
    });
  }

  /** Open a section that may have been collapsed. */
  expand(id: string): void {
    const place = this.content.widgets.findIndex(one => one.id === `${this.id}-${id}`);
    this._accordion.expand(place);
  }

  private get _accordion(): AccordionPanel {
    return this.content as AccordionPanel;
  }

  /** Put a section where its rank says, in the document, too: Lumino appends it there, and keys would come to it last. */
  private _insert(place: number, panel: Widget): void {
    const accordion = this._accordion;
    accordion.insertWidget(place, panel);
    const next = accordion.titles[place + 1];
    const parts = [accordion.titles[place], panel.node, accordion.handles[place]];
    if (next !== undefined) {
      next.before(...parts.filter(part => part !== undefined));
    }
  }

  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    // what is in it may have to be asked for yet
    (this.node.querySelector<HTMLElement>('select, input, button') ?? this.node).focus();
  }

  /** Give a section that was collapsed from the beginning as much room as the others: it would get none by itself. */
  private _giveRoom(accordion: AccordionPanel, place: number): void {
    const section = accordion.widgets[place];
    if (section !== undefined && !section.isHidden && this._collapsed.delete(section)) {
      accordion.setRelativeSizes(accordion.widgets.map(one => (one.isHidden ? 0 : 1)));
    }
  }

  protected override onResize(message: Widget.ResizeMessage): void {
    super.onResize(message);
    this._fitSoon();
  }

  private _fitSoon(): void {
    if (this._fitting === null) {
      this._fitting = requestAnimationFrame(() => {
        this._fitting = null;
        this._fit();
      });
    }
  }

  /** Have short sections be no higher than what they have; once a person has sized them, they stay as they are. */
  private _fit(): void {
    if (this._sizedByHand || this.isDisposed || !this.isVisible) {
      return;
    }
    const { widgets } = this.content;
    const open = widgets.filter(one => !one.isHidden);
    const room = open.reduce((sum, one) => sum + one.node.offsetHeight, 0);
    const heights = shared(
      open.map(one => neededBy(this._views.get(one)?.node ?? one.node)),
      room
    );
    if (open.some((one, at) => Math.abs(one.node.offsetHeight - (heights[at] ?? 0)) > 1)) {
      this._accordion.setRelativeSizes(widgets.map(one => (one.isHidden ? 0 : (heights[open.indexOf(one)] ?? 0))));
    }
  }

  private readonly _changes = new MutationObserver(() => this._fitSoon());
  private readonly _views = new WeakMap<Widget, Widget>();
  private _fitting: number | null = null;
  private _sizedByHand = false;
  private readonly _ranks: number[] = [];
  /** Sections that nobody has opened yet. */
  private readonly _collapsed = new Set<Widget>();
}
