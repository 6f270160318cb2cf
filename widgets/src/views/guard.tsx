import { type ComponentChildren, Fragment } from 'preact';
import { useErrorBoundary } from 'preact/hooks';

/** Says so where a view cannot be drawn, be it for a fault of ours or for what another version sends. */
export function Guard({ children }: { children: ComponentChildren }) {
  const [error, again] = useErrorBoundary();
  if (error === undefined) {
    return <Fragment>{children}</Fragment>;
  }
  return (
    <div class="td-card td-problem" role="alert">
      <p>{`This card cannot be drawn (${error}). The run goes on. Reload the page; if that does not help, report it.`}</p>
      <button type="button" onClick={again}>
        Try again
      </button>
    </div>
  );
}
