import { caretDownEmptyIcon } from '@jupyterlab/ui-components';
import { Icon } from './icon';

/** A list to choose from, as JupyterLab's own look. */
export function Choice({
  label,
  value,
  options,
  choose
}: {
  label: string;
  value: string;
  options: readonly (readonly [value: string, word: string])[];
  choose: (value: string) => void;
}) {
  const word = options.find(([one]) => one === value)?.[1] ?? value;
  return (
    <span class="jp-Traindock-Choice">
      <select
        aria-label={label}
        title={`${label}: ${word}`}
        value={value}
        onChange={event => choose(event.currentTarget.value)}
      >
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
      <Icon icon={caretDownEmptyIcon} />
    </span>
  );
}
