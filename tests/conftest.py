"""What all tests share: nobody touches the developer's own folders, and no process outlives its test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from traindock import Run, Workspace

REPOSITORY = Path(__file__).parent.parent
WAIT_SECONDS = 60.0


def first_in_ci(values: Iterable[Any], count: int = 1) -> list[Any]:
    """Return values of a parameter, of which the first ``count`` stand for the others, left to ``make soak``, in CI."""
    soak = pytest.mark.soak
    return [value if at < count else pytest.param(value, marks=soak) for at, value in enumerate(values)]


def wait_for(condition: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> Any:
    """Return the first true value of ``condition``; fail with ``what`` if there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    pytest.fail(f"waited {seconds:.0f} s in vain for {what}")


@pytest.fixture(autouse=True)
def private_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep data, configuration and leases of each test apart; packages may be shared."""
    # A parallel worker's tests share uv's cache with the developer: wheels need not be fetched again.
    cache = os.environ.get("UV_CACHE_DIR") or str(
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
    )
    monkeypatch.setenv("UV_CACHE_DIR", cache)
    be_at_home_in(tmp_path, monkeypatch)
    for name in ("TRAINDOCK_WORKSPACE", "TRAINDOCK_RUN_ID", "TRAINDOCK_FAULT", "TRAINDOCK_GPU_DEVICES"):
        monkeypatch.delenv(name, raising=False)


def be_at_home_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Keep data, configuration, state and leases in ``folder``."""
    for name in ("DATA", "CONFIG", "CACHE", "STATE"):
        patch.setenv(f"XDG_{name}_HOME", str(folder / "home" / name.lower()))
    patch.setenv("TRAINDOCK_LEASE_DIR", str(folder / "leases"))


