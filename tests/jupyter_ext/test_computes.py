"""Compute targets over HTTP: made, changed, deleted; their queues; environments, and what the machine offers."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit, wait_for
from tests.jupyter_ext.conftest import Ask, Fetch, until

from jupyterlab_traindock import api_document
from jupyterlab_traindock.managers.answers import Answers
from jupyterlab_traindock.managers.queue_places import QueuePlaces
from traindock import ComputeTarget, LocalCompute, Run, Workspace
from traindock.compute.leases import Leases
from traindock.dispatcher import start
from traindock.documents import timestamp
from traindock.images.containers.engine_memory import FOLDER
from traindock.states import State
from traindock.store import run_records
from traindock.store.files import write_json
from traindock.store.run_records import RunFolder, RunRecord

KEY = "ab" * 32
GOING = (State.PREPARING, State.QUEUED)

Publish = Callable[..., str]


def path(workspace: Workspace, *parts: str) -> tuple[str, ...]:
    return ("workspaces", workspace.id, *parts)


def fits(name: str, value: Any) -> None:
    """Check a value against a schema of the document."""
    api_document.schema(name).check(value)


@pytest.fixture
def no_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """No container engine at any usual place."""
    monkeypatch.setattr("jupyterlab_traindock.managers.machine.usual_places", lambda _: [])
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def silent_engine(tmp_path: Path) -> Iterator[str]:
    """The address of an engine that takes connections and never says anything."""
    place = tmp_path / "e.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(".", os.O_RDONLY)  # a socket's path may be no longer than 100 bytes
        os.chdir(tmp_path)
        try:
            listening.bind("e.sock")
        finally:
            os.fchdir(here)
            os.close(here)
        listening.listen()
        yield f"unix://{place}"


@pytest.fixture
def publish(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Publish a run of a name that has gone through some states, without a dispatcher, and return its id."""
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    monkeypatch.setattr(start.Upkeep, "look", lambda _: None)
    numbers = itertools.count(1)

    def publish(name: str, *states: State, target: str = "local") -> str:
        number = next(numbers)
        folder = run_records.publish(
            workspace.layout,
            workspace.record,
            run_id=f"tests_{number}_00000000",
            experiment="tests",
            number=number,
            created=float(number),
            turn=run_records.take_turn(workspace.layout),
            user="me",
            parent=None,
            spec={"snapshot": "", "compute_target": target, "environment": {}, "interpreter": ""},
            display_name=name,
        )
        for state in states:
            folder.advance(state)
        return folder.id

    return publish


