import type { IAction } from './hooks';

/** What became of something that a person asked for. */
export function Outcome({ action }: { action: IAction }) {
  return (
    <p class={action.refused ? 'td-notice' : 'td-good'} role="status">
      {action.note}
    </p>
  );
}
