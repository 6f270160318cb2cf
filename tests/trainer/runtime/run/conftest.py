"""A run as its own script sees it: inside a job, and outside of one."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from traindock.runtime import context
from traindock.runtime.context import Run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job's working directory, with the run's folders beside it."""
    work = tmp_path / "work"
    for name in ("outputs", "logs"):
        (work / name).mkdir(parents=True)
    (tmp_path / "job.json").write_text(
        json.dumps(
            {
                "display_name": "first try",
                "tags": {"a": "1"},
                "properties": {"p": "1"},
                "arguments": ["--lr", "0.1"],
                "target": "local",
                "snapshot": "5" * 64,
            }
        )
    )
    variables = {
        "RUN_ID": "exp_1700000000_0123abcd",
        "EXPERIMENT": "exp",
        "WORKSPACE": "ws",
        "WORKSPACE_ID": "w-1",
        "RUN_NUMBER": "7",
        "PARENT_RUN_ID": "",
        "METRICS_DIR": tmp_path / "metrics",
        "REQUESTS_DIR": tmp_path / "requests",
        "OUTPUTS_DIR": work / "outputs",
        "LOGS_DIR": work / "logs",
        "UPLOADS_DIR": tmp_path / "uploads",
        "DRIVER_DIR": tmp_path / "driver",
        "RUN_JSON": tmp_path / "job.json",
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"TRAINDOCK_{name}", str(value))
    monkeypatch.setattr(context, "_current", None)
    monkeypatch.chdir(work)
    return tmp_path


@pytest.fixture
def job(folder: Path) -> Run:
    return Run.get_context(allow_offline=False)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.delenv("TRAINDOCK_RUN_ID", raising=False)
    monkeypatch.setattr(context, "_current", None)
    monkeypatch.chdir(tmp_path)
    return Run.get_context()


@pytest.fixture(params=["job", "offline"])
def either(request: pytest.FixtureRequest) -> Run:
    found: Run = request.getfixturevalue(request.param)
    return found


def sent(folder: Path) -> list[dict[str, Any]]:
    """The requests that were made, in order, without their ids and times."""
    found = [json.loads(path.read_text()) for path in (folder / "requests").glob("*.json")]
    found = [one for one in found if "request" in one]  # not the replies
    found.sort(key=lambda one: one["id"])  # the order in which the dispatcher serves them
    return [{key: value for key, value in one.items() if key not in ("id", "t")} for one in found]


def answering(folder: Path, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> threading.Thread:
    """Answer the next request as the dispatcher would."""

    def serve() -> None:
        from traindock.store.watch import Watcher

        asked = folder / "requests"
        with Watcher([asked]) as watcher:
            while not (found := list(asked.glob("*.json")) if asked.exists() else []):
                watcher.wait(10)
        reply = found[0].with_suffix(".reply.json")
        temporary = reply.with_suffix(".tmp")
        temporary.write_text(json.dumps(answer(json.loads(found[0].read_text()))))
        temporary.rename(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def parameters(function: Any) -> list[tuple[str, Any]]:
    """Names and defaults of the parameters, but of those by keyword only, which a ``**`` takes."""
    found = inspect.signature(function).parameters.values()
    return [(one.name, one.default) for one in found if one.kind is one.POSITIONAL_OR_KEYWORD]
