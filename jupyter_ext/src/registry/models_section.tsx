import type { ModelRow } from '../../../widgets/src/documents';
import { bytes, clock, shortened } from '../../../widgets/src/format';
import type { IModelsQuery, ModelsModel } from '../../../widgets/src/model/models_model';
import { useObserved } from '../../../widgets/src/views/hooks';
import type { Held } from '../held';
import { Choice } from '../sidebar/choice';
import type { IPlace } from '../sidebar/menus';
import { Pages } from '../sidebar/pages';
import { Problem } from '../sidebar/problem';
import { RowList } from '../sidebar/row_list';
import { SearchField } from '../sidebar/search_field';
import type { ITraindock } from '../tokens';

const LONGEST_NAME = 120;

/** What can be done with a model that is listed. */
export interface IModelActions {
  open(model: ModelRow): void;
  menu(model: ModelRow, place: IPlace, back: HTMLElement): void;
}

interface IModelsSectionProps {
  traindock: ITraindock;
  held: Held<ModelsModel>;
  actions: IModelActions;
}

/** The registered models of the workspace that is looked at. */
export function ModelsSection({ traindock, held, actions }: IModelsSectionProps) {
  useObserved(traindock.workspaces);
  const model = held.current;
  return model === null ? null : <Models key={model.workspace} traindock={traindock} model={model} actions={actions} />;
}

interface IModelsProps {
  traindock: ITraindock;
  model: ModelsModel;
  actions: IModelActions;
}

function Models({ traindock: { trans }, model, actions }: IModelsProps) {
  useObserved(model);
  const { query, rows, more, error, connection } = model;
  const byKey = (key: string): ModelRow => rows?.find(row => row.name === key) as ModelRow;
  return (
    <>
      <div class="jp-Traindock-Search">
        <SearchField
          label={trans.__('Filter models by name')}
          placeholder={trans.__('Filter by name')}
          longest={255}
          value={query.text}
          search={text => model.ask({ text })}
        />
        <Choice
          label={trans.__('Order of models')}
          value={query.order}
          options={[
            ['created', trans.__('Newest')],
            ['name', trans.__('Name')]
          ]}
          choose={order => model.ask({ order: order as IModelsQuery['order'] })}
        />
      </div>
      <Problem error={error} connection={connection} again={() => void model.reload()} trans={trans} />
      {rows === null && error === null && <p class="jp-Traindock-Empty">{trans.__('Asking for the models…')}</p>}
      {rows?.length === 0 && (
        <div class="jp-Traindock-Empty">
          {query.text === '' ? (
            <>
              <p>{trans.__('No model is registered yet.')}</p>
              <p>{trans.__('Open a run that has written files to ./outputs, and register them in its tab “Model”.')}</p>
            </>
          ) : (
            <p>{trans.__('No model has “%1” in its name.', shortened(query.text, LONGEST_NAME))}</p>
          )}
        </div>
      )}
      {rows !== null && rows.length > 0 && (
        <RowList
          label={trans.__('Models')}
          rows={rows.map(row => ({
            key: row.name,
            name: row.name,
            title: `${row.name}\n${trans.__('version %1, %2', row.version, bytes(row.size))}\n${clock(row.created)}`,
            content: <ModelContent row={row} trans={trans} />
          }))}
          open={key => actions.open(byKey(key))}
          menu={(key, place, back) => actions.menu(byKey(key), place, back)}
          trans={trans}
        />
      )}
      <Pages
        offset={query.offset}
        shown={rows?.length ?? 0}
        more={more}
        turn={pages => model.turn(pages)}
        trans={trans}
      />
    </>
  );
}

function ModelContent({ row, trans }: { row: ModelRow; trans: ITraindock['trans'] }) {
  const aliases = Object.entries(row.model_aliases);
  return (
    <>
      <span class="jp-Traindock-ListLine">
        <span class="jp-Traindock-ListName">{shortened(row.name, LONGEST_NAME)}</span>
        <span class="jp-Traindock-Muted">{trans.__('version %1', row.version)}</span>
      </span>
      {aliases.length > 0 && (
        <span class="jp-Traindock-Chips">
          {aliases.map(([alias, version]) => (
            <span key={alias} class="jp-Traindock-Alias">
              {version === row.version
                ? shortened(alias, 40)
                : trans.__('%1: version %2', shortened(alias, 40), version)}
            </span>
          ))}
        </span>
      )}
    </>
  );
}
