"""Clocks that are set back, process numbers that are given away, submitters at once."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.conftest import Submit, kill, processes_of, wait_for
from tests.end_to_end.faults.helpers import SLEEPER, layout_of, started, stdout

from traindock import (
    ComputeTarget,
    LocalCompute,
    Run,
    Workspace,
)
from traindock.compute.processes import Identity, boot_id
from traindock.store import events

pytestmark = pytest.mark.slow


def test_a_clock_that_is_set_back_reorders_nothing(submit: Submit) -> None:
    run = submit(
        """
        import time
        from traindock import Run
        run = Run.get_context()
        run.log("x", 0)
        real = time.time
        time.time = lambda: real() - 86400
        for number in range(1, 5):
            run.log("x", number)
        """
    )
    run.wait_for_completion()
    assert run.get_metrics("x") == {"x": [0, 1, 2, 3, 4]}


def test_events_whose_times_go_backwards_keep_their_order(
    submit: Submit, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    run = submit(SLEEPER)
    wait_for(lambda: started(run), "the script")
    events.append(layout_of(run).events, {"t": time.time() + 86400, "type": "tags", "set": {"a": "1"}})
    events.append(layout_of(run).events, {"t": 1.0, "type": "tags", "set": {"a": "2"}})
    run.cancel()
    run.wait_for_completion(show_output=True)
    assert run.tags == {"a": "2"}
    states = [change.state.value for change in run.record.history]
    assert states[:4] == ["NotStarted", "Preparing", "Queued", "Running"]
    assert states[-1] == "Canceled"
    assert list(Run.list(workspace, status="Canceled")) == [run]
    assert not re.search(r"after -", capsys.readouterr().out)


def test_a_process_number_that_was_given_away_harms_nobody(submit: Submit, workspace: Workspace) -> None:
    run = submit(SLEEPER)
    wait_for(lambda: started(run), "the script")
    victims = processes_of(workspace)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        for process in victims:
            process.send_signal(signal.SIGSTOP)
        for process in victims:
            with contextlib.suppress(psutil.NoSuchProcess):  # the script dies with its launcher
                kill(process)
        # As after a restart of the machine: the numbers in the mark belong to somebody else now.
        mark = json.loads(layout_of(run).started_json.read_bytes())
        own = Identity.of(bystander.pid)
        assert own is not None
        for started_at in (mark["pid_started"], own.started):  # another process of that number; even its very self
            mark |= {"pid": own.pid, "pid_started": started_at, "child_pid": own.pid, "boot_id": boot_id()}
            layout_of(run).started_json.write_text(json.dumps(mark))
            run.cancel()
            run.wait_for_completion(raise_on_error=False)
        assert run.record.state.terminal
        assert run.reason is not None
        assert run.reason.value in ("lost", "canceled_by_user")
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


SUBMIT_TWENTY = """
import sys
from traindock import Experiment, ScriptRunConfig, Workspace
experiment = Experiment(Workspace(sys.argv[1]), "tests")
for number in range(20):
    experiment.submit(ScriptRunConfig(sys.argv[2], "train.py", [number], compute_target="wide"))
"""


def test_two_processes_that_submit_at_once_get_forty_runs_and_one_dispatcher(
    workspace: Workspace, tmp_path: Path
) -> None:
    ComputeTarget.create(workspace, "wide", LocalCompute.provisioning_configuration(max_nodes=4))
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("import sys; print(*sys.argv[1:])")
    submitters = [
        subprocess.Popen([sys.executable, "-c", SUBMIT_TWENTY, workspace.layout.root, source]) for _ in range(2)
    ]
    assert [process.wait(120) for process in submitters] == [0, 0]
    runs = list(Run.list(workspace))
    assert len(runs) == 40
    for run in runs:
        run.wait_for_completion()
    assert sorted(run.number for run in runs) == list(range(1, 41))
    assert sorted(int(stdout(run)) for run in runs) == sorted([*range(20), *range(20)])
    at_work = re.findall(r"^.* (\d+) MainThread: .* at work in ", workspace.layout.dispatcher_log.read_text(), re.M)
    assert len(at_work) == 1, "nobody else ever held the lock"
