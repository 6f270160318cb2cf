"""A workspace that several hosts have: one works in it, the others look on, and one may succeed it.

Each host is known by the folder that it keeps on a disk of its own, so that a process with another such folder is
another host to all that matters here.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import (
    PYTHON,
    Submit,
    dispatcher_of,
    end_everything_in,
    kill,
    make_workspace,
    processes_of,
    submitter,
    wait_for,
)

from traindock import Model, Run, Workspace
from traindock.dispatcher import start
from traindock.errors import WorkspaceReadOnlyException
from traindock.store.index import RunQuery

pytestmark = pytest.mark.slow

WRITES = {
    "experiment": "Experiment(ws, 'another')",
    "submit": "Experiment(ws, 'tests').submit(ScriptRunConfig(source, 'train.py'))",
    "start_logging": "Experiment(ws, 'tests').start_logging(snapshot_directory=None)",
    "tag": "run.tag('who', 'b')",
    "display_name": "setattr(run, 'display_name', 'mine')",
    "cancel": "running.cancel()",
    "upload": "run.upload_file('more.txt', source + '/train.py')",
    "register": "run.register_model('net', 'outputs/model.bin')",
    "register_files": "Model.register(ws, source, 'net')",
    "model_tag": "Model(ws, 'known').add_tags({'who': 'b'})",
    "model_delete": "Model(ws, 'known').delete()",
    "compute": "ComputeTarget.create(ws, 'more', LocalCompute.provisioning_configuration(max_nodes=1))",
    "workspace_tags": "ws.update(tags={'who': 'b'})",
    "workspace_delete": "ws.delete(delete_dependent_resources=True)",
}


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace on what counts as a network disk, as this host sees it."""
    made = make_workspace(tmp_path / "workspace", idle_seconds=60.0)
    with open(made.layout.settings, "a") as settings:
        settings.write('[network_disk]\nuse = "yes"\n')
    yield (workspace := Workspace(made.layout.root))
    end_everything_in(workspace)


@pytest.fixture
def submit(shared: Workspace, tmp_path: Path) -> Submit:
    """Submit a script given as text on this host."""
    return submitter(shared, tmp_path)


def set_silence(workspace: Workspace, seconds: float) -> None:
    """Have hosts succeed each other after so many seconds; to be called before anything is submitted."""
    with open(workspace.layout.settings, "a") as settings:
        settings.write(f"silence_seconds = {seconds}\n")


