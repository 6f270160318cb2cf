"""Sides that need the peers' packages: asked in a process of their own interpreter, skipped where that cannot be.

What such a process does is in ``peer_sides.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness import Bench

SIDES = Path(__file__).with_name("peer_sides.py")
PATIENCE_SECONDS = 240.0

#: Ask the side once more, with these words; None if it failed, which :meth:`Bench.skip` has been told.
Ask = Callable[..., Any]


def variables(bench: Bench) -> dict[str, str]:
    """What a peer's process has in its environment: the peers' commands come first."""
    path = os.pathsep.join([str(Path(bench.peers).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "PYTHONWARNINGS": "ignore"}


@contextmanager
def peer(bench: Bench, side: str, *arguments: object) -> Iterator[Ask | None]:
    """Start a side of ``peer_sides.py`` and yield what asks it; None where its library is not to be had."""
    errors = bench.folder / f"{side}.stderr"
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            [bench.peers, SIDES, side, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=bench.folder,
            env=variables(bench),
            start_new_session=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    entry, answers = process.stdin, process.stdout

    def answer() -> Any:
        with _limited(process):
            line = answers.readline()
        if line:
            return json.loads(line)
        last = (errors.read_text().strip().splitlines() or ["no message"])[-1]
        bench.skip(f"{side} was not measured: {last[:200]}")
        return None

    def ask(*words: object) -> Any:
        with contextlib.suppress(BrokenPipeError):
            entry.write(json.dumps(words) + "\n")
            entry.flush()
        return answer()

    try:
        yield ask if answer() is not None else None
    finally:
        _end(process)
        answers.close()
        with contextlib.suppress(BrokenPipeError):
            entry.close()


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        address: its URL.
        ready: seconds from its start to its first answer.
        megabytes: memory (PSS) of all its processes by then.
    """

    address: str
    ready: float
    megabytes: float


@contextmanager
def mlflow_server(bench: Bench) -> Iterator[Server | None]:
    """MLflow's server as its documentation starts it, on SQLite; None where it does not start."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = bench.folder / "mlflow-server.log"
    begin = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen(
            [
                *(bench.peers, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
                *("--backend-store-uri", f"sqlite:///{bench.folder}/server.db"),
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=bench.folder,
            env=variables(bench),
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        while not (up := _answers(f"{address}/health")) and process.poll() is None:
            if time.monotonic() - begin > PATIENCE_SECONDS:
                break
            time.sleep(0.05)
        if not up:
            last = (log.read_text(errors="replace").strip().splitlines() or ["no message"])[-1]
            bench.skip(f"MLflow's server was not measured: {last[:200]}")
            yield None
        else:
            yield Server(address, time.monotonic() - begin, _memory(process.pid))
    finally:
        _end(process)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def _memory(pid: int) -> float:
    root = psutil.Process(pid)
    total = 0
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total / 1e6


@contextmanager
def _limited(process: subprocess.Popen[str]) -> Iterator[None]:
    timer = threading.Timer(PATIENCE_SECONDS, _end, [process])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(process: subprocess.Popen[Any]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