class TestComputes:
    async def test_local_is_always_there(self, ask: Ask, workspace: Workspace) -> None:
        (local,) = (await ask(*path(workspace, "computes")))["computes"]

        fits("Compute", local)
        assert (local["name"], local["kind"], local["state"], local["changeable"]) == ("local", "local", "ready", False)
        assert local["nodes"] == {"max": max(1, (os.cpu_count() or 1) // 2), "busy": 0, "waiting": 0}
        assert await ask(*path(workspace, "computes", "local")) == local

    async def test_one_is_made_changed_and_deleted(
        self, ask: Ask, api: Fetch, workspace: Workspace, jp_base_url: str
    ) -> None:
        wanted = {"name": "pair", "kind": "local", "settings": {"max_nodes": 2}}

        answer = await api(*path(workspace, "computes"), method="POST", json=wanted)
        made = json.loads(answer.body)
        again = await api(*path(workspace, "computes"), method="POST", json=wanted)
        changed = await ask(
            *path(workspace, "computes", "pair"), method="PATCH", json={"settings": {"gpu": "optional"}}
        )
        gone = await api(*path(workspace, "computes", "pair"), method="DELETE")

        fits("CheckedCompute", made)
        assert (answer.code, again.code) == (201, 200)
        assert answer.headers["Location"] == f"{jp_base_url}traindock/api/workspaces/{workspace.id}/computes/pair"
        assert made["settings"] == {"max_nodes": 2, "gpu": "required"}
        assert made["warnings"] == []
        assert changed["settings"] == {"max_nodes": 2, "gpu": "optional"}
        assert gone.code == 204
        assert (await ask(*path(workspace, "computes", "pair"), expect=404))["code"] == "compute_not_found"
        assert [target.name for target in ComputeTarget.list(workspace)] == ["local"]

    @pytest.mark.parametrize(
        ("wanted", "status", "code", "named"),
        [
            ({"name": "pair", "kind": "local", "settings": {"max_nodes": 3}}, 409, "compute_exists", "pair"),
            ({"name": "pair", "kind": "cloud"}, 400, "invalid_request", "cloud"),
            ({"name": "x", "kind": "local"}, 400, "invalid_request", "'x'"),
            ({"name": "more", "kind": "local", "settings": {"max_nodes": 0}}, 400, "invalid_request", "max_nodes"),
            ({"name": "more", "kind": "local", "settings": {"cpus": 1}}, 400, "invalid_request", "cpus"),
            ({"name": "local", "kind": "local"}, 422, "user_error", "reserved"),
            ({"name": "more", "kind": "docker", "settings": {"min_nodes": 2, "max_nodes": 1}}, 422, "user_error", "2"),
            ({"name": "more", "kind": "docker", "settings": {"mounts": ["/no/such:/x"]}}, 422, "user_error", "such"),
            (
                {"name": "more", "kind": "docker", "settings": {"engine": "unix:///no/e.sock"}},
                422, "engine_not_found", "e.sock",
            ),
        ],
    )  # fmt: skip
    async def test_what_cannot_be_made_is_said(
        self, ask: Ask, workspace: Workspace, monkeypatch: pytest.MonkeyPatch,
        wanted: dict[str, Any], status: int, code: str, named: str,
    ) -> None:  # fmt: skip
        monkeypatch.setenv("DOCKER_HOST", "unix:///no/e.sock")
        ComputeTarget.create(workspace, "pair", LocalCompute.provisioning_configuration(max_nodes=2))

        error = await ask(*path(workspace, "computes"), method="POST", json=wanted, expect=status)

        assert error["code"] == code
        assert named in error["message"]
        assert len(ComputeTarget.list(workspace)) == 2

    async def test_that_there_is_no_engine_is_said_without_places_and_variables_of_the_server(
        self, ask: Ask, workspace: Workspace, no_engines: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        places = [tmp_path / "docker.sock", tmp_path / "podman.sock"]
        monkeypatch.setattr("traindock.compute.docker.addresses.usual_places", lambda _: places)
        wanted = {"name": "boxes", "kind": "docker"}

        error = await ask(*path(workspace, "computes"), method="POST", json=wanted, expect=422)

        told = f"{error['message']} {error['advice']}"
        assert "there is no container engine on this machine, or it is not running. Start it (" in told
        assert "unix:///run/podman/podman.sock" in told
        assert [one for one in ("…", "DOCKER", "Change what the message names") if one in told] == []

    @pytest.mark.parametrize("method", ["PATCH", "DELETE"])
    async def test_local_stays_as_it_is(self, ask: Ask, workspace: Workspace, method: str) -> None:
        body = {"json": {"settings": {"max_nodes": 1}}} if method == "PATCH" else {}

        error = await ask(*path(workspace, "computes", "local"), method=method, expect=409, **body)

        assert error["code"] == "compute_fixed"

    @pytest.mark.slow
    async def test_an_engine_that_does_not_answer_is_not_waited_for(
        self, ask: Ask, workspace: Workspace, silent_engine: str
    ) -> None:
        settings = {"engine": silent_engine, "max_nodes": 3}
        _put(workspace, "boxes", "docker", settings)
        _put(workspace, "later", "new-kind", {})

        began = time.monotonic()
        local, boxes, later = (await ask(*path(workspace, "computes")))["computes"]
        first = time.monotonic() - began
        await ask(*path(workspace, "computes", "boxes"))
        both = time.monotonic() - began

        for one in (local, boxes, later):
            fits("Compute", one)
        assert (boxes["state"], boxes["nodes"]["max"]) == ("failed", 3)
        assert "has not answered within 3 seconds" in boxes["trouble"]
        assert (later["state"], later["kind"]) == ("unknown", "new-kind")
        assert local["state"] == "ready"
        assert first < 8
        assert both - first < 2, "nobody waits for the same engine again"

    async def test_an_engine_that_is_not_there_says_why_without_paths(self, ask: Ask, workspace: Workspace) -> None:
        _put(workspace, "boxes", "docker", {"engine": "unix:///some/where/e.sock"})

        boxes = await ask(*path(workspace, "computes", "boxes"))

        assert boxes["state"] == "failed"
        assert "e.sock" in boxes["trouble"]
        assert "/some/where" not in boxes["trouble"]


class TestQueue:
    async def test_who_is_at_work_and_who_waits_for_whom(self, ask: Ask, workspace: Workspace, submit: Submit) -> None:
        ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
        runs = [submit("import time; time.sleep(600)", compute_target="single")]
        wait_for(lambda: runs[0].get_status() == "Running", "the first to have the node")
        runs += [submit("pass", compute_target="single") for _ in range(2)]

        def settled(queue: Any) -> bool:
            waiting = [entry["state"] for entry in queue["waiting"]]
            return (
                len(queue["running"]) == 1
                and waiting == ["Queued", "Queued"]
                and all(entry["detail"] for entry in queue["waiting"])
            )

        queue = await until(lambda: ask(*path(workspace, "computes", "single", "queue")), settled)

        fits("Queue", queue)
        first, *others = [run.id for run in runs]
        assert [entry["run"] for entry in queue["running"]] == [first]
        assert [(entry["position"], entry["run"]) for entry in queue["waiting"]] == [(1, others[0]), (2, others[1])]
        assert first in queue["waiting"][0]["detail"]
        holder = {"what": "node", "device": None, "run": first, "user": runs[0].record.user}
        assert [entry["held_by"] for entry in queue["waiting"]] == [[holder], [holder]]
        single = await ask(*path(workspace, "computes", "single"))
        assert single["nodes"] == {"max": 1, "busy": 1, "waiting": 2}
        for run in runs:
            run.cancel()

    @pytest.mark.slow
    async def test_who_holds_the_gpu_that_a_run_waits_for(
        self, ask: Ask, workspace: Workspace, submit: Submit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", "fake-a")
        ComputeTarget.create(workspace, "pair", LocalCompute.provisioning_configuration(max_nodes=2))
        runs = [submit("import time; time.sleep(600)", compute_target="pair", gpus=1) for _ in range(2)]

        def settled(queue: Any) -> bool:
            return [len(queue["running"]), *[entry["state"] for entry in queue["waiting"]]] == [1, "Queued"]

        queue = await until(lambda: ask(*path(workspace, "computes", "pair", "queue")), settled)

        assert queue["running"][0]["devices"] == ["fake-a"]
        (waiting,) = queue["waiting"]
        assert [(held["what"], held["device"], held["run"]) for held in waiting["held_by"]] == [
            ("gpu", "fake-a", queue["running"][0]["run"])
        ]
        machine = await ask(*path(workspace, "machine"))
        (gpu,) = machine["gpus"]
        assert (gpu["uuid"], gpu["holder"]["run"], gpu["holder"]["workspace"]) == (
            "fake-a", queue["running"][0]["run"], workspace.id,
        )  # fmt: skip
        for run in runs:
            run.cancel()

    async def test_a_run_is_moved_in_it(self, ask: Ask, workspace: Workspace, submit: Submit) -> None:
        ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
        runs = [submit("import time; time.sleep(600)", compute_target="single")]
        wait_for(lambda: runs[0].get_status() == "Running", "the first to have the node")
        runs += [submit("pass", compute_target="single") for _ in range(3)]
        holder, a, b, c = [run.id for run in runs]

        async def moved(run: str, before: str | None = None, expect: int = 200, **place: bool) -> Any:
            move = path(workspace, "runs", run, "move")
            return await ask(*move, method="POST", json=place or {"before": before}, expect=expect)

        def waiting(queue: Any) -> list[str]:
            return [entry["run"] for entry in queue["waiting"]]

        queue = await moved(c, a)
        fits("MovedQueue", queue)
        assert (queue["compute"], queue["position"], waiting(queue)) == ("single", 1, [c, a, b])
        assert waiting(await moved(b, first=True)) == [b, c, a]
        assert waiting(await moved(a, first=True)) == [a, b, c]
        assert waiting(await moved(b, None)) == [a, c, b]
        assert waiting(await moved(c, None)) == [a, b, c]
        assert [entry["position"] for entry in queue["waiting"]] == [1, 2, 3]
        for run, before in ((holder, a), (a, holder), (a, "gone_1_00000000")):
            error = await moved(run, before, expect=409)
            assert error["code"] == "run_not_waiting"
            assert error["message"].endswith("Nothing was changed.")
            assert "/queue" in error["advice"]
            assert "changed" not in error["advice"]
        assert (await moved(a, a, expect=422))["code"] == "user_error"
        assert (await moved("gone_1_00000000", a, expect=404))["code"] == "run_not_found"
        for body in (
            {},
            {"before": 5},
            {"before": ""},
            {"before": a, "after": b},
            {"first": False},
            {"first": True, "before": b},
        ):
            await ask(*path(workspace, "runs", a, "move"), method="POST", json=body, expect=400)
        assert waiting(await ask(*path(workspace, "computes", "single", "queue"))) == [a, b, c]
        for run in runs:
            run.cancel()

    async def test_a_page_of_those_that_wait_is_told_with_their_neighbours(
        self, ask: Ask, workspace: Workspace, publish: Publish
    ) -> None:
        holder = publish("holder", *GOING, State.RUNNING)
        a, b, c, d = [publish(name, *GOING) for name in ("Bees", "ants", "bees too", "wasps")]

        async def queue(**asked: Any) -> Any:
            found = await ask(*path(workspace, "computes", "local", "queue"), params=asked)
            fits("Queue", found)
            assert ([one["run"] for one in found["running"]], found["length"]) == ([holder], 4)
            return found["found"], [
                (one["position"], one["run"], one["ahead"], one["behind"]) for one in found["waiting"]
            ]

        assert await queue(limit="2", offset="1") == (4, [(2, b, a, [c, d]), (3, c, b, [d])])
        assert await queue(limit="2", offset="3") == (4, [(4, d, c, [])])
        assert await queue(offset="4") == (4, [])
        assert await queue(text=" BEES ") == (2, [(1, a, None, [b, c]), (3, c, b, [d])])
        assert await queue(text="bees", limit="1", offset="1") == (2, [(3, c, b, [d])])
        assert await queue(text=d) == (1, [(4, d, c, [])])
        assert await queue(text="no such run") == (0, [])
        moved = await ask(*path(workspace, "runs", d, "move"), method="POST", json={"before": b}, params={"limit": "1"})
        fits("MovedQueue", moved)
        assert (moved["position"], [one["run"] for one in moved["waiting"]]) == (2, [a])

    async def test_one_that_is_launched_or_was_asked_to_end_waits_no_more(
        self, ask: Ask, workspace: Workspace, publish: Publish
    ) -> None:
        ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
        launched, canceled, a, b = [
            publish(name, *GOING, target="single") for name in ("launched", "canceled", "a", "b")
        ]
        workspace.run_folder(launched).append({"type": "admitted", "value": True})
        Run.get(workspace, canceled).cancel()

        queue = await ask(*path(workspace, "computes", "single", "queue"))

        assert [entry["run"] for entry in queue["running"]] == [launched, canceled]
        assert [(entry["run"], entry["ahead"]) for entry in queue["waiting"]] == [(a, None), (b, a)]
        assert [[held["run"] for held in entry["held_by"]] for entry in queue["waiting"]] == [[launched], [launched]]
        ahead = queue["waiting"][1]["ahead"]
        moved = await ask(*path(workspace, "runs", b, "move"), method="POST", json={"before": ahead})
        assert [entry["run"] for entry in moved["waiting"]] == [b, a]

    def test_each_record_is_read_once_and_again_when_its_run_was_moved(
        self, workspace: Workspace, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        a, b, c = [publish(name, *GOING) for name in ("a", "b", "c")]
        read: list[str] = []
        load = RunFolder.load

        def counted(folder: RunFolder) -> RunRecord:
            read.append(folder.id)
            return load(folder)

        places = QueuePlaces()

        def order() -> tuple[list[str], list[str]]:
            rows = workspace.index.rows([a, b, c])
            read.clear()
            with monkeypatch.context() as patched:
                patched.setattr(RunFolder, "load", counted)
                found = places.of(workspace, "local", rows)
            return sorted(found, key=lambda run: found[run].order), sorted(read)

        assert order() == ([a, b, c], sorted([a, b, c]))
        assert order() == ([a, b, c], [])
        Run.get(workspace, c).move_to_front()
        assert order() == ([c, a, b], [c])
        places.forget(workspace, "local")
        assert order() == ([c, a, b], sorted([a, b, c]))

    async def test_of_a_target_that_is_not_there(self, ask: Ask, workspace: Workspace) -> None:
        assert (await ask(*path(workspace, "computes", "none", "queue"), expect=404))["code"] == "compute_not_found"


class TestEnvironments:
    async def test_what_was_built_and_who_uses_it(self, ask: Ask, workspace: Workspace, submit: Submit) -> None:
        folder = _built(workspace, KEY, ["numpy==2.0", "six==1.16"], began=100.0)
        (folder / "large").write_bytes(b"x" * 100_000)
        _built(workspace, "cd" * 32, [], began=50.0)
        (workspace.layout.environments / ("ef" * 32)).mkdir()  # never finished
        run = submit("pass")
        run.wait_for_completion()
        _pretend(run, KEY)

        found = (await ask(*path(workspace, "environments")))["environments"]

        for one in found:
            fits("BuiltEnvironment", one)
        assert [one["key"] for one in found] == [KEY, "cd" * 32]
        assert (found[0]["kind"], found[0]["packages"]) == ("venv", ["numpy==2.0", "six==1.16"])
        assert 100_000 < found[0]["size"] < 200_000
        assert found[0]["built"] == "1970-01-01T00:01:40.000000Z"
        assert (found[0]["runs"], found[1]["runs"], found[1]["last_used"]) == (1, 0, None)
        assert found[0]["last_used"] == timestamp(run.record.started)

    async def test_what_engines_keep(self, ask: Ask, workspace: Workspace) -> None:
        memory = workspace.layout.environments / FOLDER / "engine"
        memory.mkdir(parents=True)
        record = {"key": KEY, "packages": ["six==1.16"], "began": 100.0, "warnings": []}
        write_json(
            memory / "environment-1.json", {"format": 1, "key": "x", "values": {"python": "/p", "record": record}}
        )
        write_json(memory / "image-1.json", {"format": 1, "key": "sha256:x", "values": {**record, "began": 200.0}})
        write_json(memory / "image-2.json", {"format": 1, "key": "sha256:y", "values": {**record, "began": 150.0}})
        write_json(memory / "base-1.json", {"format": 1, "key": "y", "values": {"began": 1}})
        (memory / "image-3.json").write_text("{")

        found = (await ask(*path(workspace, "environments")))["environments"]

        assert [(one["kind"], one["key"], one["size"]) for one in found] == [
            ("image", KEY, None),
            ("volume", KEY, None),
        ]

    async def test_none(self, ask: Ask, workspace: Workspace) -> None:
        assert (await ask(*path(workspace, "environments"))) == {"environments": []}


class TestMachine:
    async def test_what_there_is(
        self, ask: Ask, workspace: Workspace, no_engines: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", "fake-a,fake-b")

        machine = await ask(*path(workspace, "machine"))

        fits("Machine", machine)
        assert machine["cpus"]["count"] == len(os.sched_getaffinity(0))
        assert 0 < machine["memory"]["available_bytes"] <= machine["memory"]["total_bytes"]
        assert 0 < machine["disk"]["free_bytes"] < machine["disk"]["total_bytes"]
        assert [gpu["uuid"] for gpu in machine["gpus"]] == ["fake-a", "fake-b"]
        assert all(gpu["holder"] is None for gpu in machine["gpus"])
        assert (machine["gpus_answered"], machine["leases"], machine["engines"]) == (True, [], [])

    async def test_who_holds_a_gpu_as_far_as_this_user_may_know(
        self, ask: Ask, workspace: Workspace, no_engines: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", "fake-a,fake-b,fake-c")
        leases = Leases()
        mine = leases.try_acquire(1, ["fake-a"], {"run_id": "mine_1_00000000", "workspace_id": workspace.id})
        theirs = leases.try_acquire(
            1, ["fake-b"], {"user": "x" * 1000, "run_id": ["no text"], "workspace_id": "f" * 32, "since": "soon"}
        )
        free = leases.try_acquire(1, ["fake-c"], {})
        assert mine is not None
        assert theirs is not None
        assert free is not None
        free.release()

        machine = await ask(*path(workspace, "machine"))

        fits("Machine", machine)
        a, b, c = [gpu["holder"] for gpu in machine["gpus"]]
        assert (a["run"], a["workspace"]) == ("mine_1_00000000", workspace.id)
        assert a["since"]
        assert (b["user"], b["run"], b["since"]) == ("x" * 255, None, None)
        assert b["workspace"] is None, "it is none that this server may open"
        assert c is None
        assert [lease["device"] for lease in machine["leases"]] == ["fake-a", "fake-b", "fake-c"]
        text = json.dumps(machine)
        assert mine.token not in text
        assert "x" * 256 not in text
        mine.release()
        theirs.release()

    @pytest.mark.slow
    async def test_engines_that_answer_and_that_do_not(
        self, ask: Ask, workspace: Workspace, no_engines: None, silent_engine: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DOCKER_HOST", silent_engine)
        _put(workspace, "boxes", "docker", {"engine": "unix:///some/where/e.sock"})

        machine = await ask(*path(workspace, "machine"))

        fits("Machine", machine)
        silent, missing = machine["engines"]
        assert (silent["address"], silent["kind"]) == (silent_engine, None)
        assert "has not answered within 3 seconds" in silent["trouble"]
        assert missing["address"] == "unix:///some/where/e.sock"
        assert missing["trouble"]

    @pytest.mark.slow
    async def test_the_server_goes_on_while_somebody_waits(
        self, ask: Ask, workspace: Workspace, no_engines: None, silent_engine: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DOCKER_HOST", silent_engine)
        waiting = asyncio.ensure_future(ask(*path(workspace, "machine")))
        await asyncio.sleep(0)

        answers = 0
        while not waiting.done():
            await ask()
            answers += 1
        await waiting

        assert answers > 20


class TestAnswers:
    def test_what_was_answered_is_believed_for_a_while(self) -> None:
        asked = []
        answers = Answers(patience_seconds=10, keep_seconds=1000)
        for _ in range(2):
            assert answers.get({"a": lambda: asked.append(1) or 7, "b": lambda: 8}) == {"a": 7, "b": 8}
        assert len(asked) == 1

    def test_and_then_asked_anew(self) -> None:
        answers = Answers(patience_seconds=10, keep_seconds=0)
        assert answers.get({"a": lambda: 1}) == {"a": 1}
        assert answers.get({"a": lambda: 2}) == {"a": 2}

    def test_an_error_is_an_answer(self) -> None:
        found = Answers(patience_seconds=10, keep_seconds=0).get({"a": lambda: 1 // 0})
        assert isinstance(found["a"], ZeroDivisionError)

    def test_who_does_not_answer_is_asked_once_and_waited_for_once(self) -> None:
        gate, asked = threading.Event(), []

        def ask() -> int:
            asked.append(1)
            gate.wait(60)
            return 1

        answers = Answers(patience_seconds=0.2, keep_seconds=1000)
        began = time.monotonic()
        for _ in range(50):
            assert answers.get({"a": ask, "b": lambda: 2}) == {"a": None, "b": 2}
        assert time.monotonic() - began < 5
        gate.set()
        while answers.get({"a": ask})["a"] is None:
            assert time.monotonic() - began < 60
        assert len(asked) == 1


def _put(workspace: Workspace, name: str, kind: str, settings: dict[str, Any]) -> None:
    """Record a compute target without asking its engine."""
    from traindock.store import computes

    record = {"kind": kind, "settings": settings, "created": time.time()}
    computes.change(workspace.layout, lambda records: records.update({name: record}))


def _built(workspace: Workspace, key: str, packages: list[str], began: float) -> Path:
    """A virtual environment as a build leaves it."""
    folder = workspace.layout.environments / key
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to("/bin/sh")
    write_json(
        folder / "complete.json",
        {"format": 1, "key": key, "how": "built", "began": began, "packages": packages, "warnings": []},
    )
    return folder


def _pretend(run: Run, key: str) -> None:
    """Say in the record of a run that it had the environment of this key."""
    run._folder.append({"type": "environment", "value": {"key": key}})
