"""A socket in front of a real engine that changes single requests and answers, and hands on all else as it is.

So that a machine without a GPU has an engine that seems to give some: containers are made and started by the real
engine, only without what it would have to refuse; and what other engines say can be said on its behalf.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.docker.engines import UnixConnection

_CREATE = re.compile(rb"/v[\d.]+/containers/create\b")
_START = re.compile(rb"/v[\d.]+/containers/\w+/start\b")
_INFO = re.compile(rb"/v[\d.]+/info\b")
_VERSION = re.compile(rb"(/v[\d.]+)?/version\b")


@dataclass
class EngineProxy:
    """What is asked of the engine, and what is changed in it.

    Attributes:
        url: the address to use in place of the engine's.
        created: bodies of the requests for containers, as they came.
        keeps_gpus: whether what asks for GPUs is handed on to the engine.
        info: what is added to what the engine says of itself.
        version: what is added to what it says of its version.
        refuse_start: returns, for the body that a container was made by, with what text its start is refused; "" for
            none.
        entrypoint: returns what a container executes in place of what is asked for.
        before: is told method and path of each request before the engine is.
    """

    url: str
    engine: str
    created: list[dict[str, Any]] = field(default_factory=list)
    keeps_gpus: bool = False
    info: dict[str, Any] = field(default_factory=dict)
    version: dict[str, Any] = field(default_factory=dict)
    refuse_start: Callable[[dict[str, Any]], str] = lambda body: ""
    entrypoint: Callable[[list[str]], list[str]] = lambda asked: asked
    before: Callable[[str, str], None] = lambda method, path: None
    _bodies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Ask the engine itself."""
        connection = UnixConnection(self.engine, 60)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def answer(self, head: bytes, body: bytes) -> tuple[int, bytes] | None:
        """Return the answer to a request, or None where the engine is to give it."""
        method, target = head.split(b" ", 2)[:2]
        path = target.decode()
        self.before(method.decode(), path)
        if method == b"POST" and _CREATE.match(target):
            asked = json.loads(body)
            self.created.append(asked)
            status, said = self.ask("POST", path, json.dumps(self._changed(asked)).encode())
            if status == 201:
                self._bodies[json.loads(said)["Id"]] = asked
            return status, said
        if method == b"POST" and _START.match(target):
            asked = self._bodies.get(path.split("/")[3], {})
            text = self.refuse_start(asked)
            return (500, json.dumps({"message": text}).encode()) if text else None
        for pattern, added in ((_INFO, self.info), (_VERSION, self.version)):
            if method == b"GET" and pattern.match(target) and added:
                status, said = self.ask("GET", path)
                return status, json.dumps({**json.loads(said), **added}).encode()
        return None

    def _changed(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("Entrypoint"):
            body = {**body, "Entrypoint": self.entrypoint(body["Entrypoint"])}
        if self.keeps_gpus:
            return body
        left_out = ("DeviceRequests", "Runtime")
        host = {name: value for name, value in body["HostConfig"].items() if name not in left_out}
        return {**body, "HostConfig": host}


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        proxy: EngineProxy = self.server.proxy  # type: ignore[attr-defined]
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(proxy.engine)
            back = threading.Thread(target=self._hand_back, args=(engine,), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while self._hand_on(proxy, engine):
                    pass
                engine.shutdown(socket.SHUT_WR)
            back.join()

    def _hand_on(self, proxy: EngineProxy, engine: socket.socket) -> bool:
        """Hand a request on; returns whether there may be another one."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return False
            head += line
        lower = head.lower()
        if b"upgrade:" in lower or b"transfer-encoding: chunked" in lower:  # the rest is no request of interest
            engine.sendall(head)
            while chunk := self.request.recv(65536) if not self.rfile.peek() else self.rfile.read1():
                engine.sendall(chunk)
            return False
        length = re.search(rb"content-length: *(\d+)", lower)
        body = self.rfile.read(int(length[1])) if length else b""
        answer = proxy.answer(head, body)
        if answer is None:
            engine.sendall(head + body)
        else:
            status, said = answer
            reason = http.client.responses.get(status, "")
            fixed = (
                f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n"
            )
            self.request.sendall(fixed.encode() + said)
        return True

    def _hand_back(self, engine: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := engine.recv(65536):
                self.request.sendall(chunk)
            self.request.shutdown(socket.SHUT_WR)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


@contextlib.contextmanager
def in_front_of(engine_url: str, path: Path) -> Iterator[EngineProxy]:
    """Have a proxy of an engine listen at ``path``."""
    proxy = EngineProxy(f"unix://{path}", engine_url.removeprefix("unix://"))
    with _Server(str(path), _Handler) as server:
        server.proxy = proxy  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
