"""Cards in notebooks that are executed without a page: what is saved, and that a second execution gives the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

CELLS = (
    """
import os
from pathlib import Path
from traindock import Experiment, ScriptRunConfig, Workspace

Path("source").mkdir(exist_ok=True)
Path("source", "train.py").write_text('''
from traindock import Run
for value in range(50):
    Run.get_context().log("loss", 1 / (1 + value))
''')
try:
    workspace = Workspace.create("cards", show_output=False)
except Exception:
    workspace = Workspace.get("cards")
run = Experiment(workspace, "cards").submit(ScriptRunConfig("source", script="train.py"))
""",
    "run",
    "details = run.wait_for_completion()",
    "from traindock_widgets import RunDetails\nRunDetails(run).show()",
)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A notebook with two cards of one run, executed."""
    tmp_path = tmp_path_factory.mktemp("cards")
    with pytest.MonkeyPatch.context() as patched:
        for name in ("DATA", "CONFIG", "STATE"):
            patched.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
        yield _executed(tmp_path)


def _executed(tmp_path: Path) -> Path:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    path = tmp_path / "cards.ipynb"
    nbformat.write(notebook, path)
    return path


def outputs_of(path: Path) -> list[list[Any]]:
    return [cell.outputs for cell in nbformat.read(path, as_version=4).cells]


def test_a_card_is_saved_as_ids_a_picture_and_a_text(executed: Path) -> None:
    (shown,) = outputs_of(executed)[1]

    assert set(shown.data) == {"application/vnd.traindock.run+json", "image/png", "text/plain"}
    assert shown.data["application/vnd.traindock.run+json"] == {"version": 1}
    assert set(shown.metadata["application/vnd.traindock.run+json"]) == {"workspace", "run"}


def test_its_picture_is_that_of_the_end_though_it_was_shown_at_the_beginning(executed: Path) -> None:
    outputs = outputs_of(executed)

    assert outputs[1][0].data["image/png"] == outputs[3][0].data["image/png"]


def test_the_notebook_passes_nbvals_strict_comparison(executed: Path) -> None:
    printed = run_module(executed, "pytest", "--nbval", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")

    assert f"{len(CELLS)} passed" in printed


def test_exported_as_html_it_is_the_picture(executed: Path) -> None:
    run_module(executed, "nbconvert", "--to", "html")

    page = executed.with_suffix(".html").read_text()
    drawn = outputs_of(executed)[1][0].data["image/png"].replace("\n", "")
    assert drawn in page.replace("\n", "")


def run_module(notebook: Path, module: str, *options: str) -> str:
    """Run a module of the tests' Python on the notebook, and return what it printed."""
    command = [sys.executable, "-m", module, *options, notebook.name]
    done = subprocess.run(command, cwd=notebook.parent, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


WAITING = """
from pathlib import Path
from traindock import Experiment, ScriptRunConfig, Workspace

Path("source").mkdir()
Path("source", "train.py").write_text("input_file = open('GATE').read()")
run = Experiment(Workspace.create("waiting", show_output=False), "cards").submit(
    ScriptRunConfig("source", script="train.py")
)
"""


class Cells:
    """Cells of a page, executed in a kernel.

    Args:
        client: of the kernel.
    """

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def begin(self, cell: str, code: str) -> str:
        """Begin to execute a cell; returns the id of the request."""
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": True, "stop_on_error": False}
        message = self._client.session.msg("execute_request", content, metadata={"cellId": cell})
        self._client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def told(self, request: str, kind: str) -> dict[str, Any]:
        """Return the next message of a kind that an execution gives."""
        return next(content for told, content in self._messages(request) if told == kind)

    def cards(self, request: str) -> int:
        """Return how many cards an execution shows until its end."""
        found = 0
        for told, content in self._messages(request):
            found += told == "display_data"
            if told == "status" and content["execution_state"] == "idle":
                break
        return found

    def _messages(self, request: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield kind and content of what an execution gives, for a minute: news of the run come without end."""
        deadline = time.monotonic() + 60
        while True:
            message = self._client.get_iopub_msg(timeout=max(0, deadline - time.monotonic()))
            if message["parent_header"].get("msg_id") == request:
                yield message["msg_type"], message["content"]


def test_a_cell_whose_waiting_was_interrupted_shows_the_card_again_and_a_cell_below_shows_no_second_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    manager, client = start_new_kernel(cwd=str(tmp_path))
    cells = Cells(client)
    try:
        assert cells.cards(cells.begin("a", WAITING.replace("GATE", str(gate)))) == 0
        first = cells.begin("b", "await run")
        cells.told(first, "display_data")
        manager.interrupt_kernel()
        assert "goes on" in cells.told(first, "stream")["text"]
        assert cells.cards(first) == 0

        second = cells.begin("b", "await run")
        cells.told(second, "display_data")
        gate.write_text("go on")
        assert cells.cards(second) == 0
        assert cells.cards(cells.begin("c", "details = await run")) == 0
    finally:
        os.close(os.open(gate, os.O_RDWR))  # which ends the run, too, where the test has failed before
        client.stop_channels()
        manager.shutdown_kernel(now=True)
