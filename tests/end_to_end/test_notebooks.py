"""Notebooks as jobs, from submit to their end, by real kernels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.conftest import wait_for
from tests.trainer.test_notebook_run import write

from traindock import ActivityFailedException, Experiment, NotebookRunConfig, Run, UserErrorException, Workspace
from traindock.states import Reason

pytestmark = [pytest.mark.shared_workspace, pytest.mark.slow]

Send = Callable[..., Run]
#: What the notebooks of others name, and nobody has here.
ELSEWHERE = {"name": "azureml_py38", "display_name": "Python 3.8 - AzureML", "language": "python"}


@pytest.fixture
def send(workspace: Workspace, tmp_path: Path) -> Send:
    """Submit a notebook with these cells."""

    def send(*sources: str, name: str = "explore.ipynb", **options: Any) -> Run:
        folder = tmp_path / "notebooks"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name, *sources, kernelspec=ELSEWHERE)
        return Experiment(workspace, "notebooks").submit(NotebookRunConfig(folder, name, **options))

    return send


def log_of(run: Run) -> str:
    return run._folder.layout.stdout.read_text()


def outputs_of(run: Run, name: str = "explore.ipynb") -> list[list[dict[str, Any]]]:
    """Return the outputs of each cell of the notebook that a run has kept."""
    document = json.loads((run.path / "outputs" / name).read_text())
    return [cell["outputs"] for cell in document["cells"]]


def failed(run: Run) -> Run:
    with pytest.raises(ActivityFailedException):
        run.wait_for_completion()
    return run


def test_it_logs_draws_and_prints_and_is_kept_with_its_outputs(send: Send) -> None:
    run = send(
        "from traindock import Run\nrun = Run.get_context()\nfor step in range(3): run.log('loss', 1 / (step + 1))",
        "import os, sys\nprint('to standard output')\nprint('to standard error', file=sys.stderr)",
        "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()\nopen('outputs/model.bin', 'w').write('weights')",
        "!echo from a shell\n%env TRAINDOCK_RUN_NUMBER",
        "",
        "import traindock\n[os.getcwd(), traindock.__file__, sys.executable]",
    )
    run.wait_for_completion()

    assert list(run.metrics.values("loss")) == [1, 1 / 2, 1 / 3]
    assert {"outputs/explore.ipynb", "outputs/model.bin"} <= set(run.get_file_names())
    log = log_of(run)
    for line in ("In [2]:", "to standard output", "to standard error", "from a shell", "In [5]:"):
        assert line in log.splitlines()
    assert "In [1]:" not in log, "it has printed nothing"
    assert log.count("from a shell") == 1
    assert "<Figure size" in log
    nothing, printed, drawn, _, empty, last = outputs_of(run)
    assert (nothing, empty) == ([], [])
    assert {(output["name"], "".join(output["text"])) for output in printed} == {
        ("stdout", "to standard output\n"), ("stderr", "to standard error\n"),
    }  # fmt: skip
    assert "image/png" in drawn[0]["data"]
    told = "".join(last[0]["data"]["text/plain"])
    assert f"{run.path.resolve()}/work" in told
    assert str(run.workspace.layout.runtime) in told, "Traindock's own part of a job is what it imports"
    assert run.record.environment["python"] in told, "the job's own Python, whatever kernel the notebook names"
    kept = json.loads((run.path / "outputs" / "explore.ipynb").read_text())
    assert (kept["metadata"]["kernelspec"]["name"], kept["metadata"]["language_info"]["name"]) == ("python3", "python")
    assert [cell["execution_count"] for cell in kept["cells"]] == [1, 2, 3, 4, None, 5]


def test_a_cell_that_raises_ends_it_with_what_was_there(send: Send) -> None:
    run = failed(send("print('before')", "def divide(n):\n    return 1 / n\ndivide(0)", "print('after')"))

    assert run.record.reason is Reason.EXITED_NONZERO
    detail = "the notebook ended with exit code 1: ZeroDivisionError: division by zero (explore.ipynb, cell [2])"
    assert run.record.detail == detail
    error = run.record.exit["error"]
    assert (error["type"], error["cell"], error["traceback"][-1]) == (
        "ZeroDivisionError", 2, "ZeroDivisionError: division by zero",
    )  # fmt: skip
    assert "\x1b" not in log_of(run)
    assert "return 1 / n" in log_of(run)
    before, raised, after = outputs_of(run)
    assert ("".join(before[0]["text"]), raised[0]["ename"], after) == ("before\n", "ZeroDivisionError", [])


def test_a_cell_may_be_meant_to_raise(send: Send, tmp_path: Path, workspace: Workspace) -> None:
    write(tmp_path / "meant.ipynb", "1 / 0", "print('after')")
    document = json.loads((tmp_path / "meant.ipynb").read_text())
    document["cells"][0]["metadata"]["tags"] = ["raises-exception"]
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / "meant.ipynb").write_text(json.dumps(document))

    run = Experiment(workspace, "notebooks").submit(NotebookRunConfig(tmp_path / "sent", "meant.ipynb"))
    run.wait_for_completion()

    assert log_of(run).endswith("after\n")


@pytest.mark.parametrize(
    ("cell", "detail"),
    [
        ("input('how much?')", "StdinNotImplementedError"),
        ("import sys; sys.exit(3)", "exit code 3: the notebook ended itself in cell [2]"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
         "exit code 137: the kernel ended by signal 9 while cell [2] was executed"),
    ],
)  # fmt: skip
def test_whatever_ends_it_is_told_and_what_was_there_is_kept(send: Send, cell: str, detail: str) -> None:
    run = failed(send("print('before')", cell, "print('after')"))

    assert detail in run.record.detail
    before, _, after = outputs_of(run)
    assert ("".join(before[0]["text"]), after) == ("before\n", [])


def test_it_may_end_itself(send: Send) -> None:
    run = send("import sys; sys.exit()", "print('after')")
    run.wait_for_completion()

    assert "cell [1] ended the notebook; cells after it were not executed" in log_of(run)


def test_to_cancel_it_ends_the_kernel_and_keeps_what_was_printed(send: Send) -> None:
    run = send("import os\nprint('kernel', os.getpid(), flush=True)", "import time\nprint('waiting')\ntime.sleep(600)")
    wait_for(lambda: "waiting" in log_of(run) if run._folder.layout.stdout.exists() else False, "its output, live")
    kernel = psutil.Process(int(log_of(run).split("kernel ")[1].split()[0]))
    assert outputs_of(run)[0], "written after each cell"

    run.cancel()
    wait_for(lambda: run.record.state.terminal, "its end")

    assert run.record.reason is Reason.CANCELED_BY_USER
    assert not kernel.is_running()
    assert ["".join(cell[0]["text"]).split()[0] for cell in outputs_of(run)] == ["kernel", "waiting"]
    assert [path.name for path in (run.path / "outputs").iterdir()] == ["explore.ipynb"]


def test_one_in_a_folder_imports_from_there_and_works_where_scripts_do(send: Send, tmp_path: Path) -> None:
    (tmp_path / "notebooks" / "deep").mkdir(parents=True)
    (tmp_path / "notebooks" / "deep" / "requests.py").write_text("own = 1")
    (tmp_path / "notebooks" / "data.txt").write_text("data")

    run = send("import requests\nprint(requests.own, open('data.txt').read())", name="deep/own.ipynb")
    run.wait_for_completion()

    assert "1 data\n" in log_of(run)
    assert "outputs/own.ipynb" in run.get_file_names()


def test_a_flood_is_whole_in_the_log_and_cut_in_the_notebook(send: Send) -> None:
    run = send("for number in range(300_000): print(f'line {number}')")
    run.wait_for_completion()

    lines = log_of(run).splitlines()
    assert lines[1:] == [f"line {number}" for number in range(300_000)]
    [cell] = outputs_of(run)
    text = "".join(cell[0]["text"])
    assert 1_000_000 < len(text) < 1_000_200
    assert text.endswith("The rest is in the log of the run.\n")


def test_it_is_submitted_once_more_but_takes_no_arguments(send: Send) -> None:
    run = send("print('done')")
    run.wait_for_completion()

    again = run.resubmit()
    again.wait_for_completion()

    assert log_of(again) == "In [1]:\ndone\n"
    with pytest.raises(UserErrorException, match="the run has a notebook, which takes no arguments"):
        run.resubmit(arguments=["--lr", 1])
