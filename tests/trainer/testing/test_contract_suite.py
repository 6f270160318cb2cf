"""The suite that is shipped for those who write a compute target: whoever breaks a promise fails."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from tests.conftest import REPOSITORY
from tests.trainer.testing import broken_backends as broken

from traindock.compute.local import LocalBackend
from traindock.testing import contract

pytestmark = pytest.mark.slow

#: Which test of the suite has to refuse which backend.
PROMISES: dict[str, list[type[LocalBackend]]] = {
    "test_promise_1_plan_changes_nothing_and_is_plain_data": [
        broken.PlanWritesFiles,
        broken.PlanIsNeverTheSame,
        broken.PlanIsNoPlainData,
    ],
    "test_promise_2_a_script_starts_once_however_often_it_is_launched": [
        broken.LaunchesAgain,
        broken.LaunchesAgainAfterTheEnd,
    ],
    "test_promise_3_a_job_does_not_depend_on_the_process_that_launched_it": [broken.JobDiesWithItsLauncher],
    "test_promise_4_another_process_can_follow_a_job_that_it_only_knows_of": [
        broken.KnowsOnlyItsOwnJobs,
        broken.AnswersOnlyOnce,
    ],
    "test_getting_ready_starts_nothing_and_spoils_no_launch": [broken.StartsAheadOfItsTurn],
    "test_follow_calls_tick_while_it_waits_and_hands_on_what_tick_raises": [
        broken.FollowsWithoutTicks,
        broken.FollowSwallowsErrors,
    ],
    "test_measuring_tells_what_all_processes_of_the_job_use_and_nothing_of_others": [
        broken.MeasuresItsCaller,
        broken.MeasuresTheScriptAlone,
        broken.MeasuresAfterTheEnd,
    ],
    "test_promise_5_cancel_returns_at_once_and_may_come_at_any_time": [broken.CancelWaits, broken.CancelNeedsAJob],
    "test_promise_6_after_follow_no_process_of_the_job_is_left": [broken.LeavesDaemons],
    "test_preparing_writes_the_build_log_and_names_the_interpreter": [broken.BuildsInSilence, broken.PreparesNothing],
    "test_a_job_finds_its_run_and_the_variables_that_its_user_gave": [broken.ForgetsVariables],
    "test_what_cannot_be_started_says_why": [broken.HidesWhyNothingStarted],
    "test_a_job_is_ended_when_its_time_is_up": [broken.ForgetsTheTime],
    "test_cancel_lets_every_process_of_the_job_end_in_its_own_way": [broken.CancelKillsAtOnce],
    "test_clean_removes_what_is_kept_and_nothing_of_the_run_however_often_it_is_called": [
        broken.CleansNothing,
        broken.CleansOnlyOnce,
        broken.CleansTheRun,
    ],
    "test_sweeping_removes_what_is_kept_of_ended_runs_and_ends_nothing_that_goes_on": [
        broken.SweepsNothing,
        broken.SweepsEverything,
        broken.SweepsOtherWorkspaces,
    ],
    "test_more_nodes_than_there_can_be_are_refused": [broken.TakesAnyNumberOfNodes],
    "test_a_run_that_asks_for_no_gpus_gets_none": [broken.TakesGpusUnasked],
    "test_a_target_describes_itself_as_plain_data": [broken.DescribesItselfByObjects],
}


def test_each_test_of_the_suite_has_a_backend_that_it_refuses() -> None:
    assert set(PROMISES) == {name for name in vars(contract.BackendContract) if name.startswith("test_")}
    known = {each.__name__ for backends in PROMISES.values() for each in backends}
    assert known == {name for name, value in vars(broken).items() if isinstance(value, type)
                     and issubclass(value, LocalBackend) and value.__module__ == broken.__name__}  # fmt: skip


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_backend_that_breaks_a_promise_is_refused(tmp_path: Path) -> None:
    """By an assertion or an exception of its own, and not by waiting for long."""
    text = """
        import pytest
        from tests.trainer.testing import broken_backends
        from traindock.testing import contract

        contract.PATIENCE = 3.0
    """
    refused = set()
    for name, backends in PROMISES.items():
        for backend in backends:
            refused.add(f"Test{backend.__name__}::{name}")
            text += f"""
        class Test{backend.__name__}(contract.BackendContract):
            @pytest.fixture
            def backend(self):
                return broken_backends.{backend.__name__}("broken", {{"max_nodes": 2}})

            @pytest.fixture
            def kept(self):
                return broken_backends.kept
    """
    done = run_pytest(tmp_path, text, *sorted(refused))
    assert done.returncode == 1, done.stdout
    found = {
        word.partition("test_mine.py::")[2]
        for word in re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    }
    assert found == refused, f"not refused: {sorted(refused - found)}"


def test_the_example_in_its_text_runs(tmp_path: Path) -> None:
    """Copied as it stands, with a backend in the place of the reader's own."""
    example = re.search(r"::\n\n((?:    .*\n|\n)+)", contract.__doc__ or "")
    assert example is not None
    ours = "import pytest\nfrom traindock.compute.local import LocalBackend as MyBackend\n"
    names = ("test_promise_1_plan_changes_nothing_and_is_plain_data", "test_a_target_describes_itself_as_plain_data")
    which = [f"TestMyBackend::{name}" for name in names]
    done = run_pytest(tmp_path, ours + textwrap.dedent(example[1]), *which)
    assert done.returncode == 0, done.stdout
    assert f"{len(which)} passed" in done.stdout


def run_pytest(folder: Path, text: str, *which: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a file with this text, all or those whose ids are given."""
    (folder / "test_mine.py").write_text(textwrap.dedent(text))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-q", "-rfE", "--tb=line"]
    command += [f"--rootdir={folder}", f"--basetemp={folder / 'tmp'}", "--timeout=60", "--import-mode=importlib"]
    command += [f"{folder / 'test_mine.py'}::{one}" for one in which] or [str(folder / "test_mine.py")]
    try:
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=800)
    finally:
        for process in psutil.process_iter(["cmdline"]):  # what broken backends have started and not ended
            if any(str(folder) in word for word in process.info["cmdline"] or ()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
