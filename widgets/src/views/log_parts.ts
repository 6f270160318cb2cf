import { useEffect, useMemo, useReducer, useState } from 'preact/hooks';
import { LogReader } from '../model/log_reader';
import { LogSearch } from '../model/log_search';
import type { LogText } from '../model/log_text';
import type { RunModel } from '../model/run_model';
import { useSettled } from './hooks';

/** What is shown of a log, and what is looked for in it. */
export interface ILogParts {
  text: LogText;
  reader: LogReader;
  search: LogSearch;
  /** Which of the lines that were found is looked at; -1 where none is. */
  current: number;
  /** Rises with each of them that is gone to. */
  steps: number;
  /** Go to another of them, by its place among them; behind the last comes the first. */
  go(to: number): void;
}

/** Read one of a run's logs, and look for `wanted` in it, as long as this is shown. */
export function useLogParts(model: RunModel, name: string, wanted: string): ILogParts {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  const [at, setAt] = useState({ current: -1, steps: 0 });
  const [reader, search] = useMemo(() => {
    const target = { workspace: model.target.workspace, run: model.target.run, name };
    const tail = (): LogText => model.logs.get(name) as LogText;
    const changed = (): void => draw(undefined);
    return [
      new LogReader(model.source, target, tail, changed),
      new LogSearch(model.source, target, tail, changed)
    ] as const;
  }, [model, name]);
  const settled = useSettled(wanted);

  useEffect(
    () => () => {
      reader.dispose();
      search.stop();
    },
    [reader, search]
  );
  useEffect(() => {
    setAt(before => ({ ...before, current: -1 }));
    search.find(settled);
  }, [search, settled]);
  useEffect(() => {
    search.goOn();
  });

  const go = (to: number): void => {
    const current = (to + search.hits.length) % search.hits.length;
    reader.open((search.hits[current] as { offset: number }).offset);
    setAt(before => ({ current, steps: before.steps + 1 }));
  };
  // what is found first is what was looked for, as in any page
  useEffect(() => {
    if (search.hits.length > 0 && at.current < 0) {
      go(0);
    }
  }, [search.hits.length > 0, at.current]);
  return { text: model.logs.get(name) as LogText, reader, search, ...at, go };
}
