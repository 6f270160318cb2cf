"""Widgets without a page: what they send is kept, and the test is the page."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm
from tests.conftest import wait_for
from tests.recorded_runs import Record, recorder

from traindock import Experiment, Workspace
from traindock_widgets import following
from traindock_widgets.feeding import FedWidget


class Page:
    """The other end of all widgets' comms.

    Attributes:
        sent: data of all messages that widgets sent, the oldest first, each with its comm's id.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any], list[bytes]]] = []

    def of(self, widget: FedWidget) -> list[dict[str, Any]]:
        """Return what a widget sent."""
        return [data for comm_id, data, _ in list(self.sent) if comm_id == widget.model_id]

    def news(self, widget: FedWidget, name: str) -> list[dict[str, Any]]:
        """Return the news that a widget told under a name."""
        found = [data["content"] for data in self.of(widget) if data.get("method") == "custom"]
        return [content for content in found if content["kind"] == "news" and content["name"] == name]

    def states(self, widget: FedWidget, trait: str) -> list[Any]:
        """Return the values of a trait that a widget sent."""
        updates = [data["state"] for data in self.of(widget) if data.get("method") == "update"]
        return [state[trait] for state in updates if trait in state]

    def ask(self, widget: FedWidget, **content: Any) -> None:
        """Send a widget what a view sends."""
        message = {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
        widget.comm.handle_msg(message)  # type: ignore[union-attr]

    def answer(
        self, widget: FedWidget, path: str, method: str = "GET", **more: Any
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Ask a widget for something, and return the answer with its buffers."""
        self.ask(widget, kind="request", id=len(self.sent), path=path, method=method, **more)
        _, data, buffers = self.sent[-1]
        return data["content"], buffers


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    """The page that shows the widgets of a test."""
    page = Page()

    class Sent(BaseComm):
        def publish_msg(
            self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any
        ) -> None:
            page.sent.append((self.comm_id, data or {}, list(buffers or ())))

    monkeypatch.setattr(comm, "create_comm", Sent)
    return page


@pytest.fixture
def experiment(workspace: Workspace) -> Iterator[Experiment]:
    """An experiment, whose runs are followed by no thread after the test."""
    yield Experiment(workspace, "bees")
    following.kernel_side(workspace).hub.stop()


@pytest.fixture
def start(experiment: Experiment) -> Callable[..., Any]:
    """Start a run whose job is the test itself."""

    def start(name: str = "", snapshot: Path | None = None) -> Any:
        run = experiment.start_logging(display_name=name or None, outputs=None, snapshot_directory=snapshot)
        wait_for(lambda: run.status == "Running", "the run to begin")
        return run

    return start


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is displayed, as though the test were a cell of a notebook: data, metadata, display id, whether again."""
    found: list[dict[str, Any]] = []

    def publish(data: Any, metadata: Any, *, transient: Any, update: bool) -> None:
        found.append({"data": data, "metadata": metadata, "id": transient["display_id"], "again": update})

    monkeypatch.setattr(importlib.import_module("traindock_widgets.outputs"), "publish_display_data", publish)
    monkeypatch.setattr(importlib.import_module("traindock_widgets.outputs"), "is_watched", lambda: True)
    for module in ("run_details", "comparison", "runs"):
        monkeypatch.setattr(importlib.import_module(f"traindock_widgets.{module}"), "in_kernel", lambda: True)
    return found


def told(widget: Any, trait: str, value: Any) -> None:
    """Wait until a trait has a value."""
    wait_for(lambda: getattr(widget, trait) == value, f"{trait} to be {value!r}, not {getattr(widget, trait)!r}")


@pytest.fixture
def record(workspace: Workspace) -> Record:
    """Record a run as if it had been submitted and driven, without a dispatcher; returns its id."""
    return recorder(workspace)


class Shell:
    """An IPython shell without a page, with what it showed.

    Attributes:
        it: the shell.
        shown: data of what was displayed, the oldest first.
    """

    def __init__(self, it: Any, capsys: pytest.CaptureFixture[str]) -> None:
        self.it = it
        self.shown: list[dict[str, Any]] = []
        self._capsys = capsys

    def run(self, cell: str) -> str:
        """Execute a cell, and return what it printed: errors, too."""
        self._capsys.readouterr()
        self.it.run_cell(cell, store_history=True)
        return "".join(self._capsys.readouterr())

    def fails(self, cell: str, error: str = "UserErrorException") -> str:
        """Execute a cell that fails in words and without a traceback; return the words."""
        printed = self.run(cell)
        assert printed.startswith(f"{error}: "), printed
        assert "Traceback" not in printed
        return printed.removeprefix(f"{error}: ").rstrip("\n")


@pytest.fixture
def shell(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    """A shell with the magics, in a folder whose configuration names the workspace."""
    from IPython.core.displaypub import CapturingDisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    folder = tmp_path / "notebooks"
    folder.mkdir()
    workspace.write_config(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    config = Config()
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = "nocolor"
    shell = Shell(InteractiveShell(config=config), capsys)
    shell.it.display_pub = CapturingDisplayPublisher()
    monkeypatch.setattr(InteractiveShell, "_instance", shell.it)
    shell.shown = shell.it.display_pub.outputs
    shell.it.run_line_magic("load_ext", "traindock")
    yield shell
    shell.it.history_manager.end_session()
