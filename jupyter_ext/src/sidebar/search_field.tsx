import { searchIcon } from '@jupyterlab/ui-components';
import { Icon } from './icon';

/** What the name of what is listed has to contain. */
export function SearchField({
  label,
  placeholder,
  longest,
  value,
  search
}: {
  label: string;
  placeholder: string;
  /** Characters that it takes. */
  longest: number;
  value: string;
  search: (text: string) => void;
}) {
  return (
    <span class="jp-Traindock-Field">
      <Icon icon={searchIcon} />
      <input
        type="search"
        aria-label={label}
        placeholder={placeholder}
        maxLength={longest}
        value={value}
        onInput={event => search(event.currentTarget.value)}
      />
    </span>
  );
}
