"""Container engines for the tests: finding one that answers, and starting one's own.

Standard library only, since ``.ci/engine`` uses it before anything is installed.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

#: The engine that ``.ci/engine start`` starts: what goes with a restart, and what needs a disk.
OURS_RUNNING = Path("/run/traindock-test-engine")
OURS_KEPT = Path("/var/lib/traindock-test-engine")

#: Said by dockerd after one that was killed; the second start succeeds.
_PASSES = "timeout waiting for containerd to start"


class EngineFailed(Exception):
    """An engine could not be started or stopped; the text ends with its last words."""


class UnixConnection(http.client.HTTPConnection):
    """A connection to a socket of this machine."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def answers(url: str, timeout: float = 5.0) -> bool:
    """Return whether an engine answers at ``url``."""
    scheme, _, rest = url.partition("://")
    connection: http.client.HTTPConnection
    if scheme == "unix":
        connection = UnixConnection(rest, timeout)
    elif scheme in ("tcp", "http"):
        connection = http.client.HTTPConnection(rest, timeout=timeout)
    else:
        return False
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def addresses(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return where an engine may be listening; the first that answers is used.

    Who names one by ``TRAINDOCK_TEST_ENGINE`` or ``DOCKER_HOST`` gets no other.
    """
    for name in ("TRAINDOCK_TEST_ENGINE", "DOCKER_HOST"):
        if environ.get(name):
            return [environ[name]]
    found = ["unix:///var/run/docker.sock"]
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        found += [f"unix://{runtime}/docker.sock", f"unix://{runtime}/podman/podman.sock"]
    return [*found, f"unix://{OURS_RUNNING}/docker.sock"]


def find(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the address of an engine that answers."""
    return next((url for url in addresses(environ) if answers(url)), None)


class OwnEngine:
    """A dockerd with folders, a pidfile, a socket and a network of its own; needs root.

    Neither the interface ``docker0`` nor the packet filter's chains of another engine are touched: one engine deletes
    what is the other's, even one that is told to have no network.

    Args:
        running: for its socket, pidfile, log and sockets of containers; a short path, since sockets allow 107 bytes.
        kept: its data root; by default in ``running``.
        flags: more flags of dockerd's.
        network: ``own`` puts it into a network namespace of its own, which reaches nothing; ``host`` lets it reach
            what this machine reaches, but not its containers; ``nat`` them too.
        disk_bytes: its data root is a file system of this size.
    """

    def __init__(
        self,
        running: Path,
        kept: Path | None = None,
        flags: Sequence[str] = (),
        network: str = "own",
        disk_bytes: int | None = None,
    ) -> None:
        self.running = running
        self.data = (kept or running) / "data"
        self.flags = list(flags)
        self.network = network
        self.disk_bytes = disk_bytes
        self.url = f"unix://{running}/docker.sock"
        self.log = running / "log"
        #: The image for its containers, once somebody has put one there.
        self.base_image = ""

    @property
    def pid(self) -> int | None:
        """The engine's process, or None while it does not run."""
        return self._process_in(self.running / "pid")

    def _process_in(self, pidfile: Path) -> int | None:
        """Return the process named in ``pidfile`` if it is one of ours."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(pidfile.read_text())
            if f"{self.running}/exec".encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return None

    def client(self, timeout: float = 60.0) -> Any:
        """Return a docker-py client of this engine."""
        import docker

        return docker.DockerClient(base_url=self.url, timeout=timeout)

    def start(self, seconds: float = 60.0) -> None:
        """Start it, and return once it answers.

        Raises:
            EngineFailed: it did not, or another engine answers there.
        """
        if answers(self.url):
            raise EngineFailed(f"an engine answers at {self.url} already: a second one would take its socket away")
        self.running.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.data.mkdir(mode=0o711, parents=True, exist_ok=True)  # remapped users have to pass
        if self.disk_bytes is not None and not self.data.is_mount():
            options = f"size={self.disk_bytes},mode=0710"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "traindock-test", str(self.data)], check=True)
        link = self._link()
        for _ in range(2):
            if self._try_to_start(link, seconds):
                return
            if _PASSES not in last_lines(self.log):
                break
        raise EngineFailed(f"dockerd did not start:\n{last_lines(self.log)}")

    def _link(self) -> list[str]:
        """Return the flags for its network, made if need be."""
        if self.network == "own":
            return ["--iptables=false", "--ip-masq=false"]
        record = self.running / "bridge.json"
        if not record.exists():
            record.write_text(json.dumps(_make_bridge(nat=self.network == "nat")))
        return ["--iptables=false", "--ip-masq=false", f"--bridge={json.loads(record.read_text())['name']}"]

    def _try_to_start(self, link: Sequence[str], seconds: float) -> bool:
        # Those that a killed engine left would be believed: dockerd refuses to start, or waits 15 s for containerd.
        for file in (self.running / "pid", self.running / "exec/containerd/containerd.pid"):
            if self._process_in(file) is None:
                file.unlink(missing_ok=True)
        command = ["unshare", "--net"] if self.network == "own" else []
        command += ["dockerd", "--data-root", str(self.data), "--exec-root", str(self.running / "exec")]
        command += ["--pidfile", str(self.running / "pid"), "-H", self.url, *link, *self.flags]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and process.poll() is None:
            if answers(self.url):
                self._reap_when_it_ends(process)
                return True
            time.sleep(0.05)
        process.kill()
        process.wait()
        return False

    def _reap_when_it_ends(self, process: subprocess.Popen[bytes]) -> None:
        threading.Thread(target=process.wait, daemon=True).start()

    def stop(self, seconds: float = 60.0) -> None:
        """End it as a service manager does, by SIGTERM."""
        self._end(signal.SIGTERM, seconds)

    def kill(self, seconds: float = 60.0) -> None:
        """End it by SIGKILL, as it ends when memory is short."""
        self._end(signal.SIGKILL, seconds)

    def _end(self, how: signal.Signals, seconds: float) -> None:
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, how)
        deadline = time.monotonic() + seconds
        while self.pid == pid:
            if time.monotonic() > deadline:
                raise EngineFailed(f"dockerd, process {pid}, did not end:\n{last_lines(self.log)}")
            time.sleep(0.02)

    def remove(self) -> None:
        """End it and what it left behind: containers, mounts, control groups, folders."""
        try:
            self.stop()
        except EngineFailed:
            self.kill()
        ids = [path.name for path in self.data.glob("containers/*")] if self.data.is_dir() else []
        # Each shim has left our process tree; what it was started with names our folder.
        while shims := list(_processes_naming(f"{self.running}/exec/")):
            for pid in shims:
                for victim in (*_children_of(pid), pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(victim, signal.SIGKILL)
            time.sleep(0.02)
        for folder in (self.running, self.data.parent):
            for mount in _mounts_below(folder):
                subprocess.run(["umount", "-l", mount], check=False, stderr=subprocess.DEVNULL)
        for name in ids:
            for group in Path("/sys/fs/cgroup").glob(f"**/docker/{name}"):
                with contextlib.suppress(OSError):
                    group.rmdir()
        with contextlib.suppress(FileNotFoundError):
            _remove_bridge(json.loads((self.running / "bridge.json").read_text()))
        shutil.rmtree(self.data.parent, ignore_errors=True)
        shutil.rmtree(self.running, ignore_errors=True)


def last_lines(file: Path, lines: int = 15) -> str:
    """Return the end of a log that may not be there."""
    with contextlib.suppress(FileNotFoundError):
        return "\n".join(file.read_text("utf-8", "replace").splitlines()[-lines:])
    return ""


def _make_bridge(nat: bool) -> dict[str, Any]:
    """Make a bridge whose addresses nobody here uses; ``nat`` lets its containers reach what this machine reaches."""
    routes = json.loads(_output("ip", "-json", "-4", "route"))
    used = [ipaddress.ip_network(route["dst"]) for route in routes if route["dst"] != "default"]
    subnets = (ipaddress.ip_network(f"172.{second}.{third}.0/24") for second in (31, 30, 29) for third in range(250))
    subnet = next(subnet for subnet in subnets if not any(subnet.overlaps(other) for other in used))
    name = f"tdt{os.getpid()}x{time.monotonic_ns() % 1000}"
    _output("ip", "link", "add", "name", name, "type", "bridge")
    _output("ip", "addr", "add", f"{subnet[1]}/{subnet.prefixlen}", "dev", name)
    _output("ip", "link", "set", name, "up")
    rules = []
    if nat:
        rules = [
            ["nat", "POSTROUTING", "-s", str(subnet), "!", "-o", name, "-j", "MASQUERADE"],
            ["filter", "FORWARD", "-i", name, "-j", "ACCEPT"],
            ["filter", "FORWARD", "-o", name, "-j", "ACCEPT"],
        ]
    for table, chain, *rule in rules:
        _output("iptables", "-w", "-t", table, "-I", chain, *rule)
    return {"name": name, "rules": rules}


def _remove_bridge(bridge: Mapping[str, Any]) -> None:
    for table, chain, *rule in bridge["rules"]:
        with contextlib.suppress(EngineFailed):
            _output("iptables", "-w", "-t", table, "-D", chain, *rule)
    with contextlib.suppress(EngineFailed):
        _output("ip", "link", "del", bridge["name"])


def _output(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise EngineFailed(f"{' '.join(command)}: {result.stderr.strip()}")
    return result.stdout


def _processes_naming(text: str) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if text.encode() in (folder / "cmdline").read_bytes() and int(folder.name) != os.getpid():
                yield int(folder.name)


def _children_of(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _mounts_below(folder: Path) -> list[str]:
    """Return the mount points at and below ``folder``, the deepest first."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted((at for at in points if f"{at}/".startswith(f"{folder}/")), key=len, reverse=True)