class OtherHost:
    """A host with folders of its own, except for the user's key."""

    def __init__(self, workspace: Workspace, home: Path) -> None:
        self._root = workspace.layout.root
        self._source = home / "source"
        self._source.mkdir(parents=True)
        (self._source / "train.py").write_text("print('done by b')\n")
        self._environment = {
            **os.environ,
            **{f"XDG_{name}_HOME": str(home / name.lower()) for name in ("STATE", "CACHE", "DATA")},
        }

    def do(self, code: str, **names: str) -> Any:
        """Run statements there, with ``ws``, ``source`` and ``names`` at hand; return what they put in ``answer``."""
        lines = [
            "import json, sys",
            "from traindock import *",
            f"ws = Workspace({str(self._root)!r}); source = {str(self._source)!r}; answer = None",
            *(f"{name} = {value!r}" for name, value in names.items()),
            textwrap.dedent(code),
            "print(); print(json.dumps(answer))",
        ]
        done = subprocess.run(
            [PYTHON, "-c", "\n".join(lines)], env=self._environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def submits(self) -> str | None:
        """Submit a run there and return its id, or None where the host is refused."""
        return self.do(
            """
            try:
                answer = Experiment(ws, "tests").submit(ScriptRunConfig(source, "train.py")).id
            except WorkspaceReadOnlyException:
                pass
            """
        )  # type: ignore[no-any-return]


@pytest.fixture
def other(shared: Workspace, tmp_path: Path) -> OtherHost:
    return OtherHost(shared, tmp_path / "b")


def kill_dispatchers(workspace: Workspace) -> None:
    """Kill the dispatcher and those that wait to replace it."""
    for process in processes_of(workspace):
        if "traindock.dispatcher" in process.cmdline():
            kill(process)


LASTING = """
    import time
    print("started", flush=True)
    time.sleep(600)
"""


def running(run: Run) -> Run:
    wait_for(lambda: run.get_status() == "Running", "the run to be running")
    return run


def test_a_run_completes_and_only_its_record_lies_on_the_network_disk(shared: Workspace, submit: Submit) -> None:
    run = submit("open('outputs/model.bin', 'w').write('weights')")
    run.wait_for_completion()
    local = shared.layout.local
    assert local is not None
    assert stat.S_IMODE(local.stat().st_mode) == 0o700
    assert {"index.sqlite", "dispatcher.lock", "dispatcher.json", "dispatcher.log"} <= set(os.listdir(local))
    ours = [name for name in os.listdir(shared.layout.root) if name.startswith(("index", "dispatcher"))]
    assert ours == ["dispatcher.lock"], "by which those are kept out that take the disk for their own"
    owner = json.loads(shared.layout.owner(1).read_text())
    assert owner["host"] == os.uname().nodename
    assert owner["uid"] == os.getuid()


def test_the_owner_is_heard_while_it_works(shared: Workspace, submit: Submit) -> None:
    set_silence(shared, 4.0)
    running(submit(LASTING))
    seen = shared.layout.owner(1).read_bytes()
    wait_for(lambda: shared.layout.owner(1).read_bytes() != seen, "the heartbeat")


def test_a_dispatcher_that_was_killed_is_replaced(shared: Workspace, submit: Submit) -> None:
    run = running(submit("import time\nfor i in range(20):\n    print('line', i, flush=True)\n    time.sleep(0.1)\n"))
    before = dispatcher_of(shared)
    kill(before)
    run.wait_for_completion()
    assert run.get_status() == "Completed"
    assert dispatcher_of(shared).pid != before.pid
    printed = (run.path / "driver" / "stdout.txt").read_text().splitlines()
    assert printed == [f"line {number}" for number in range(20)]


def test_the_index_can_be_thrown_away(shared: Workspace, submit: Submit) -> None:
    run = submit("print('x')")
    run.wait_for_completion()
    assert shared.rebuild_index() == 1
    shared.index.close()
    shared.layout.index.write_bytes(b"this is no database" * 1000)
    with pytest.warns(UserWarning, match="damaged"):
        assert [row.id for row in shared.index.runs(RunQuery())] == [run.id]


def test_another_host_reads_everything_and_is_refused_every_change(
    shared: Workspace, submit: Submit, other: OtherHost, tmp_path: Path
) -> None:
    script = """
        from traindock import Run
        run = Run.get_context()
        for i in range(3):
            run.log("loss", i)
        open("outputs/model.bin", "w").write("weights")
    """
    run = submit(script)
    run.wait_for_completion()
    run.register_model("known", "outputs/model.bin")
    going = running(submit(LASTING))
    wait_for(
        lambda: {"cpu", "memory"} <= set(going.record.resources),
        "what it uses to be recorded, which its own host does meanwhile",
    )
    before = {path: path.read_bytes() for path in _records(shared)}

    read = other.do(
        """
        run = Run.get(ws, done)
        run.download_file("outputs/model.bin", target)
        answer = {
            "runs": sorted([each.id, each.get_status()] for each in Run.list(ws)),
            "metrics": run.get_metrics(),
            "models": [model.id for model in Model.list(ws)],
            "index": str(ws.layout.index),
            "rebuilt": ws.rebuild_index(),
        }
        """,
        done=run.id,
        target=str(tmp_path / "downloaded"),
    )
    assert read["runs"] == sorted([[run.id, "Completed"], [going.id, "Running"]])
    assert read["metrics"] == {"loss": [0, 1, 2]}
    assert read["models"] == ["known:1"]
    assert read["rebuilt"] == 2
    assert Path(read["index"]).is_relative_to(tmp_path / "b" / "state")
    assert (tmp_path / "downloaded").read_text() == "weights"

    refused = other.do(
        """
        run, running = Run.get(ws, done), Run.get(ws, going)
        answer = {}
        for name, write in json.loads(writes).items():
            try:
                eval(write)
            except WorkspaceReadOnlyException as error:
                answer[name] = str(error)
        """,
        done=run.id,
        going=going.id,
        writes=json.dumps(WRITES),
    )
    assert sorted(refused) == sorted(WRITES)
    for text in refused.values():
        assert f"host '{os.uname().nodename}'" in text
        assert "try again in" in text
    assert {path: path.read_bytes() for path in _records(shared)} == before
    assert not [name for name in os.listdir(shared.layout.runs) if name not in (run.id, going.id)]
    assert Model(shared, "known").tags == {}
    assert going.get_status() == "Running"


def _records(workspace: Workspace) -> list[Path]:
    root = workspace.layout.root
    stored = [path for folder in ("blobs", "snapshots") for path in (root / folder).rglob("*") if path.is_file()]
    return [
        *root.rglob("events.jsonl"),
        root / "workspace.json",
        root / "changes.log",
        *root.glob("computes.json"),
        *stored,
    ]


def test_another_host_waits_for_a_run_without_starting_a_dispatcher(
    shared: Workspace, submit: Submit, other: OtherHost, tmp_path: Path
) -> None:
    run = submit("import time\ntime.sleep(2)")
    assert other.do("answer = Run.get(ws, run).wait_for_completion()['status']", run=run.id) == "Completed"
    assert not list((tmp_path / "b").rglob("dispatcher.log"))


def test_a_disk_that_turns_out_to_be_a_network_disk_gets_a_new_dispatcher_after_the_old_one(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    going_on = tmp_path / "go on"
    script = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]):\n    time.sleep(0.01)\nprint('ended')"
    run = running(submitter(workspace, tmp_path / "before")(script, going_on))
    first = dispatcher_of(workspace)
    with open(workspace.layout.settings, "a") as settings:
        settings.write('[network_disk]\nuse = "yes"\n')
    reopened = Workspace(workspace.layout.root)
    assert reopened.layout.local is not None
    other = submitter(reopened, tmp_path / "after")("print('x')")
    assert not start.is_running(workspace.layout), "of two dispatchers one does not know of the other"
    first.wait(60)
    going_on.touch()
    for each in (Run.get(reopened, run.id), other):
        each.wait_for_completion()
        assert each.get_status() == "Completed"
    logs = [layout.dispatcher_log.read_text() for layout in (workspace.layout, reopened.layout)]
    assert "[network_disk] was changed" in logs[0]
    assert not [log for log in logs if "Traceback" in log or "cannot go from" in log]
    with pytest.raises(WorkspaceReadOnlyException, match="has to be opened again"):
        run.tag("who", "the old view")


