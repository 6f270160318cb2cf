"""Real registries for the tests: Debian's docker-registry, at a port of this machine."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import wait_for

if TYPE_CHECKING:
    import docker

USER, PASSWORD = "me", "p@ss"
#: bcrypt's word for the above, as ``htpasswd -nbB`` gives it.
_HTPASSWD = "me:$2b$05$sc8wSLpuTlkhcb/j15uOI.CT9aKAAwHoGfkCowZcWYjkh1ncd76He\n"
#: How a handshake of TLS begins.
_TLS = b"\x16"


class NoRegistry(Exception):
    """There is no program for one on this machine."""


@dataclass(frozen=True)
class Served:
    """A registry that is at work.

    Attributes:
        address: its ``host:port``.
        storage: the folder of its images, which another may serve, too.
    """

    address: str
    storage: Path

    def tags(self, repository: str) -> list[str]:
        """The tags that a repository has."""
        folder = self.storage / "docker" / "registry" / "v2" / "repositories" / repository / "_manifests" / "tags"
        return sorted(path.parents[1].name for path in folder.glob("*/current/link"))


@contextlib.contextmanager
def serve(
    folder: Path,
    *,
    storage: Path | None = None,
    host: str = "127.0.0.1",
    password: bool = False,
    encrypted: bool = False,
) -> Iterator[Served]:
    """Serve a registry while this lasts.

    Args:
        folder: for its files; has to exist.
        storage: of another, to serve the same images; by default one of its own.
        host: where it listens; engines take addresses that begin with 127 without TLS, and no others.
        password: whether only :data:`USER` gets in, with :data:`PASSWORD`.
        encrypted: whether it speaks TLS, with a certificate that nobody trusts.
    """
    program = shutil.which("docker-registry") or shutil.which("registry")
    if program is None:
        raise NoRegistry("no docker-registry on this machine; Debian and Ubuntu: apt-get install docker-registry")
    address = f"{host}:{free_port()}"
    served = Served(address, storage or folder / "storage")
    configuration: dict[str, object] = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(served.storage)}, "delete": {"enabled": True}},
        "http": {"addr": address, **({"tls": _certificate(folder)} if encrypted else {})},
        "log": {"level": "warn"},
    }
    if password:
        (folder / "htpasswd").write_text(_HTPASSWD)
        configuration["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    file = folder / f"{address}.yml"
    file.write_text(json.dumps(configuration))  # JSON is YAML
    with file.with_suffix(".log").open("w") as log:
        process = subprocess.Popen([program, "serve", str(file)], stdout=log, stderr=log)
    try:
        wait_for(lambda: _listens(address, process), f"a registry at {address}")
        yield served
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port of loopback where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def log_in(folder: Path, address: str, password: str = PASSWORD) -> None:
    """Write what ``docker login`` would leave in ``config.json`` of Docker's folder of configuration."""
    told = base64.b64encode(f"{USER}:{password}".encode()).decode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {address: {"auth": told}}}))


def push(engine: docker.DockerClient, image: str, repository: str, tag: str = "1") -> None:
    """Push an image without any of Traindock, and without anybody being logged in."""
    engine.api.tag(image, repository, tag)
    for answer in engine.api.push(repository, tag, stream=True, decode=True, auth_config={}):
        assert "error" not in answer


class Gate:
    """An address of a registry where all that asks for an image, or brings one, waits until the gate is opened.

    Whether there is a registry at all is answered at once: an engine waits no longer than 15 seconds for that, and as
    long as it takes for the rest. It makes a connection for each request.

    Attributes:
        address: its ``host:port``.
        asked: set once somebody waits.
    """

    def __init__(self, target: str) -> None:
        self.asked = threading.Event()
        self._open = threading.Event()
        self._target = target
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def open(self) -> None:
        """Let all through, those that wait and those that come."""
        self._open.set()

    def close(self) -> None:
        """Let nobody in any more; those that wait go on waiting until they give up."""
        self._socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._socket.accept()
                threading.Thread(target=self._lead, args=(caller,), daemon=True).start()

    def _lead(self, caller: socket.socket) -> None:
        with contextlib.suppress(OSError):
            first = caller.recv(9, socket.MSG_PEEK | socket.MSG_WAITALL)
            if first != b"GET /v2/ " and not first.startswith(_TLS):
                self.asked.set()
                self._open.wait()
            host, _, port = self._target.partition(":")
            there = socket.create_connection((host, int(port)))
            threading.Thread(target=_copy, args=(there, caller), daemon=True).start()
            _copy(caller, there)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _certificate(folder: Path) -> dict[str, str]:
    made = {"certificate": str(folder / "certificate.pem"), "key": str(folder / "key.pem")}
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=registry.test"]
    command += ["-out", made["certificate"], "-keyout", made["key"]]
    subprocess.run(command, check=True, capture_output=True)
    return made


def _listens(address: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the registry ended; its log is beside its storage"
    host, _, port = address.partition(":")
    with socket.socket() as attempt:
        return attempt.connect_ex((host, int(port))) == 0
