/** The commands that people, settings and other extensions may execute. */
export namespace CommandIDs {
  /** Show a run's card as a tab. Arguments: `workspace` and `run`, both ids. */
  export const openRun = 'traindock:open-run';
  /** Show runs in one TensorBoard as a tab. Arguments: `workspace`, and `run`, both ids, or `runs`, up to 10 of them. */
  export const openTensorBoard = 'traindock:open-tensorboard';
  /** Show several runs side by side as a tab. Arguments: `workspace`, and `runs`, the ids of 2 to 10 of them. */
  export const compareRuns = 'traindock:compare-runs';
  /** Show a registered model as a tab. Arguments: `workspace`, an id, and `name`. */
  export const openModel = 'traindock:open-model';
  /** Copy a model's name. Arguments as those of {@link openModel}. */
  export const copyModelName = 'traindock:copy-model-name';
  /** Put code that loads a version into the notebook. Arguments: `workspace`, `name` and `version`. */
  export const insertModel = 'traindock:insert-model';
  /** Ask for an alias that is to stand for a version. Arguments: `workspace`, `name` and `version`. */
  export const setModelAlias = 'traindock:set-model-alias';
  /** Ask which version of a model is to be deleted. Arguments as those of {@link openModel}. */
  export const deleteModelVersion = 'traindock:delete-model-version';
  /** Open the form for a new compute target in the workspace that is looked at. No arguments. */
  export const newCompute = 'traindock:new-compute';
  /** Open the form that changes a compute target. Arguments: `workspace`, an id, and `name`. */
  export const changeCompute = 'traindock:change-compute';
  /** Ask whether a compute target is to be deleted. Arguments: `workspace`, an id, and `name`. */
  export const deleteCompute = 'traindock:delete-compute';
  /** With `-front`, `-up`, `-down` or `-end`: move the waiting run whose menu is open. No arguments. */
  export const moveRun = 'traindock:move-run';
  /** Copy the id of the run in a queue whose menu is open. No arguments. */
  export const copyQueuedRun = 'traindock:copy-queued-run';
  /** Ask whether the run in a queue whose menu is open is to end. No arguments. */
  export const cancelQueuedRun = 'traindock:cancel-queued-run';
  /** Show the sidebar. No arguments. */
  export const showSidebar = 'traindock:show-sidebar';

  // What follows is done with the runs that are selected in the sidebar. No arguments.

  /** Open them as tabs. */
  export const openRuns = 'traindock:open-selected-runs';
  /** Ask for them to end. */
  export const stopRuns = 'traindock:stop-selected-runs';
  /** Submit them once more. */
  export const resubmitRuns = 'traindock:resubmit-selected-runs';
  /** Submit one once more, with changes that a form asks for. */
  export const changeRun = 'traindock:resubmit-selected-run-with-changes';
  /** Show them side by side. */
  export const compareSelected = 'traindock:compare-selected-runs';
  /** Show them in one TensorBoard. */
  export const boardRuns = 'traindock:open-tensorboard-of-selected-runs';
  /** Set and remove tags of them. */
  export const tagRuns = 'traindock:tag-selected-runs';
  /** Register what one has left as a model. */
  export const registerModel = 'traindock:register-model-of-selected-run';
  /** Show the folder of one in the file browser. */
  export const revealRun = 'traindock:reveal-selected-run';
  /** Put a cell that gets them into the notebook. */
  export const insertRuns = 'traindock:insert-selected-runs';
  /** Copy their ids. */
  export const copyRuns = 'traindock:copy-ids-of-selected-runs';
  /** Delete them, after a question. */
  export const deleteRuns = 'traindock:delete-selected-runs';

  // What follows is done with the experiment that is selected in the sidebar. No arguments.

  /** List its runs alone. */
  export const showExperiment = 'traindock:show-selected-experiment';
  /** Copy its name. */
  export const copyExperiment = 'traindock:copy-name-of-selected-experiment';
  /** Have a script chosen and submitted to it. */
  export const newRun = 'traindock:new-run-of-selected-experiment';

  // What follows fills in a form and submits.

  /** Choose a script or a notebook, and fill in what it is to be submitted with. Argument: `experiment`, may be left out. */
  export const train = 'traindock:train';
  /** The same of a file or a folder: argument `path`, or else the file that is being edited, which is saved first. */
  export const trainFile = 'traindock:train-file';
  /** The same of a notebook: argument `path`, or else the notebook that is being edited, which is saved first. */
  export const trainNotebook = 'traindock:train-notebook';
  /** The same of what is selected in the file browser. */
  export const trainSelected = 'traindock:train-selected';
  /** Fill in how a run is to differ when it is submitted once more. Arguments: `workspace` and `run`, both ids. */
  export const resubmitWithChanges = 'traindock:resubmit-with-changes';
  /** Tell on the desktop when runs end, or no more. */
  export const desktopNotifications = 'traindock:desktop-notifications';
}