def test_another_host_takes_over_from_one_that_is_gone(shared: Workspace, submit: Submit, other: OtherHost) -> None:
    set_silence(shared, 4.0)
    submit("print('by a')").wait_for_completion()
    assert other.submits() is None
    kill_dispatchers(shared)
    run_id = wait_for(other.submits, "the other host to be let in")
    run = Run.get(shared, run_id)
    wait_for(lambda: run.get_status() == "Completed", "the run of the other host")
    assert "done by b" in (run.path / "driver" / "stdout.txt").read_text()
    with pytest.raises(Exception, match="can only be read here"):
        submit("print('by a')")


def test_a_host_that_slept_notices_that_another_has_taken_over_and_ends(
    shared: Workspace, submit: Submit, other: OtherHost
) -> None:
    set_silence(shared, 4.0)
    submit("print('by a')").wait_for_completion()
    dispatcher = dispatcher_of(shared)
    dispatcher.send_signal(signal.SIGSTOP)
    wait_for(other.submits, "the other host to be let in")
    dispatcher.send_signal(signal.SIGCONT)
    dispatcher.wait(60)
    told = shared.layout.dispatcher_log.read_text()
    assert "another host has taken over, so nothing more is launched here" in told
    assert "Traceback" not in told


def test_a_host_with_nothing_to_do_lets_the_next_one_in_at_once(
    shared: Workspace, submit: Submit, other: OtherHost
) -> None:
    set_silence(shared, 100_000.0)
    settings = shared.layout.settings
    settings.write_text(settings.read_text().replace("idle_seconds = 60.0", "idle_seconds = 0.5"))
    submit("print('by a')").wait_for_completion()
    wait_for(other.submits, "the other host to be let in")


def test_deleting_the_workspace_leaves_nothing_on_the_disk_of_the_host(shared: Workspace, submit: Submit) -> None:
    submit("print('x')").wait_for_completion()
    shared.delete(delete_dependent_resources=True)
    assert shared.layout.local is not None
    assert not shared.layout.local.exists()
    assert not shared.layout.root.exists()


def test_on_a_disk_of_this_machine_nobody_owns_anything(workspace: Workspace, tmp_path: Path) -> None:
    submitter(workspace, tmp_path)("print('x')").wait_for_completion()
    assert not workspace.layout.owners.exists()
    assert workspace.layout.index.parent == workspace.layout.root
