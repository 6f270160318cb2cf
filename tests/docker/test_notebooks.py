"""A notebook as a job in a container, by a kernel there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import wait_for
from tests.docker.jobs import TARGET, WHOLE_LIFE, add_target, as_it_is, ended, stdout_of
from tests.trainer.test_notebook_run import write

from traindock import ActivityFailedException, Experiment, NotebookRunConfig, Workspace
from traindock.states import Reason


@pytest.fixture
def experiment(workspace: Workspace, engine_url: str) -> Experiment:
    add_target(workspace, engine_url)
    return Experiment(workspace, "tests")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.mark.timeout(900)  # the first time on an engine, the packages are fetched into its volume
def test_it_is_executed_there_with_packages_that_nobody_named(experiment: Experiment, source: Path) -> None:
    write(
        source / "explore.ipynb",
        "from traindock import Run\nrun = Run.get_context()\nrun.log('loss', 0.5)",
        "!hostname\nimport os\nprint(os.getuid())",
        "open('outputs/model.bin', 'w').write('weights')",
        kernelspec={"name": "azureml_py38", "language": "python"},
    )

    run = ended(experiment.submit(NotebookRunConfig(source, "explore.ipynb", TARGET)))

    assert [change.state for change in run.record.history] == WHOLE_LIFE, run.get_details()
    assert {"ipykernel", "nbclient"} <= {package.partition("==")[0] for package in run.record.environment["packages"]}
    assert list(run.metrics.values("loss")) == [0.5]
    assert "traindock-" in stdout_of(run)
    kept = run.path / "outputs" / "explore.ipynb"
    assert [len(cell["outputs"]) for cell in json.loads(kept.read_text())["cells"]] == [0, 1, 1]
    assert {"outputs/explore.ipynb", "outputs/model.bin"} <= set(run.get_file_names())

    write(source / "explore.ipynb", "import time\nprint('waiting')\ntime.sleep(600)")
    run = experiment.submit(NotebookRunConfig(source, "explore.ipynb", TARGET))
    wait_for(lambda: run._folder.layout.stdout.exists() and "waiting" in stdout_of(run), "its output, live")
    run.cancel()
    wait_for(lambda: run.record.state.terminal, "its end")

    assert run.record.reason is Reason.CANCELED_BY_USER
    [cell] = json.loads((run.path / "outputs" / "explore.ipynb").read_text())["cells"]
    assert "".join(cell["outputs"][0]["text"]) == "waiting\n"


def test_an_image_without_what_it_takes_says_so(experiment: Experiment, source: Path) -> None:
    write(source / "explore.ipynb", "1 + 1")

    run = experiment.submit(NotebookRunConfig(source, "explore.ipynb", TARGET, as_it_is()))
    with pytest.raises(ActivityFailedException, match="Ask for the packages ipykernel and nbclient"):
        run.wait_for_completion()

    assert "No module named 'nbclient'" in run.record.detail
