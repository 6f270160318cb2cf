"""A Jupyter server with the extension, in a process of its own, on loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

TOKEN = "secret"


class JupyterServer:
    """Started when it is made, with the environment as it is then; it serves once that returns.

    Args:
        folder: becomes its root and has its log.
        extension: whether Traindock's extension is on.
        app: which of Jupyter's applications it is: "server", or "lab".
        options: more for its command line.
        environment: its environment variables, if not those of this process.
        python: the interpreter that has Jupyter; this one if None.

    Attributes:
        url: where it answers, with a slash at its end.
    """

    def __init__(
        self,
        folder: Path,
        *,
        extension: bool = True,
        app: str = "server",
        options: Sequence[str] = ("--port=0",),
        environment: Mapping[str, str] = os.environ,
        python: Path | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        for left in folder.glob("jpserver-*"):  # of one that was killed
            left.unlink()
        self._log = folder / "server.log"
        own = {"JUPYTER_RUNTIME_DIR": str(folder), "JUPYTER_TOKEN": TOKEN, "PYTHONFAULTHANDLER": "1"}
        variables = {**environment, **own}
        command = [str(python or sys.executable), "-m", "jupyter", app, "--no-browser", "--allow-root", *options]
        on = f"--ServerApp.jpserver_extensions=jupyterlab_traindock={extension}"
        command += [f"--ServerApp.root_dir={folder}", on]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not ((url := self._url(folder)) and _answers(url)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text())
            time.sleep(0.02)
        self.url = url

    @staticmethod
    def _url(folder: Path) -> str:
        for file in folder.glob("jpserver-*.json"):
            try:
                return str(json.loads(file.read_text())["url"]).replace("localhost", "127.0.0.1")
            except ValueError:  # it is being written
                continue
        return ""

    def api(self, *parts: str, scheme: str = "http") -> str:
        """Return the URL of a path of the API."""
        return "/".join([self.url.replace("http", scheme, 1) + "traindock/api", *parts])

    def stop(self, seconds: float = 30) -> None:
        """End it and its kernels.

        Raises:
            RuntimeError: it has not ended in time; the text has the end of its log, and where each of its threads was.
        """
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(10)
            raise RuntimeError(self._log.read_text()[-20_000:]) from None

    def kill(self) -> None:
        """End it without notice."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


def _answers(url: str) -> bool:
    """Whether somebody listens: Jupyter says where it will before it does."""
    place = urlsplit(url)
    try:
        socket.create_connection((place.hostname, place.port), 10).close()
    except OSError:
        return False
    return True