@pytest.fixture
def workspace(
    request: pytest.FixtureRequest, tmp_path: Path, private_folders: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    """An empty workspace; whatever was started in it is ended afterwards.

    For tests marked ``shared_workspace`` it is one in which others have run before, and whose dispatcher is up already:
    a test that looks at nothing but its own runs is ready in a third of the time. ``shared_workspace(False)`` excepts
    one of a class or file that is marked.
    """
    from traindock import Workspace

    mark = request.node.get_closest_marker("shared_workspace")
    if mark is not None and mark.args != (False,):
        shared: Workspace = request.getfixturevalue("shared_by_all")
        be_at_home_in(shared.layout.root.parent, monkeypatch)
        opened = Workspace(shared.layout.root)
        before = unfinished(opened)
        yield opened
        for run in unfinished(opened) - before:  # the next one's runs would wait for it
            run.cancel()
            wait_for(lambda run=run: run.record.state.terminal, f"the end of {run.id}, which the test has left")
    else:
        yield (made := make_workspace(tmp_path / "workspace"))
        end_everything_in(made)


@pytest.fixture(scope="session")
def shared_by_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The workspace of tests marked ``shared_workspace``, with a home folder of its own beside it."""
    from traindock.dispatcher import start

    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        be_at_home_in(folder, patch)
        made = make_workspace(folder / "workspace", idle_seconds=60.0)
        start.ensure(made.layout)  # before a test has set variables of its own
    yield made
    end_everything_in(made)


def unfinished(workspace: Workspace) -> set[Run]:
    """Return the runs that have not ended."""
    from traindock import Run
    from traindock.states import State

    return {run for state in State if not state.terminal for run in Run.list(workspace, status=state)}


def make_workspace(root: Path, name: str = "test", **settings: float) -> Workspace:
    """Make a workspace whose dispatcher leaves soon and whose jobs get little grace."""
    from traindock import Workspace

    made = Workspace.create(name, path=root, show_output=False)
    values = {"idle_seconds": 10.0, "grace_seconds": 2.0, **settings}
    made.layout.settings.write_text(
        f"[dispatcher]\nidle_seconds = {values['idle_seconds']}\n[jobs]\ngrace_seconds = {values['grace_seconds']}\n"
    )
    return made


def end_everything_in(workspace: Workspace) -> None:
    """Kill the workspace's dispatcher, launchers and jobs."""
    for process in processes_of(workspace):
        try:
            process.kill()
            process.wait(10)
        except psutil.Error:
            pass


def processes_of(workspace: Workspace) -> list[psutil.Process]:
    """Return the dispatcher, launchers and jobs of a workspace, dispatchers first."""
    root = str(workspace.layout.root)
    found = []
    for process in psutil.process_iter(["cmdline", "pid"]):
        words = process.info["cmdline"] or []
        try:
            mine = any(word.startswith(root) for word in words) or (
                process.environ().get("TRAINDOCK_WORKSPACE_ID") == workspace.id
            )
        except psutil.Error:
            continue
        if mine and process.pid != os.getpid():
            found.append(process)
    return sorted(found, key=lambda process: "traindock.dispatcher" not in (process.info["cmdline"] or []))


def dispatcher_of(workspace: Workspace) -> psutil.Process:
    """Return the process that holds the workspace's dispatcher lock."""
    document = wait_for(lambda: _read(workspace.layout.dispatcher_json), "dispatcher.json")
    return psutil.Process(document["process"]["pid"])


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


@pytest.fixture
def dying_dispatchers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Have dispatchers that this process starts die as they begin, until what is returned is called."""
    from traindock.dispatcher import start

    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "argparse.py").write_text("raise RuntimeError('nothing works here')")
    paths = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{broken}{os.pathsep}{paths}")
    monkeypatch.setattr(start, "_LOOK_SECONDS", 0.1)
    return lambda: monkeypatch.setenv("PYTHONPATH", paths)


@contextlib.contextmanager
def locked_index(workspace: Workspace, how: str = "normal") -> Iterator[None]:
    """Have another process hold SQLite's lock on the index: against writers, or ("exclusive") against everybody.

    The latter takes that no other connection is open: neither this process's, nor a dispatcher's.
    """
    workspace.index.close()
    code = f"""
        import sqlite3, sys
        connection = sqlite3.connect({str(workspace.layout.index)!r}, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA locking_mode = {how}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE IF NOT EXISTS holder (x)")
        print("locked", flush=True)
        sys.stdin.read()
    """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        yield
        holder.kill()


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The number and size of each file that this process has synced, as it was then."""
    found: list[tuple[int, int]] = []
    really = os.fsync

    def fsync(fd: int) -> None:
        really(fd)
        found.append((os.fstat(fd).st_ino, os.fstat(fd).st_size))

    monkeypatch.setattr(os, "fsync", fsync)
    return found


Submit = Callable[..., "Run"]


@pytest.fixture
def submit(workspace: Workspace, tmp_path: Path) -> Submit:
    """Submit a script given as text, in this test's own interpreter."""
    return submitter(workspace, tmp_path)


def submitter(workspace: Workspace, folder: Path) -> Submit:
    """Return a function that submits scripts given as text to ``workspace``."""
    from traindock import Experiment, ScriptRunConfig

    count = iter(range(1_000_000))

    def submit(script: str, *arguments: Any, experiment: str = "tests", tags: Any = None, **options: Any) -> Run:
        source = folder / f"source-{os.getpid()}-{next(count)}"
        source.mkdir()
        (source / "train.py").write_text(textwrap.dedent(script), "utf-8")
        config = ScriptRunConfig(source, "train.py", list(arguments), **options)
        return Experiment(workspace, experiment).submit(config, tags=tags)

    return submit


def as_ordinary_user(folder: Path, check: Callable[[], None]) -> None:
    """Call ``check`` in a fork that has no rights of root over ``folder``, an empty one; fail as it does."""
    if os.getuid() == 0:
        os.chown(folder, 65534, 65534)
        for parent in [folder, *folder.parents]:
            if parent.stat().st_uid == 0 and "pytest" in str(parent):
                parent.chmod(parent.stat().st_mode | 0o055)
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            check()
        except BaseException:  # noqa: BLE001 -- a fork of the test must not return into pytest
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def kill(process: psutil.Process) -> None:
    """SIGKILL, and wait for the process to be gone."""
    process.send_signal(signal.SIGKILL)
    process.wait(10)


PYTHON = sys.executable
