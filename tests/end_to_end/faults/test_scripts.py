"""Scripts that do what nobody expects end with a named reason, and lose nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.conftest import Submit, dispatcher_of, processes_of
from tests.end_to_end.faults.helpers import stdout

from traindock import (
    ActivityFailedException,
    Run,
    UserErrorException,
    Workspace,
)

pytestmark = pytest.mark.slow


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
