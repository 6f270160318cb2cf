"""Bad input and bad luck: each gets a clear error or a named reason, and loses nothing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.conftest import Submit, dispatcher_of, kill, locked_index, make_workspace, processes_of, submitter, wait_for

from traindock import (
    ActivityFailedException,
    ComputeTarget,
    ComputeTargetException,
    Experiment,
    LocalCompute,
    Run,
    ScriptRunConfig,
    UserErrorException,
    Workspace,
)
from traindock.compute.processes import Identity, boot_id
from traindock.errors import ModelPathNotFoundException, StoreException, WorkspaceException
from traindock.store import events, index_file
from traindock.store.changes import Changes
from traindock.store.index import RunQuery
from traindock.store.layout import RunLayout

pytestmark = pytest.mark.slow

SLEEPER = "import time; print('started'); time.sleep(600)"


def stdout(run: Run) -> str:
    try:
        return (run.path / "driver" / "stdout.txt").read_text()
    except FileNotFoundError:
        return ""


def started(run: Run) -> bool:
    return "started" in stdout(run)


def layout_of(run: Run) -> RunLayout:
    return run.workspace.layout.run(run.id)


# -- what is submitted --------------------------------------------------------------------------------------------


def test_fifos_and_sockets_in_the_source_folder_are_left_out_by_name(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("import os; print(sorted(os.listdir()))")
    os.mkfifo(source / "a pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "a socket"))
        run = Experiment(workspace, "tests").submit(ScriptRunConfig(source, "train.py"))
    details = run.wait_for_completion()
    assert stdout(run) == "['logs', 'outputs', 'train.py']\n"
    told = " ".join(warning["message"] for warning in details["warnings"])
    assert "a pipe" in told
    assert "a socket" in told


def test_the_workspace_within_the_source_folder_is_not_part_of_it(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("import os; print('workspace' in os.listdir())")
    for _ in range(2):  # the second time the workspace has grown
        run = Experiment(workspace, "tests").submit(ScriptRunConfig(".", "train.py"))
        run.wait_for_completion()
        assert stdout(run) == "False\n"


def test_an_unknown_compute_target_is_refused_and_the_known_ones_are_named(
    submit: Submit, workspace: Workspace
) -> None:
    ComputeTarget.create(workspace, "big-box", LocalCompute.provisioning_configuration(max_nodes=2))
    with pytest.raises(ComputeTargetException, match=r"'no-such'.*'local', 'big-box'"):
        submit("pass", compute_target="no-such")
    assert list(Run.list(workspace)) == []


@pytest.mark.parametrize("name", ["../out.py", "/etc/passwd", "folder/../../out.py", ""])
def test_a_script_outside_the_source_folder_is_refused(workspace: Workspace, tmp_path: Path, name: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "out.py").write_text("print('should never run')")
    with pytest.raises(UserErrorException):
        Experiment(workspace, "tests").submit(ScriptRunConfig(source, name))
    assert list(Run.list(workspace)) == []


def test_a_link_to_a_folder_outside_is_left_out_by_name(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.txt").write_text("secret")
    (source / "train.py").write_text("import os; print(sorted(os.listdir()))")
    (source / "link").symlink_to("../elsewhere")
    run = Experiment(workspace, "tests").submit(ScriptRunConfig(source, "train.py"))
    details = run.wait_for_completion()
    assert stdout(run) == "['logs', 'outputs', 'train.py']\n"
    assert "'link'" in str(details["warnings"])


@pytest.mark.parametrize("name", ["../run.json", "/etc/passwd", "outputs/../../run.json", "outputs/link", "", "nul\0"])
def test_names_that_lead_out_of_a_run_are_refused_everywhere(submit: Submit, tmp_path: Path, name: str) -> None:
    run = submit("import os, time; os.symlink('/etc/passwd', 'outputs/link'); print('started'); time.sleep(600)")
    wait_for(lambda: started(run), "the script")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserErrorException):
        run.download_file(name, tmp_path / "stolen")
    with pytest.raises(UserErrorException):
        run.upload_file(name, tmp_path / "file")
    with pytest.raises(UserErrorException):
        run.register_model("model", name)
    run.cancel()
    run.wait_for_completion()
    assert not (tmp_path / "stolen").exists()
    with pytest.raises(UserErrorException):
        run.download_file(name, tmp_path / "stolen")
    with pytest.raises(UserErrorException):
        run.register_model("model", name)


def test_a_model_path_that_is_not_there_lists_what_is(submit: Submit) -> None:
    run = submit("open('outputs/weights.pt', 'w').write('x')")
    run.wait_for_completion()
    with pytest.raises(ModelPathNotFoundException, match=r"outputs/weights\.pt"):
        run.register_model("model", "outputs/model.pt")


@pytest.mark.parametrize("odd", ["two words", "quote's \"", "new\nline", "ünïcödé", "$HOME"])
def test_a_workspace_in_an_oddly_named_folder_works(tmp_path: Path, odd: str) -> None:
    workspace = make_workspace(tmp_path / odd)
    try:
        run = submitter(workspace, tmp_path)(
            "from traindock import Run; Run.get_context().log('x', 1); open('outputs/f', 'w')", tags={odd: odd}
        )
        run.wait_for_completion()
        assert run.get_metrics() == {"x": 1}
        assert "outputs/f" in run.get_file_names()
        assert [found.id for found in Run.list(workspace, tags={odd: odd})] == [run.id]
    finally:
        for process in processes_of(workspace):
            kill(process)


def test_a_workspace_whose_path_would_cut_a_search_path_in_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceException, match="PYTHONPATH"):
        Workspace.create("test", path=tmp_path / "a:b", show_output=False)
    assert not (tmp_path / "a:b").exists()


def test_a_tag_that_no_database_takes_does_not_hide_any_run(submit: Submit, workspace: Workspace) -> None:
    odd = os.fsdecode(b"caf\xe9")  # what an old file name looks like in Python
    run = submit("pass", tags={odd: odd})
    run.wait_for_completion()
    assert run.tags == {odd: odd}
    assert list(Run.list(workspace)) == [run]
    assert list(Run.list(workspace, tags={odd: odd})) == [run]


# -- what the script does -----------------------------------------------------------------------------------------


def test_a_script_that_exits_gives_its_code_and_its_last_lines(submit: Submit) -> None:
    run = submit("import sys\nfor number in range(100): print('line', number)\nsys.exit(3)")
    with pytest.raises(ActivityFailedException) as caught:
        run.wait_for_completion()
    assert caught.value.exit_code == 3
    assert caught.value.log_tail[-1] == "line 99"
    assert "exit code 3" in str(caught.value)
    assert "line 99" in str(caught.value)


def test_a_script_that_deletes_its_logs_and_outputs_for_good_loses_only_those(submit: Submit) -> None:
    run = submit(
        """
        import shutil
        from traindock import Run
        run = Run.get_context()
        shutil.rmtree("outputs"); shutil.rmtree("logs")
        run.log("after", 1)
        print("the log survives")
        """
    )
    run.wait_for_completion()
    assert stdout(run) == "the log survives\n"
    assert run.get_metrics() == {"after": 1}


def test_daemons_that_a_script_leaves_behind_end_with_it(submit: Submit, workspace: Workspace) -> None:
    run = submit(
        """
        import os, subprocess, sys
        # A daemon as the books have it: own session, forked twice, deaf to SIGTERM.
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                import signal, time
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                open("outputs/daemon", "w").write(str(os.getpid()))
                time.sleep(600)
            os._exit(0)
        os.wait()
        import time
        while not os.path.exists("outputs/daemon") or not open("outputs/daemon").read():
            time.sleep(0.01)
        """
    )
    run.wait_for_completion()
    daemon = int((run.path / "outputs" / "daemon").read_text())
    assert not psutil.pid_exists(daemon)
    assert not [process for process in processes_of(workspace) if "train.py" in str(process.info["cmdline"])]


def test_links_among_the_outputs_are_never_followed_out(submit: Submit, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    run = submit(
        """
        import os, sys
        open("outputs/real.txt", "w").write("real")
        os.symlink("real.txt", "outputs/inside.txt")
        os.symlink(sys.argv[1], "outputs/outside.txt")
        os.symlink("/", "outputs/root")
        os.symlink("loop", "outputs/loop")
        os.mkfifo("outputs/pipe")
        """,
        tmp_path / "secret.txt",
    )
    run.wait_for_completion()
    assert "outputs/real.txt" in run.get_file_names()
    for name in ("outputs/outside.txt", "outputs/root/etc/passwd", "outputs/loop", "outputs/pipe"):
        with pytest.raises(UserErrorException):
            run.download_file(name, tmp_path / "stolen")
    assert not any("secret" in path.read_text("latin-1") for path in run.path.rglob("*.txt") if not path.is_symlink())
    model = run.register_model("model", "outputs/")
    kept = [path.name for path in Path(model.download(tmp_path / "model", exist_ok=True)).rglob("*")]
    assert "real.txt" in kept
    assert "outside.txt" not in kept


def test_a_script_that_replaces_outputs_by_a_link_keeps_nothing_of_there_but_runs_on(
    submit: Submit, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious.txt").write_text("mine")
    run = submit("import os, sys; os.rmdir('outputs'); os.symlink(sys.argv[1], 'outputs')", elsewhere)
    run.wait_for_completion(raise_on_error=False)
    assert run.record.state.terminal
    assert run.reason is not None
    assert run.reason.value != "internal_error"
    assert (elsewhere / "precious.txt").read_text() == "mine"


def test_a_hundred_megabytes_in_one_line_cost_nobody_their_memory(submit: Submit, workspace: Workspace) -> None:
    run = submit("import sys\nfor _ in range(100): sys.stdout.write('x' * 1_000_000)\nsys.exit(1)")
    watcher = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import resource, sys\n"
            "from traindock import Run, Workspace\n"
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "run = Run.get(Workspace(sys.argv[1]), sys.argv[2])\n"
            "run.wait_for_completion(show_output=True, raise_on_error=False)\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, file=sys.stderr)",
            workspace.layout.root,
            run.id,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert watcher.stdout is not None
    assert watcher.stderr is not None
    seen = sum(chunk.count(b"x") for chunk in iter(lambda: watcher.stdout.read(1 << 20), b""))
    assert watcher.wait(60) == 0
    grown = int(watcher.stderr.read()) * (1 if sys.platform == "darwin" else 1024)
    watcher.stdout.close()
    watcher.stderr.close()
    assert seen >= 100_000_000, "all of the line was streamed"
    assert grown < 60_000_000
    assert dispatcher_of(workspace).memory_info().rss < 150_000_000
    with pytest.raises(ActivityFailedException) as caught:
        run.wait_for_completion()
    assert len(str(caught.value)) < 100_000


def test_a_million_lines_arrive_in_order(submit: Submit, capfd: pytest.CaptureFixture[str]) -> None:
    run = submit("import sys\nsys.stdout.write(''.join(f'{n}\\n' for n in range(1_000_000)))")
    run.wait_for_completion(show_output=True)
    numbers = [int(line) for line in capfd.readouterr().out.splitlines() if line.isdigit()]
    assert numbers == list(range(1_000_000))


def test_ten_thousand_metric_names_are_kept_and_the_dispatcher_stays_small(
    submit: Submit, workspace: Workspace
) -> None:
    run = submit(
        """
        from traindock import Run
        run = Run.get_context()
        for number in range(10_000):
            run.log(f"metric {number}", number)
        """
    )
    run.wait_for_completion()
    found = run.get_metrics()
    assert len(found) == 10_000
    assert found["metric 9999"] == 9999
    assert list(Run.list(workspace, metric="metric 77", above=77, below=77)) == [run]
    assert dispatcher_of(workspace).memory_info().rss < 200_000_000


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


# -- processes that are not what they seem ------------------------------------------------------------------------


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


# -- what lies on disk --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", range(6))
def test_a_damaged_line_in_the_record_of_a_finished_run_does_not_bring_it_back(
    submit: Submit, workspace: Workspace, line: int
) -> None:
    run = submit("print('once')", tags={"a": "b"})
    run.wait_for_completion()
    ended = run.record.ended
    own = dispatcher_of(workspace)
    path = layout_of(run).events
    lines = path.read_bytes().splitlines(keepends=True)
    states = [number for number, text in enumerate(lines) if b'"state"' in text]
    assert len(states) == 6
    lines[states[line]] = b'{"t": 1, "type": "sta\x00\xff\n'
    path.write_bytes(b"".join(lines) + b'{"t": 17')
    workspace.rebuild_index()
    assert run.get_status() == ("Finalizing" if line == 5 else "Completed")
    wait_for(lambda: run.get_status() == "Completed", "the dispatcher to look again")
    assert dispatcher_of(workspace) == own, "nobody needs to wait until it leaves"
    assert [found.get_status() for found in Run.list(workspace)] == ["Completed"]
    assert run.record.ended == (layout_of(run).sealed_json.stat().st_mtime if line == 5 else ended)
    run.tag("c", "d")
    assert run.tags == {"a": "b", "c": "d"}
    assert stdout(run) == "once\n"


def test_whoever_waits_for_a_run_whose_end_was_damaged_since_has_it_ended_again(
    submit: Submit, workspace: Workspace
) -> None:
    run = submit("print('once')")
    run.wait_for_completion()
    own = dispatcher_of(workspace)
    assert [row.state.value for row in workspace.index.runs(RunQuery())] == ["Completed"]
    path = layout_of(run).events
    os.truncate(path, path.stat().st_size - 10)  # at once: a file emptied and written again can be read in between
    assert run.get_status() == "Finalizing"
    assert [row.state.value for row in workspace.index.runs(RunQuery())] == ["Completed"], "no change was announced"
    assert run.wait_for_completion()["status"] == "Completed"
    assert dispatcher_of(workspace) == own
    assert stdout(run) == "once\n"


def test_the_record_of_a_running_run_may_be_damaged_and_the_run_still_ends(
    submit: Submit, workspace: Workspace
) -> None:
    run = submit(
        """
        import os, time
        print("started")
        while not os.path.exists("outputs/go"):
            time.sleep(0.01)
        """
    )
    wait_for(lambda: started(run), "the script")
    wait_for(lambda: run.get_status() == "Running", "the state")
    path = layout_of(run).events
    data = path.read_bytes()
    path.write_bytes(b"\xff" * (len(data) - 5))
    (run.path / "outputs" / "go").touch()
    run.wait_for_completion()
    assert run.get_status() == "Completed"
    assert "Traceback" not in workspace.layout.dispatcher_log.read_text()


def test_damaged_metrics_hide_only_themselves(submit: Submit) -> None:
    run = submit(
        """
        import os, time
        from traindock import Run
        run = Run.get_context()
        for number in range(10):
            run.log("good", number)
            run.log("bad", number)
        run.log_list("list", [1, 2])
        print("started")
        while not os.path.exists("outputs/go"):
            time.sleep(0.01)
        run.log("good", 10)
        """
    )
    wait_for(lambda: started(run), "the script")
    [writer] = layout_of(run).metrics.iterdir()
    (writer / "1.bin").write_bytes(b"\xff" * 77)
    with open(writer / "records.jsonl", "ab") as file:
        file.write(b'{"name": "tor')
    (layout_of(run).metrics / "stray file").write_text("?")
    (layout_of(run).metrics / "stray folder").mkdir()
    assert run.get_metrics()["good"] == list(range(10)), "while it runs"
    (run.path / "outputs" / "go").touch()
    run.wait_for_completion()
    assert run.get_metrics()["good"] == list(range(11))
    assert run.get_metrics()["list"] == [1, 2]


def scribble(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(os.urandom(os.fstat(file.fileno()).st_size))


def cut(path: Path) -> None:
    os.truncate(path, 0)


def remove(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


@pytest.mark.filterwarnings("ignore:the index .* was damaged:UserWarning")
@pytest.mark.parametrize("damage", [scribble, cut, remove])
def test_an_index_that_is_damaged_under_a_running_dispatcher_is_made_anew(
    submit: Submit, workspace: Workspace, damage: object
) -> None:
    first = submit(SLEEPER)
    wait_for(lambda: started(first), "the script")
    own = dispatcher_of(workspace)
    assert callable(damage)
    damage(workspace.layout.index)
    second = submit("print('second')", compute_target="local")
    first.cancel()
    first.wait_for_completion()
    second.wait_for_completion()
    assert {run.id for run in Run.list(workspace)} == {first.id, second.id}
    assert {run.get_status() for run in Run.list(workspace)} == {"Canceled", "Completed"}
    assert dispatcher_of(workspace).pid == own.pid, "the dispatcher went on"


@pytest.mark.parametrize("verb", ["rebuild-index", "runs"])
def test_an_index_that_was_emptied_under_a_dispatcher_is_made_anew_by_whoever_comes(
    submit: Submit, workspace: Workspace, verb: str
) -> None:
    run = submit("pass")
    run.wait_for_completion()
    own = dispatcher_of(workspace)
    workspace.index.close()
    cut(workspace.layout.index)
    command = [sys.executable, "-m", "traindock", "--workspace", str(workspace.layout.root), verb]
    asked = subprocess.run(command, capture_output=True, text=True)
    assert (asked.returncode, own.is_running()) == (0, True), asked.stderr
    assert "was damaged (the file is empty) and is rebuilt" in asked.stderr
    assert (run.id if verb == "runs" else "1 runs in") in asked.stdout.replace("1 run in", "1 runs in")
    later = submit("pass")
    later.wait_for_completion()
    assert [found.id for found in Run.list(workspace)] == [later.id, run.id]
    assert dispatcher_of(workspace).pid == own.pid, "the dispatcher went on"


def test_an_index_that_another_process_has_locked_keeps_no_run_from_starting(
    submit: Submit, workspace: Workspace
) -> None:
    ComputeTarget.create(workspace, "double", LocalCompute.provisioning_configuration(max_nodes=2))
    first = submit(SLEEPER, compute_target="double")
    wait_for(lambda: started(first), "the dispatcher and its first script")
    with locked_index(workspace):
        second = submit("print('second')", compute_target="double")
        wait_for(lambda: stdout(second) == "second\n", "the second script", seconds=index_file._PATIENCE_SECONDS / 2)
    second.wait_for_completion()
    assert {run.id for run in Run.list(workspace)} == {first.id, second.id}
    first.cancel()
    first.wait_for_completion(raise_on_error=False)


def test_what_is_announced_and_about_to_be_recorded_is_waited_for(submit: Submit, workspace: Workspace) -> None:
    run = submit(SLEEPER)
    wait_for(lambda: started(run), "the script")
    record = run.path / "events.jsonl"
    wait_for(lambda: run.get_status() == "Running", "the state")

    def is_waited_for() -> bool:
        waiting = [line for line in Path("/proc/locks").read_text().splitlines() if " -> FLOCK" in line]
        return any(f":{record.stat().st_ino} " in line for line in waiting)

    with open(record, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        Changes(workspace.layout).announce(f"run/{run.id}")
        wait_for(is_waited_for, "the dispatcher to wait for who holds the record's lock")
        file.write(b'{"type": "cancel", "by": "me", "t": 1.0}\n')
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Canceled"


def test_a_run_folder_deleted_by_hand_ends_its_job_and_leaves_the_list(submit: Submit, workspace: Workspace) -> None:
    import shutil

    run, other = submit(SLEEPER), submit("pass", experiment="other")
    wait_for(lambda: started(run), "the script")
    shutil.rmtree(run.path)
    other.wait_for_completion()
    assert [found.id for found in Run.list(workspace)] == [other.id]
    wait_for(lambda: len(processes_of(workspace)) == 1, "all but the dispatcher to end")
    assert "Traceback" not in workspace.layout.dispatcher_log.read_text()


@pytest.mark.parametrize("damage", ["missing", "changed", "list missing", "list changed"])
def test_a_damaged_snapshot_fails_the_run_by_name(submit: Submit, workspace: Workspace, damage: str) -> None:
    ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
    first = submit(SLEEPER, compute_target="single")
    wait_for(lambda: started(first), "the first run")
    second = submit("print('will be damaged')", compute_target="single")
    wait_for(lambda: second.get_status() == "Queued", "the second run to queue")
    record = workspace.layout.snapshots / f"{second.get_snapshot_id()}.json"
    digest = json.loads(record.read_text())["files"]["train.py"]["sha256"]
    file = record if "list" in damage else workspace.layout.blobs / digest[:2] / digest
    file.chmod(0o600)
    if "missing" in damage:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes().replace(b"i", b"j"))
    first.cancel()
    with pytest.raises(ActivityFailedException, match=second.get_snapshot_id()[:8] if "list" in damage else digest):
        second.wait_for_completion()
    assert second.reason is not None
    assert second.reason.value == "launch_failed"


def test_settings_that_are_broken_meanwhile_hold_up_runs_and_end_none(submit: Submit, workspace: Workspace) -> None:
    first = submit(SLEEPER)
    wait_for(lambda: started(first), "the script")
    good = workspace.layout.settings.read_text()
    workspace.layout.settings.write_text("[dispatcher\n")
    with pytest.raises(StoreException, match=r"settings\.toml"):
        submit("pass")
    kill(dispatcher_of(workspace))
    first.cancel()  # starts another one, which cannot read the settings either
    wait_for(lambda: "settings.toml" in (first.get_detailed_status()["details"] or ""), "the run to say what is wrong")
    workspace.layout.settings.write_text(good)
    assert first.wait_for_completion()["status"] == "Canceled"


def test_a_compute_target_may_go_while_its_runs_go_on(submit: Submit, workspace: Workspace) -> None:
    target = ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
    running = submit(SLEEPER, compute_target="single")
    wait_for(lambda: started(running), "the first run")
    waiting = submit("pass", compute_target="single")
    wait_for(lambda: waiting.get_status() == "Queued", "the second run to queue")
    target.delete()
    with pytest.raises(ActivityFailedException, match="'single' was deleted"):
        waiting.wait_for_completion()
    kill(dispatcher_of(workspace))  # the next one has to adopt a job whose target is unknown
    running.cancel()
    assert running.wait_for_completion()["status"] == "Canceled"


def test_a_compute_target_that_grows_lets_waiting_runs_start(submit: Submit, workspace: Workspace) -> None:
    target = ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
    first = submit(SLEEPER, compute_target="single")
    wait_for(lambda: started(first), "the first run")
    second = submit("print('second')", compute_target="single")
    wait_for(lambda: second.get_status() == "Queued", "the second run to queue")
    target.update(max_nodes=2)
    second.wait_for_completion()
    assert first.get_status() == "Running"
    first.cancel()
    first.wait_for_completion()


def test_a_request_that_makes_no_sense_harms_only_itself(submit: Submit) -> None:
    run = submit(
        """
        import json, os, time
        folder = os.environ["TRAINDOCK_REQUESTS_DIR"]
        for name, text in {
            "a.json": "no json", "b.json": "[]", "c.json": '{"request": "launch rockets"}',
            "d.json": '{"request": "tag", "tags": 3}', "e.json": '{"request": "register_model", "model_name": "../m"}',
        }.items():
            open(f"{folder}/{name}.new", "w").write(text)
            os.rename(f"{folder}/{name}.new", f"{folder}/{name}")
        os.mkfifo(f"{folder}/f.json")
        os.symlink("/etc/passwd", f"{folder}/g.json")
        os.mkdir(f"{folder}/h.json")
        from traindock import Run
        Run.get_context().tag("still", "works")
        while not os.path.exists(f"{folder}/e.reply.json"):
            time.sleep(0.01)
        print(json.load(open(f"{folder}/e.reply.json"))["ok"])
        """
    )
    run.wait_for_completion()
    assert stdout(run) == "False\n"
    assert run.tags == {"still": "works"}
