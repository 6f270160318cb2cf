import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import { capital } from '../../../../widgets/src/format';
import { troubleText } from '../../../../widgets/src/problems';
import { useObserved } from '../../../../widgets/src/views/hooks';
import { MOST_COMPARED } from '../../../../widgets/src/views/runs/runs_card';
import { Icon } from '../icon';
import { MenuButton } from '../menu_button';
import { Pages } from '../pages';
import { Problem } from '../problem';
import { Filtered, filterWords, Options, Search } from './filters';
import type { Looks } from './looks';
import { type IFirstSteps, NoRuns } from './no_runs';
import { type ILinesHost, openMenuOfSelected, RunLines } from './run_lines';
import type { RunList } from './run_list';
import { isFiltered } from './run_query';

/** What the section has done by others. */
export interface IRunsHost extends ILinesHost, IFirstSteps {
  compare(): void;
}

/** The runs of the workspace that is looked at. */
export function RunsView({
  list,
  looks,
  host,
  trans
}: {
  list: RunList;
  looks: Looks;
  host: IRunsHost;
  trans: TranslationBundle;
}) {
  useObserved(list);
  useObserved(looks);
  const { lines, query, told, error } = list;
  const none = told && lines.length === 0 && list.offset === 0;
  return (
    <div class="jp-Traindock-Runs">
      {!(none && !isFiltered(query)) && (
        <div class={list.selected.length > 1 ? 'jp-Traindock-Head jp-mod-several' : 'jp-Traindock-Head'}>
          <Search list={list} trans={trans} />
          <Selected list={list} host={host} trans={trans} />
        </div>
      )}
      {looks.options ? <Options list={list} trans={trans} /> : !none && <Filtered list={list} trans={trans} />}
      <Problem error={error} connection={list.connection} again={() => void list.reload()} trans={trans} />
      {list.trouble !== null && (
        <p class="jp-Traindock-Notice" role="status">
          {capital(troubleText(list.trouble))}
        </p>
      )}
      {lines.length > 0 && <RunLines list={list} host={host} trans={trans} />}
      {!told && error === null && <p class="jp-Traindock-Empty">{trans.__('Asking for the runs…')}</p>}
      {none && !isFiltered(query) && error === null && <NoRuns steps={host} trans={trans} />}
      {none && isFiltered(query) && (
        <div class="jp-Traindock-Empty">
          <p role="status">{trans.__('No run is like this: %1', filterWords(list.answered, trans).join(', '))}</p>
          <button
            type="button"
            class="jp-mod-styled jp-mod-minimal"
            onClick={() => list.ask({ text: '', state: '', tag: '', within: [] })}
          >
            {trans.__('Show all runs')}
          </button>
        </div>
      )}
      <Pages
        offset={list.offset}
        shown={query.group === '' ? lines.length : lines.filter(line => line.kind === 'group').length}
        more={list.more}
        turn={pages => list.turn(pages)}
        trans={trans}
      />
    </div>
  );
}

/** How many runs are selected, and what can be done with several; for those who have no keyboard. */
function Selected({ list, host, trans }: { list: RunList; host: IRunsHost; trans: TranslationBundle }) {
  const { length } = list.selected;
  const hidden = list.chosen.hidden.length;
  const told = hidden > 0 ? trans.__('%1 selected (%2 not shown)', length, hidden) : trans.__('%1 selected', length);
  return (
    <>
      <p class="td-hidden" role="status">
        {length > 1
          ? hidden > 0
            ? trans.__('%1 runs are selected, %2 of them not shown', length, hidden)
            : trans.__('%1 runs are selected', length)
          : ''}
      </p>
      {length > 1 && (
        <div class="jp-Traindock-Selected jp-Traindock-HasRunMenu">
          <span class="jp-Traindock-Name" title={told}>
            {told}
          </span>
          {list.chosen.shown.length < list.rows.length && (
            <button
              type="button"
              class="jp-Traindock-TextButton"
              title={trans.__('Select all that are shown')}
              onClick={() => list.select(one => one.all())}
            >
              {trans.__('All')}
            </button>
          )}
          <button
            type="button"
            class="jp-Traindock-TextButton"
            disabled={length > MOST_COMPARED}
            title={trans.__('2 to %1 runs can be compared', MOST_COMPARED)}
            onClick={() => host.compare()}
          >
            {trans.__('Compare')}
          </button>
          <MenuButton
            name={trans.__('the selected runs')}
            open={({ currentTarget }) => openMenuOfSelected(list, host, currentTarget)}
            trans={trans}
          />
          <button
            type="button"
            class="jp-Traindock-IconButton"
            aria-label={trans.__('Select none')}
            title={trans.__('Select none')}
            onClick={() => list.select(one => one.clear())}
          >
            <Icon icon={closeIcon} />
          </button>
        </div>
      )}
    </>
  );
}
