import type { TranslationBundle } from '@jupyterlab/translation';
import { useRef } from 'preact/hooks';
import { clock, shortened } from '../../../../widgets/src/format';
import { useObserved } from '../../../../widgets/src/views/hooks';
import { Choice } from '../choice';
import { stepOf, useFocus } from '../lines';
import { MenuButton } from '../menu_button';
import { openContextMenu, opensMenu } from '../menus';
import { Pages } from '../pages';
import { Problem } from '../problem';
import { SearchField } from '../search_field';
import type { ExperimentList, ExperimentRow, IExperimentQuery } from './experiment_list';

const LONGEST_NAME = 200;

/** What the section has done by others. */
export interface IExperimentsHost {
  /** Have the runs of an experiment listed alone. */
  showRuns(experiment: string): void;
  /** A menu is about to open on a line, which is to have the focus again when it closes. */
  menuOpening(line: HTMLElement): void;
}

/** The experiments of the workspace that is looked at. */
export function ExperimentsView({
  list,
  host,
  trans
}: {
  list: ExperimentList;
  host: IExperimentsHost;
  trans: TranslationBundle;
}) {
  useObserved(list);
  const { query, rows, told, error } = list;
  const none = told && rows.length === 0 && list.offset === 0;
  return (
    <div>
      {!(none && query.text === '') && (
        <div class="jp-Traindock-Search">
          <SearchField
            label={trans.__('Filter experiments by name')}
            placeholder={trans.__('Filter by name')}
            longest={1024}
            value={query.text}
            search={text => list.ask({ text })}
          />
          <Choice
            label={trans.__('Sort experiments by')}
            value={query.order}
            options={[
              ['newest', trans.__('Newest')],
              ['name', trans.__('Name')],
              ['runs', trans.__('Runs')]
            ]}
            choose={order => list.ask({ order: order as IExperimentQuery['order'] })}
          />
        </div>
      )}
      <Problem error={error} connection={list.connection} again={() => void list.reload()} trans={trans} />
      {!told && error === null && <p class="jp-Traindock-Empty">{trans.__('Asking for the experiments…')}</p>}
      {none && (
        <p class="jp-Traindock-Empty" role="status">
          {query.text === ''
            ? trans.__('No experiments yet. Each run is of one: it is made by the first run that names it.')
            : trans.__('No experiment is called so.')}
        </p>
      )}
      {rows.length > 0 && <Lines list={list} host={host} trans={trans} />}
      <Pages offset={list.offset} shown={rows.length} more={list.more} turn={pages => list.turn(pages)} trans={trans} />
    </div>
  );
}

function Lines({ list, host, trans }: { list: ExperimentList; host: IExperimentsHost; trans: TranslationBundle }) {
  const { rows, selection } = list;
  const grid = useRef<HTMLTableElement>(null);
  const focus = useFocus(grid, selection.focused);
  const press = (event: KeyboardEvent): void => {
    const { key } = event;
    const step = stepOf(key, rows.length);
    if (step !== undefined) {
      list.select(one => one.move(step));
      focus();
    } else if ((key === 'Enter' || key === ' ') && selection.focused !== null) {
      list.select(one => one.click(selection.focused ?? ''));
      host.showRuns(selection.focused);
    } else if (opensMenu(event) && event.target instanceof HTMLElement) {
      openContextMenu(event.target, event.target);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: keys move through its lines
    <table role="grid" class="jp-Traindock-Lines" aria-label={trans.__('Experiments')} ref={grid} onKeyDown={press}>
      <tbody>
        {rows.map(row => (
          <tr
            key={row.name}
            data-key={row.name}
            class="jp-Traindock-Line jp-Traindock-Experiment"
            tabIndex={row.name === selection.focused ? 0 : -1}
            aria-selected={selection.selected.has(row.name)}
            onClick={() => {
              list.select(one => one.click(row.name));
              host.showRuns(row.name);
            }}
            onContextMenu={event => {
              list.select(one => one.reach(row.name));
              if (!event.shiftKey) {
                host.menuOpening(event.currentTarget); // with it the browser opens its own
              }
            }}
          >
            <Cells row={row} trans={trans} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cells({ row, trans }: { row: ExperimentRow; trans: TranslationBundle }) {
  const name = shortened(row.name, LONGEST_NAME);
  return (
    <>
      <td class="jp-Traindock-RunName" title={name}>
        <span class="jp-Traindock-Name">{name}</span>
      </td>
      <td class="jp-Traindock-Number">{trans._n('%1 run', '%1 runs', row.runs, row.runs)}</td>
      <td class="jp-Traindock-RunFacts">
        {row.archived && `${trans.__('archived')} · `}
        {row.newest === null ? trans.__('no runs') : trans.__('newest %1', clock(row.newest))}
      </td>
      <td class="jp-Traindock-RunMetric">
        {row.unfinished > 0 && (
          <span class="jp-Traindock-State-Running">{trans.__('%1 unfinished', row.unfinished)}</span>
        )}
      </td>
      <td class="jp-Traindock-RunMenu">
        <MenuButton
          name={name}
          tabIndex={-1}
          open={({ currentTarget }) => {
            const line = currentTarget.closest('tr');
            if (line !== null) {
              openContextMenu(line, currentTarget);
            }
          }}
          trans={trans}
        />
      </td>
    </>
  );
}
