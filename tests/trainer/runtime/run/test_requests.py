"""What scripts ask of the dispatcher."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.trainer.runtime.run.conftest import answering, sent

from traindock import errors
from traindock.runtime import requests
from traindock.runtime.context import Run
from traindock.store.metrics import MetricReader


class TestTheOrderOfRequests:
    def test_it_is_that_of_the_calls_also_within_a_tick_of_the_clock(
        self, job: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for now in (1_700_000_000_000_000_000, 1_700_000_000_000_000_000, 1_600_000_000_000_000_000):  # and set back
            monkeypatch.setattr(time, "time_ns", lambda now=now: now)
            for number in range(20):
                job.tag("number", str(number))
        assert [one["tags"]["number"] for one in sent(folder)] == [str(number) for number in range(20)] * 3

    def test_their_ids_are_uuids(self, job: Run, folder: Path) -> None:
        job.tag("a", "b")
        (path,) = (folder / "requests").glob("*.json")
        made = uuid.UUID(path.stem)
        assert (made.version, made.variant) == (7, uuid.RFC_4122)
        assert abs((made.int >> 80) / 1000 - path.stat().st_mtime) < 5


class TestRequests:
    @pytest.mark.parametrize("name", ["a b", "", "-a", "x" * 256, "ä", None, "a\n"])
    def test_models_have_names(self, either: Run, name: Any) -> None:
        with pytest.raises(errors.UserErrorException, match="is no model name: use 1 to 255"):
            either.register_model(name, "outputs/")

    @pytest.mark.parametrize("path", ["../x", "/abs", "outputs/../../x"])
    def test_no_model_lies_outside_of_the_run(self, either: Run, path: str) -> None:
        with pytest.raises(errors.UserErrorException, match=f"model_path '{path}' leads out"):
            either.register_model("net", path)

    def test_a_model_is_registered_by_the_dispatcher(self, job: Run, folder: Path) -> None:
        def answer(request: dict[str, Any]) -> dict[str, Any]:
            return {"ok": True, "result": {"name": request["model_name"], "version": 3, "tags": request["tags"]}}

        thread = answering(folder, answer)
        model = job.register_model(
            "net", "outputs/", tags={"a": 1}, model_framework="PyTorch", datasets=[5, ("training", "ants")]
        )
        thread.join()
        assert (model.name, model.version, model.id, model.tags) == ("net", 3, "net:3", {"a": "1"})
        (request,) = sent(folder)
        assert request["model_path"] == "outputs/"
        assert (request["model_framework"], request["datasets"]) == ("PyTorch", ["5", "ants"])

    def test_the_path_defaults_to_the_name(self, job: Run, folder: Path) -> None:
        thread = answering(folder, lambda request: {"ok": True, "result": {"version": 1, "id": request["model_path"]}})
        assert job.register_model("net").id == "net"
        thread.join()

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("ModelPathNotFoundException", errors.ModelPathNotFoundException),
            ("UserErrorException", errors.UserErrorException),
            ("SomethingNew", errors.TraindockError),
            ("from_reply", errors.TraindockError),
        ],
    )
    def test_a_refusal_is_the_error_it_names(self, job: Run, folder: Path, kind: str, expected: type) -> None:
        refusal = {"ok": False, "error": {"type": kind, "message": "files: outputs/x"}}
        thread = answering(folder, lambda request: refusal)
        with pytest.raises(expected, match="files: outputs/x"):
            job.register_model("net")
        thread.join()

    def test_a_dispatcher_that_is_away_is_named(self, job: Run, folder: Path) -> None:
        with pytest.raises(errors.TraindockError, match="dispatcher"):
            job.register_model("net", timeout_seconds=0.05)
        assert len(sent(folder)) == 1

    def test_a_reply_that_makes_no_sense(self, folder: Path) -> None:
        for reply in ([], {}, {"ok": False}, {"ok": False, "error": "x"}):
            asked = folder / f"requests{len(str(reply))}{type(reply).__name__}"
            asked.mkdir(exist_ok=True)
            thread = answering_in(asked, reply)
            with pytest.raises(errors.TraindockError, match="refused"):
                requests.ask(str(asked), "something", 10)
            thread.join()

    def test_a_child_run_logs_into_its_own_folder(self, job: Run, folder: Path) -> None:
        child_variables = {"TRAINDOCK_RUN_ID": "child_1", "TRAINDOCK_METRICS_DIR": str(folder / "child")}
        child_variables["TRAINDOCK_PARENT_RUN_ID"] = job.id
        thread = answering(folder, lambda request: {"ok": True, "result": {"environment": child_variables}})
        child = job.child_run("a child")
        thread.join()
        child.log("loss", 0.5)
        assert child.id == "child_1"
        assert child.parent is not None
        assert child.parent.id == job.id
        assert MetricReader(folder / "child").as_azure() == {"loss": 0.5}
        assert job.get_metrics() == {}

    def test_requests_are_seen_whole_or_not_at_all(self, folder: Path) -> None:
        for _ in range(20):
            requests.send(str(folder / "requests"), "tag", tags={})
        names = os.listdir(folder / "requests")
        assert len(set(names)) == 20
        assert all(name.endswith(".json") and not name.startswith(".") for name in names)

    def test_a_script_that_awaits_its_own_run_goes_on(self, either: Run) -> None:
        async def wait() -> dict[str, Any]:
            return await either

        assert asyncio.run(wait())["runId"] == either.id

    def test_outside_of_a_job(self, offline: Run, capsys: pytest.CaptureFixture[str]) -> None:
        model = offline.register_model("net", "outputs/", tags={"a": "b"})
        assert (model.name, model.version, model.tags) == ("net", None, {"a": "b"})
        child = offline.child_run("child")
        assert (child.display_name, child.parent) == ("child", offline)
        assert len(capsys.readouterr().out.splitlines()) == 2


def answering_in(asked: Path, reply: Any) -> threading.Thread:
    def serve() -> None:
        from traindock.store.watch import Watcher

        with Watcher([asked]) as watcher:
            while not (found := list(asked.glob("*.json"))):
                watcher.wait(10)
        temporary = asked / "reply.tmp"
        temporary.write_text(json.dumps(reply))
        temporary.rename(found[0].with_suffix(".reply.json"))

    thread = threading.Thread(target=serve)
    thread.start()
    return thread
