import { useState } from 'preact/hooks';
import { bytes } from '../format';
import type { LogText } from '../model/log_text';
import { BUILD_LOG, OUTPUT_LOG, type RunModel } from '../model/run_model';
import { type ITrans, useTrans } from '../translation';
import { Download } from './download';
import type { IHost } from './header';
import { LogLines } from './log_lines';
import { useLogParts } from './log_parts';
import { LogSearchBar } from './log_search_bar';

function logWord(name: string, trans: ITrans): string {
  return { [OUTPUT_LOG]: trans.__('Output'), [BUILD_LOG]: trans.__('Build') }[name] ?? name;
}

/** The output of a run and of its build, as they are written. */
export function Log({ model, host }: { model: RunModel; host: IHost }) {
  const trans = useTrans();
  const [chosen, choose] = useState<string | null>(null);
  const [wanted, setWanted] = useState('');
  const name = chosen ?? model.spokenLog;
  const text = model.logs.get(name) as LogText;
  const parts = useLogParts(model, name, wanted);
  return (
    <div class="td-log">
      <div class="td-tools">
        <fieldset aria-label={trans.__('Which log')} class="td-choice">
          {[...model.logs.keys()].map(one => (
            <button type="button" key={one} aria-pressed={one === name} onClick={() => choose(one)}>
              {logWord(one, trans)}
            </button>
          ))}
        </fieldset>
        <LogSearchBar parts={parts} wanted={wanted} want={setWanted} />
        {!text.empty && (
          <Download model={model} name={name} size={text.end}>
            {trans.__('Download (%1)', bytes(text.end))}
          </Download>
        )}
      </div>
      {text.empty ? (
        <p class="td-empty">{emptyNote(model, name, trans)}</p>
      ) : (
        <LogLines key={name} model={model} parts={parts} wanted={wanted} host={host} />
      )}
    </div>
  );
}

function emptyNote(model: RunModel, name: string, trans: ITrans): string {
  if (name === BUILD_LOG) {
    return model.ended || model.state?.state === 'Running'
      ? trans.__('Nothing had to be built.')
      : trans.__('Nothing is built yet.');
  }
  return model.ended ? trans.__('The script printed nothing.') : trans.__('Nothing is printed yet.');
}
