import { InputDialog } from '@jupyterlab/apputils';
import { addIcon } from '@jupyterlab/ui-components';
import { useEffect } from 'preact/hooks';
import { failureText } from '../../../widgets/src/problems';
import { useObserved } from '../../../widgets/src/views/hooks';
import type { Activity } from '../activity/activity';
import { Surroundings } from '../surroundings';
import type { ITraindock } from '../tokens';
import { Choice } from './choice';
import { Icon } from './icon';
import { Problem } from './problem';
import { ViewWidget } from './view_widget';

interface ISwitcher {
  traindock: ITraindock;
  /** Which runs go on in other workspaces. */
  activity: Activity;
  /** Called with whether there is a workspace. */
  found: (any: boolean) => void;
}

/** Return what is above all sections: which workspace they show. */
export function workspaceSwitcher(shown: ISwitcher): ViewWidget {
  const { traindock } = shown;
  const widget = new ViewWidget(
    () => (
      <Surroundings versions={traindock.versions} trans={traindock.trans}>
        <WorkspaceSwitcher {...shown} />
      </Surroundings>
    ),
    traindock.trans
  );
  widget.addClass('jp-Traindock-Workspaces');
  return widget;
}

/** Shows which workspace is looked at, has another one shown, or made; says why there is none. */
export function WorkspaceSwitcher({ traindock, activity, found }: ISwitcher) {
  const { workspaces, trans } = traindock;
  useObserved(workspaces);
  const { current, error } = workspaces;
  const any = current !== null;
  useEffect(() => found(any), [any, found]);
  const create = (): void => {
    void createWorkspace(traindock);
  };
  return (
    <>
      {current !== null && (
        <div class="jp-Traindock-Row">
          <Choice
            label={trans.__('Workspace')}
            value={current.id}
            options={(workspaces.all ?? []).map(one => [one.id, one.name])}
            choose={id => workspaces.choose(id)}
          />
          <button
            type="button"
            class="jp-Traindock-IconButton"
            title={trans.__('New workspace…')}
            aria-label={trans.__('New workspace…')}
            onClick={create}
          >
            <Icon icon={addIcon} />
          </button>
        </div>
      )}
      <RunsElsewhere traindock={traindock} activity={activity} />
      <Problem error={error} again={() => void workspaces.load()} trans={trans} />
      {error === null && workspaces.all === null && (
        <p class="jp-Traindock-Empty">{trans.__('Asking for the workspaces…')}</p>
      )}
      {error === null && workspaces.all?.length === 0 && (
        <div class="jp-Traindock-Empty">
          <p>
            {trans.__('A workspace keeps your runs, with all that they leave, and your models. You have none yet.')}
          </p>
          <button type="button" class="jp-mod-styled jp-mod-accept" onClick={create}>
            {trans.__('New workspace…')}
          </button>
        </div>
      )}
    </>
  );
}

/** Says in which other workspaces runs go on, such as one that a notebook has made, and leads there. */
function RunsElsewhere({ traindock: { workspaces, trans }, activity }: Omit<ISwitcher, 'found'>) {
  useObserved(activity);
  return (
    <>
      {(workspaces.all ?? [])
        .filter(({ id }) => id !== workspaces.current?.id)
        .map(({ id, name }) => {
          const { running, waiting } = activity.counts(id);
          const runs = running + waiting;
          return (
            runs > 0 && (
              <div key={id} class="jp-Traindock-Elsewhere" role="status">
                <span>{trans._n('%1 run goes on in %2', '%1 runs go on in %2', runs, name)}</span>
                <button
                  type="button"
                  class="jp-Traindock-TextButton"
                  aria-label={trans.__('Show workspace %1', name)}
                  onClick={() => workspaces.choose(id)}
                >
                  {trans.__('Show')}
                </button>
              </div>
            )
          );
        })}
    </>
  );
}

/**
 * Ask for a name and make a workspace of it; where it cannot be had, ask again, with the reason.
 *
 * The first one is called as that of notebooks and commands, unless another name is wanted: else their runs would go elsewhere.
 */
export async function createWorkspace({ workspaces, trans }: ITraindock): Promise<void> {
  const usual = workspaces.all?.length === 0 ? workspaces.defaultName : null;
  let label =
    usual === null
      ? trans.__('Name: 2 to 33 letters, digits, _ or -')
      : trans.__(
          'Name: 2 to 33 letters, digits, _ or -. Notebooks and commands that name no workspace use “%1”.',
          usual
        );
  let text = usual ?? '';
  for (;;) {
    const { value } = await InputDialog.getText({
      title: trans.__('New workspace'),
      label,
      text,
      okLabel: trans.__('Create')
    });
    text = value?.trim() ?? '';
    if (text === '') {
      return;
    }
    try {
      await workspaces.create(text);
      return;
    } catch (error) {
      label = failureText(error, trans);
    }
  }
}
