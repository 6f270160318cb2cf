import { FIRST_RUN } from './no_runs';

/** Return code for a cell of Python that gets runs of a workspace, by its name. */
export function gettingRuns(workspace: string, runs: readonly string[]): string {
  const found = `Workspace.get(${literal(workspace)})`;
  const [first, ...others] = runs;
  if (first === undefined) {
    return '';
  }
  return others.length === 0
    ? `from traindock import Run, Workspace\n\nrun = Run.get(${found}, ${literal(first)})\nrun`
    : `from traindock import Run, Workspace\n\nworkspace = ${found}\nruns = [\n` +
        `${runs.map(run => `    Run.get(workspace, ${literal(run)}),\n`).join('')}]\nruns`;
}

/** Return code for a cell of Python that submits a first run to a workspace, by its name. */
export function firstRun(workspace: string): string {
  return FIRST_RUN.replace('WORKSPACE', () => literal(workspace));
}

/**
 * Return the line for a terminal that submits a script to a workspace: without its name the script would go to the usual one.
 */
export function submitLine(workspace: string): string {
  return `traindock --workspace ${workspace} submit train.py`; // names of workspaces need no quotes
}

/** A text as Python writes it: JSON's form is one of Python's, too. */
function literal(text: string): string {
  return JSON.stringify(text);
}
