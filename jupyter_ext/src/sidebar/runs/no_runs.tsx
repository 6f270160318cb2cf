import type { TranslationBundle } from '@jupyterlab/translation';

/** Trains for a second in a script of its own, with what every Python has: what a first run looks like. */
export const FIRST_RUN = `from pathlib import Path
from traindock import Experiment, ScriptRunConfig, Workspace

folder = Path("first-training")
folder.mkdir(exist_ok=True)
(folder / "train.py").write_text("""
from traindock import Run
run = Run.get_context()
for step in range(1, 101):
    run.log("loss", 1 / step, step=step)
print("trained")
""")
run = Experiment(Workspace.get(WORKSPACE), "first-steps").submit(ScriptRunConfig(folder, "train.py"))
run`;

/** What is offered to somebody who has no runs. */
export interface IFirstSteps {
  /** The line for a terminal that submits a script to the workspace that is looked at. */
  readonly submitLine: string;
  /** Whether there is a notebook that a cell could come into. */
  readonly hasNotebook: boolean;
  /** Put a cell with a first training into the notebook. */
  insertFirstRun(): void;
  /** Have a script chosen and submitted; undefined where nothing here can do that. */
  readonly trainScript?: () => void;
}

/** Teaches the first step. */
export function NoRuns({ steps, trans }: { steps: IFirstSteps; trans: TranslationBundle }) {
  return (
    <div class="jp-Traindock-Empty">
      <p>{trans.__('No runs yet. There are three ways to a first one:')}</p>
      <ol>
        <li>
          <p>{trans.__('In a notebook: a cell with a training of a second, to be changed into yours.')}</p>
          <button
            type="button"
            class="jp-mod-styled jp-mod-accept"
            disabled={!steps.hasNotebook}
            title={steps.hasNotebook ? '' : trans.__('Open a notebook first')}
            onClick={() => steps.insertFirstRun()}
          >
            {trans.__('Insert the cell')}
          </button>
        </li>
        <li>
          <p>{trans.__('In the file browser: right-click a Python script or notebook, and train it.')}</p>
          {steps.trainScript !== undefined && (
            <button type="button" class="jp-mod-styled jp-mod-minimal" onClick={steps.trainScript}>
              {trans.__('Choose a script…')}
            </button>
          )}
        </li>
        <li>
          <p>
            {trans.__('In a terminal:')} <code>{steps.submitLine}</code>
          </p>
        </li>
      </ol>
    </div>
  );
}
