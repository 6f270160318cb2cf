"""The contract of compute targets as a test suite, for every kind that there is or that somebody writes.

To check a kind of your own, subclass :class:`BackendContract` in a test file and say how to make your backend; pytest
(8 or later) does the rest::

    from traindock.testing.contract import BackendContract

    class TestMyBackend(BackendContract):
        @pytest.fixture
        def backend(self):
            return MyBackend("mine", {"max_nodes": 2})

Each test launches real jobs in a workspace of its own under ``tmp_path``. The numbers in the names are those of the
promises in :class:`traindock.compute.base.Backend`; the tests without a number are of what its methods promise each by
themselves. The scripts need nothing but Python's standard library; override
:meth:`BackendContract.recipe` where your kind cannot use the interpreter that runs the tests.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from traindock import snapshot
from traindock.compute.base import Backend, Job, LaunchError, Outcome, Plan
from traindock.errors import ComputeTargetException
from traindock.images.recipe import Recipe
from traindock.spec import RunSpec
from traindock.store import run_records
from traindock.store.metrics import MetricReader
from traindock.workspace import Workspace

#: Seconds that anything may take here; a job of the suite needs one or two.
PATIENCE = 60.0
#: Seconds within which a call that does not wait has to return.
AT_ONCE = 2.0

MakeJob = Callable[..., Job]
Kept = Callable[[Job], list[str]]

_WAITER = """
import os, time
print("started")
open("outputs/started", "w").close()
while not os.path.exists("outputs/go"):
    time.sleep(0.01)
