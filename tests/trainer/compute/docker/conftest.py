"""A job, and an engine that plays one container of it, for what a real engine does too seldom or too late."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from traindock import Workspace
from traindock.compute import processes
from traindock.compute.base import Job
from traindock.compute.docker import naming
from traindock.spec import RunSpec
from traindock.store.files import write_json


@pytest.fixture
def job(tmp_path: Path) -> Job:
    workspace = Workspace.create("test", path=tmp_path / "workspace", show_output=False)
    return Job(
        run_id="tests_1700000000_0a1b2c3d",
        attempt=1,
        spec=RunSpec(snapshot="", compute_target="x", environment={}, interpreter=""),
        layout=workspace.layout.run("tests_1700000000_0a1b2c3d"),
        workspace=workspace.layout,
        settings=workspace.settings,
        facts={"workspace_id": workspace.id},
    )


def mark_as_started(job: Job, **mark: Any) -> None:
    """Write the launcher's mark, as if the job had been started (by default in 1970, and in this boot)."""
    job.layout.started_json.parent.mkdir(parents=True, exist_ok=True)
    write_json(job.layout.started_json, {"time": 1.0, "boot_id": processes.boot_id(), **mark})


class PlayedEngine:
    """Answers at a socket for a Docker that has one container at most, and remembers what was asked of it.

    Attributes:
        url: its address.
        container: what it says of its container; None where it has none.
        live_restore: whether it says that its containers go on while it is restarted.
        on_kill: ends the container; by default it is said to run no more.
        asked: what was asked to be done to the container: "POST kill", "POST wait", "DELETE".
    """

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self.container: dict[str, Any] | None = None
        self.live_restore = False
        self.on_kill: Callable[[], None] = self.stop
        self.asked: list[str] = []

    def run(self, job: Job) -> None:
        """Have it run the container of a job; of its processes it shows none."""
        self.container = {
            "Id": "c" * 64,
            "Config": {"Labels": naming.labels(job), "Tty": False},
            "State": {"Running": True, "Pid": 0, "ExitCode": 0},
        }

    def stop(self) -> None:
        """Let the container have been killed."""
        if self.container is not None:
            self.container["State"] = {"Running": False, "Pid": 0, "ExitCode": 137}

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """Return status and content of the answer to a request."""
        what = path.rpartition("/")[2]
        if what == "version":
            return 200, {"Version": "24.0.0", "ApiVersion": "1.43", "MinAPIVersion": "1.12", "Components": []}
        if what == "info":
            return 200, {"ID": "played", "LiveRestoreEnabled": self.live_restore}
        if what == "_ping":
            return 200, "OK"
        if "/containers/" not in path or self.container is None or what == "logs":
            return 404, {"message": "No such container"}
        if method != "GET":
            self.asked.append(f"{method} {what}" if method == "POST" else method)
        if what == "kill":
            self.on_kill()
        if method == "DELETE":
            if self.container["State"]["Running"] and query.get("force") != ["True"]:
                return 409, {"message": "You cannot remove a running container"}
            self.container = None
            return 204, None
        return 200, self.container if what == "json" else {"StatusCode": 137}


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedEngine]:
    engine = PlayedEngine(tmp_path / "played.sock")

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = urlsplit(self.path)
            status, content = engine.answer(self.command, asked.path, parse_qs(asked.query))
            body = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingMixIn, UnixStreamServer):
        daemon_threads = True

    with Server(os.fspath(tmp_path / "played.sock"), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield engine
        server.shutdown()
        thread.join()
