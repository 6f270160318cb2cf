import { type ComponentChildren, Fragment } from 'preact';
import { useErrorBoundary } from 'preact/hooks';
import { useTrans } from '../translation';

/** Says so where a view cannot be drawn, be it for a fault of ours or for what another version sends. */
export function Guard({ children }: { children: ComponentChildren }) {
  const trans = useTrans();
  const [error, again] = useErrorBoundary();
  if (error === undefined) {
    return <Fragment>{children}</Fragment>;
  }
  return (
    <div class="td-card td-problem" role="alert">
      <p>
        {trans.__(
          'This card cannot be drawn (%1). The run goes on. Reload the page; if that does not help, report it.',
          error
        )}
      </p>
      <button type="button" onClick={again}>
        {trans.__('Try again')}
      </button>
    </div>
  );
}