print("ended")
"""


class BackendContract:
    """Tests of what :class:`~traindock.compute.base.Backend` promises; see the module's text."""

    @pytest.fixture
    def backend(self) -> Backend:
        """Return the backend to test: override this."""
        raise NotImplementedError("override the fixture `backend` to return the compute target to test")

    @pytest.fixture
    def recipe(self) -> Recipe:
        """Return an environment with a Python of version 3.8 or later; by default the one that runs the tests."""
        return Recipe(user_managed=True, interpreter=sys.executable)

    @pytest.fixture
    def workspace_settings(self) -> str:
        """Return what your kind needs in the workspace's ``settings.toml``, as sections of it; by default nothing."""
        return ""

    @pytest.fixture
    def kept(self) -> Kept:
        """Return a function that lists what your kind keeps of a job beside its run's folder, by names of yours.

        Such as its container. By default it keeps nothing, and there is nothing that has to be removed.
        """
        return lambda job: []

    @pytest.fixture
    def make_job(self, backend: Backend, recipe: Recipe, workspace_settings: str, tmp_path: Path) -> Iterator[MakeJob]:
        """Return a function that makes a job of a script's text; what is left of jobs is ended afterwards."""
        workspace = Workspace.create("contract", path=tmp_path / "workspace", show_output=False)
        workspace.layout.settings.write_text(f"[jobs]\ngrace_seconds = 1.0\n{workspace_settings}")
        made: list[Job] = []

        def make(script: str, **spec: Any) -> Job:
            source = tmp_path / f"source-{len(made)}"
            if "command" not in spec:
                spec["script"] = "train.py"
            source.mkdir()
            (source / "train.py").write_text(textwrap.dedent(script), "utf-8")
            folder = run_records.publish(
                workspace.layout,
                workspace.record,
                run_id=f"contract_{int(time.time())}_{secrets.token_hex(4)}",
                experiment="contract",
                number=len(made) + 1,
                created=time.time(),
                user="contract",
                spec=RunSpec(
                    snapshot=snapshot.take(source, layout=workspace.layout).id,
                    compute_target=backend.name,
                    environment=recipe.to_json(),
                    interpreter=sys.executable,
                    **spec,
                ).to_json(),
            )
            made.append(workspace.job(folder.load()))
            return made[-1]

        yield make
        for job in made:
            if backend.started(job):
                backend.cancel(job)
                backend.follow(job, lambda: None)
            backend.clean(job)

    def test_promise_1_plan_changes_nothing_and_is_plain_data(self, backend: Backend, make_job: MakeJob) -> None:
        """The same plan comes out each time, as JSON, and no file differs afterwards."""
        job = make_job("pass", arguments=("--epochs", "3"))
        before = _state_of(job.workspace.root)
        plan = backend.plan(job)
        assert backend.plan(job) == plan
        assert _state_of(job.workspace.root) == before
        assert json.loads(json.dumps(plan.to_json()))["kind"] == backend.kind
        assert plan.command[-2:] == ("--epochs", "3")
        assert not backend.started(job)

    def test_promise_2_a_script_starts_once_however_often_it_is_launched(
        self, backend: Backend, make_job: MakeJob
    ) -> None:
        """By three processes at once, again while it runs, and again after it has ended."""
        job = make_job(_WAITER)
        plan = _prepared(backend, job)
        launchers = [_elsewhere(_launch, backend, job, plan) for _ in range(3)]
        for launcher in launchers:
            launcher.join(PATIENCE)
            assert launcher.exitcode == 0, "a launch that was not needed must do nothing"
        assert backend.started(job)
        _wait_for((job.layout.outputs / "started").exists, "the script")
        backend.launch(job, plan)
        assert (job.layout.outputs / "started").exists(), "a second launch took the files of the first one away"
        (job.layout.outputs / "go").touch()
        assert _exit_code(backend.follow(job, lambda: None)) == 0
        backend.launch(job, plan)
        backend.follow(job, lambda: None)
        assert (job.layout.outputs / "started").exists(), "a launch after the end took away what the job left"
        assert _stdout(job) == "started\nended\n"

    def test_promise_3_a_job_does_not_depend_on_the_process_that_launched_it(
        self, backend: Backend, make_job: MakeJob
    ) -> None:
        """It is killed as soon as it has launched."""
        job = make_job(_WAITER)
        plan = _prepared(backend, job)
        launcher = _elsewhere(_launch_and_stay, backend, job, plan)
        _wait_for(lambda: _stdout(job) == "started\n", "the script")
        launcher.kill()
        launcher.join(PATIENCE)
        time.sleep(0.3)  # what depends on that process may notice its end a little later
        (job.layout.outputs / "go").touch()
        assert _exit_code(backend.follow(job, lambda: None)) == 0
        assert _stdout(job) == "started\nended\n"

    def test_promise_4_another_process_can_follow_a_job_that_it_only_knows_of(
        self, backend: Backend, make_job: MakeJob
    ) -> None:
        """Whether it was started, and how it ends."""
        job = make_job("import sys; sys.exit(7)")
        assert not backend.started(job)
        backend.launch(job, _prepared(backend, job))
        answers = multiprocessing.get_context("spawn").SimpleQueue()
        follower = _elsewhere(_follow, backend, job, answers)
        follower.join(PATIENCE)
        assert follower.exitcode == 0
        assert answers.get() == (True, 7)
        assert _exit_code(backend.follow(job, lambda: None)) == 7, "and whoever asks again gets the same answer"

    def test_getting_ready_starts_nothing_and_spoils_no_launch(self, backend: Backend, make_job: MakeJob) -> None:
        """Whether the launch comes from the same process or, after its end, from another one."""
        for launches_elsewhere in (False, True):
            job = make_job("print('started')")
            plan = _prepared(backend, job)
            backend.get_ready(job, plan)
            assert not backend.started(job)
            assert _stdout(job) == ""
            if launches_elsewhere:
                launcher = _elsewhere(_launch, backend, job, plan)
                launcher.join(PATIENCE)
                assert launcher.exitcode == 0
            else:
                backend.launch(job, plan)
            assert _exit_code(backend.follow(job, lambda: None)) == 0
            assert _stdout(job) == "started\n"

    def test_follow_calls_tick_while_it_waits_and_hands_on_what_tick_raises(
        self, backend: Backend, make_job: MakeJob
    ) -> None:
        """This is how requests are served, and how a dispatcher leaves a job that goes on."""

        class Leave(Exception):
            pass

        ticks = []

        def tick() -> None:
            ticks.append(time.monotonic())
            if len(ticks) == 3:
                raise Leave

        job = make_job(_sleeper())
        backend.launch(job, _prepared(backend, job))
        with pytest.raises(Leave):
            backend.follow(job, tick)
        assert ticks[-1] - ticks[0] < 2 * 1.5, "requests wait a second at most"
        backend.cancel(job)
        assert backend.follow(job, lambda: None).exit

    def test_measuring_tells_what_all_processes_of_the_job_use_and_nothing_of_others(
        self, backend: Backend, make_job: MakeJob
    ) -> None:
        """From its start to its end. A kind that cannot tell says nothing."""
        job = make_job(
            """
            import os, time
            if os.fork() == 0:
                held = b"x" * 200_000_000
                while time.process_time() < 0.35:
                    pass
                print("started", flush=True)
                while not os.path.exists("outputs/go"):
                    time.sleep(0.01)
                os._exit(0)
            os.wait()
            """
        )
        assert backend.measure(job, ()) is None, "it has not been launched"
        backend.launch(job, _prepared(backend, job))
        _wait_for(lambda: _stdout(job) == "started\n", "the script")
        found = backend.measure(job, ())
        if found is not None:
            assert found.memory_bytes is None or 200e6 <= found.memory_bytes < 320e6
            # Systems tell the time of each process in hundredths of a second, rounded down, for user and system apart.
            assert found.cpu_seconds is None or 0.3 <= found.cpu_seconds < PATIENCE
            assert found.memory is None or found.memory.amount >= (found.memory_bytes or 0)
            assert found.gpus == ()
        (job.layout.outputs / "go").touch()
        assert _exit_code(backend.follow(job, lambda: None)) == 0
        assert backend.measure(job, ()) is None, "what has ended uses nothing"

    def test_promise_5_cancel_returns_at_once_and_may_come_at_any_time(
        self, backend: Backend, make_job: MakeJob
    ) -> None:
        """Before the launch, from many threads, to a script that will not listen, and after the end."""
        job = make_job(
            """
            import signal, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print("started")
            time.sleep(600)
            """
        )
        backend.cancel(job)
        assert not backend.started(job)
        backend.launch(job, _prepared(backend, job))
        _wait_for(lambda: _stdout(job) == "started\n", "the script")
        begun = time.monotonic()
        threads = [threading.Thread(target=backend.cancel, args=(job,)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert time.monotonic() - begun < AT_ONCE
        outcome = backend.follow(job, lambda: None)
        assert time.monotonic() - begun < job.settings.jobs.grace_seconds + 20
        assert outcome.exit
        assert outcome.exit["canceled"]
        backend.cancel(job)

    def test_promise_6_after_follow_no_process_of_the_job_is_left(self, backend: Backend, make_job: MakeJob) -> None:
        """Not even one that became a daemon and ignores SIGTERM: nothing writes to the outputs any more."""
        job = make_job(
            """
            import os, signal, time
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                    while True:
                        open("outputs/alive", "w").write(str(time.time()))
                        time.sleep(0.01)
                os._exit(0)
            os.wait()
            while not os.path.exists("outputs/alive"):
                time.sleep(0.01)
            """
        )
        backend.launch(job, _prepared(backend, job))
        assert _exit_code(backend.follow(job, lambda: None)) == 0
        alive = job.layout.outputs / "alive"
        alive.unlink()
        # It wrote a hundred times a second; a twentieth of a second is five of its turns.
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            assert not alive.exists()

    def test_preparing_writes_the_build_log_and_names_the_interpreter(
        self, backend: Backend, make_job: MakeJob
    ) -> None:
        """Whoever waits for an environment reads there what is being done."""
        job = make_job("pass")
        plan = _prepared(backend, job)
        assert job.layout.build_log.read_text("utf-8").strip()
        assert Path(plan.command[0]).is_absolute(), "the placeholder for the interpreter is still there"
        assert {"action", "why"} <= set(plan.environment)
        assert not backend.started(job)

    def test_a_job_finds_its_run_and_the_variables_that_its_user_gave(
        self, backend: Backend, make_job: MakeJob
    ) -> None:
        """It logs by the injected package, and what it writes lies where it is looked for."""
        job = make_job(
            """
            import os
            from traindock import Run
            Run.get_context().log("loss", 0.5)
            open("outputs/x", "w").write(os.environ["GIVEN"])
            open("logs/y", "w").close()
            """,
            environment_variables={"GIVEN": "by its user"},
        )
        backend.launch(job, _prepared(backend, job))
        assert _exit_code(backend.follow(job, lambda: None)) == 0, _stdout(job)
        assert (job.layout.outputs / "x").read_text() == "by its user"
        assert (job.layout.logs / "y").exists()
        assert MetricReader(job.layout.metrics).values("loss") == [0.5]

    def test_what_cannot_be_started_says_why(self, backend: Backend, make_job: MakeJob) -> None:
        """By ``LaunchError``, or in the exit record; not as a job that vanished."""
        job = make_job("pass", command=("no-such-program-anywhere",))
        try:
            backend.launch(job, _prepared(backend, job))
        except LaunchError as error:
            said = str(error)
        else:
            outcome = backend.follow(job, lambda: None)
            assert outcome.exit is not None
            said = str(outcome.exit["launch_error"])
        assert "no-such-program-anywhere" in said

    def test_a_job_is_ended_when_its_time_is_up(self, backend: Backend, make_job: MakeJob) -> None:
        """``max_run_duration_seconds`` holds though nobody follows it."""
        job = make_job(_sleeper(), max_run_duration_seconds=1.0)
        backend.launch(job, _prepared(backend, job))
        outcome = backend.follow(job, lambda: None)
        assert outcome.exit is not None
        assert outcome.exit["timed_out"]

    def test_cancel_lets_every_process_of_the_job_end_in_its_own_way(self, backend: Backend, make_job: MakeJob) -> None:
        """SIGTERM comes first, to the script's children as well."""
        job = make_job(
            """
            import os, signal, sys, time
            child = os.fork()
            name = "child" if child == 0 else "script"
            def leave(number, frame):
                open("outputs/" + name, "w").close()
                sys.exit(0)
            signal.signal(signal.SIGTERM, leave)
            open("outputs/ready-" + name, "w").close()
            while True:
                time.sleep(0.05)
            """
        )
        backend.launch(job, _prepared(backend, job))
        for name in ("child", "script"):
            _wait_for((job.layout.outputs / f"ready-{name}").exists, f"the {name}")
        backend.cancel(job)
        backend.follow(job, lambda: None)
        for name in ("child", "script"):
            assert (job.layout.outputs / name).exists(), f"the {name} had no time to end"

    def test_clean_removes_what_is_kept_and_nothing_of_the_run_however_often_it_is_called(
        self, backend: Backend, make_job: MakeJob, kept: Kept
    ) -> None:
        """The run's files, and how it ended, stay."""
        job = make_job("open('outputs/x', 'w').write('kept')")
        backend.launch(job, _prepared(backend, job))
        assert _exit_code(backend.follow(job, lambda: None)) == 0
        for _ in range(2):
            backend.clean(job)
            assert kept(job) == []
        assert (job.layout.outputs / "x").read_text() == "kept"
        assert backend.started(job), "it would be launched a second time"

    def test_sweeping_removes_what_is_kept_of_ended_runs_and_ends_nothing_that_goes_on(
        self, backend: Backend, make_job: MakeJob, kept: Kept
    ) -> None:
        """Nor anything of another workspace; and nothing of a run itself, over or not."""
        job = make_job(_WAITER)
        backend.launch(job, _prepared(backend, job))
        _wait_for(lambda: _stdout(job) == "started\n", "the script")
        before = kept(job)
        backend.sweep(str(job.facts["workspace_id"]), lambda run_id: run_id != job.run_id)
        backend.sweep("another-workspace", lambda run_id: True)
        assert kept(job) == before
        (job.layout.outputs / "go").touch()
        outcome = backend.follow(job, lambda: None)
        assert outcome.exit
        assert (outcome.exit["exit_code"], outcome.exit["canceled"]) == (0, False)
        backend.sweep(str(job.facts["workspace_id"]), lambda run_id: run_id == job.run_id)
        assert kept(job) == [], "nobody else ever removes it"
        assert (job.layout.outputs / "go").exists()

    def test_more_nodes_than_there_can_be_are_refused(self, backend: Backend, make_job: MakeJob) -> None:
        """At submit, by ``check``, with the number in the text."""
        job = make_job("pass")
        backend.check(job.spec, job.settings)
        with pytest.raises(ComputeTargetException, match=str(backend.max_nodes + 1)):
            backend.check(replace(job.spec, node_count=backend.max_nodes + 1), job.settings)

    def test_a_run_that_asks_for_no_gpus_gets_none(self, backend: Backend, make_job: MakeJob) -> None:
        """Others would wait for those that it does not use."""
        job = make_job("import os; print(repr(os.environ['CUDA_VISIBLE_DEVICES']))")
        assert backend.gpus_needed(job.spec, job.settings) == backend.plan(job).gpus == 0
        backend.launch(job, _prepared(backend, job))
        backend.follow(job, lambda: None)
        assert _stdout(job) == "''\n"

    def test_a_target_describes_itself_as_plain_data(self, backend: Backend) -> None:
        """For people and for the sidebar."""
        assert json.loads(json.dumps(backend.describe()))["max_nodes"] == backend.max_nodes >= 1


def _sleeper() -> str:
    """A script that is to be ended; where that never comes it ends by itself, so that its test fails and goes on."""
    return f"import time; print('started'); time.sleep({PATIENCE})"


def _prepared(backend: Backend, job: Job) -> Plan:
    return backend.prepare(job, backend.plan(job), lambda: False)


def _elsewhere(action: Callable[..., None], *arguments: Any) -> Any:
    process = multiprocessing.get_context("spawn").Process(target=action, args=arguments)
    process.start()
    return process


def _launch(backend: Backend, job: Job, plan: Plan) -> None:
    backend.launch(job, plan)


def _launch_and_stay(backend: Backend, job: Job, plan: Plan) -> None:
    backend.launch(job, plan)
    threading.Event().wait()


def _follow(backend: Backend, job: Job, answers: Any) -> None:
    started = backend.started(job)
    answers.put((started, _exit_code(backend.follow(job, lambda: None))))


def _exit_code(outcome: Outcome) -> int | None:
    return None if outcome.exit is None else outcome.exit["exit_code"]


def _stdout(job: Job) -> str:
    try:
        return job.layout.stdout.read_text("utf-8")
    except FileNotFoundError:
        return ""


def _wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE:.0f} s in vain for {what}")
        time.sleep(0.01)


def _state_of(root: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for folder, _, names in os.walk(root):
        for path in (Path(folder), *(Path(folder) / name for name in names)):
            status = path.lstat()
            found[str(path)] = (status.st_mtime_ns, status.st_size)
    return found
