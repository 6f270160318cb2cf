"""A JupyterLab with Traindock, in a process of its own, below a base URL as JupyterHub gives one."""

from __future__ import annotations

import json
import os
import re
import socket
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from benchmarks.servers import TOKEN, JupyterServer
from tests.conftest import wait_for

BASE_URL = "/user/ann/"
CARDS = "jupyterlab-traindock"

#: What a notebook is about when it is opened: the kernel of these tests.
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


class Lab:
    """Started when it is made, with the environment as it is then.

    Args:
        folder: a new folder, for notebooks and for all that Jupyter would keep in the user's home.
        extension: whether the server has Traindock's extension.
        labextension: whether pages have that of Traindock.
        default: folder of the workspace that pages show first; the server's choice if None.
        python: the interpreter that has JupyterLab; this one if None.
        options: more for its command line.
    """

    def __init__(
        self,
        folder: Path,
        *,
        extension: bool = True,
        labextension: bool = True,
        default: Path | None = None,
        python: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        folder.mkdir()
        self._options = [*options, *([] if default is None else [f"--TraindockApp.default_workspace={default}"])]
        self._python = python
        self.folder = folder
        self._extension = extension
        self._port = _free_port()
        self._environment = dict(os.environ)
        if python is not None:  # where "jupyter lab" looks for its program
            self._environment["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        # Nothing asks for news at home, and no window about them covers what is looked at.
        disabled = {"@jupyterlab/apputils-extension:announcements": True, CARDS: not labextension}
        settings = {"jupyter_lab_config.json": {"LabApp": {"expose_app_in_browser": True}}}
        settings["labconfig/page_config.json"] = {"disabledExtensions": disabled}
        # JupyterLab drops what a kernel proposes after a second, and the first proposals take longer on a busy machine.
        completer = "lab/user-settings/@jupyterlab/completer-extension/manager.jupyterlab-settings"
        settings[completer] = {"providerTimeout": 30_000}
        for name, content in settings.items():
            file = folder / "config" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content))
        self.start()

    def start(self) -> None:
        """Start it, at the address that it always had."""
        options = [f"--port={self._port}", "--ServerApp.port_retries=0", f"--ServerApp.base_url={BASE_URL}"]
        self.server = JupyterServer(
            self.folder,
            app="lab",
            extension=self._extension,
            options=[*options, *self._options],
            environment=self._environment,
            python=self._python,
        )
        try:
            if self._extension:  # Jupyter goes on without an extension that cannot be imported
                self.ask("traindock/api")
        except OSError as error:
            self.stop()
            raise AssertionError((self.folder / "server.log").read_text()) from error

    def kill(self) -> None:
        """End it without notice. Its kernels live on, and are found by nobody any more."""
        self.server.kill()

    def stop(self) -> None:
        """End it and its kernels."""
        self.server.stop()

    def address(self, notebook: str, app: str = "lab/tree") -> str:
        """Return where a page shows a notebook and nothing else, by the path of the application that does."""
        return f"{self.server.url}{app}/{notebook}?token={TOKEN}&reset"

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Ask the server for a document, by its path below the base URL."""
        request = urllib.request.Request(
            f"{self.server.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def wait_for_kept(self, pattern: str) -> None:
        """Wait until a page has kept what a pattern fits, for when it is loaded anew: it tells nobody when."""
        wait_for(lambda: re.search(pattern, json.dumps(self.ask("lab/api/workspaces"))), f"{pattern!r} to be kept")

    def kernel_of(self, notebook: str) -> str:
        """Return the id of the kernel of a notebook."""

        def found() -> str | None:
            return next((one["kernel"]["id"] for one in self.ask("api/sessions") if one["path"] == notebook), None)

        return str(wait_for(found, f"a kernel of {notebook}"))

    def is_busy(self, notebook: str) -> bool:
        """Whether a cell of the notebook is being executed."""
        kernel = self.ask(f"api/kernels/{self.kernel_of(notebook)}")
        return bool(kernel["execution_state"] == "busy")

    def end_kernels(self) -> None:
        """End all kernels, so that they are in nobody's way."""
        for session in self.ask("api/sessions"):
            self.ask(f"api/sessions/{session['id']}", "DELETE")

    def add_kernel(self, name: str, python: Path) -> Mapping[str, str]:
        """Offer another Python with ipykernel; return how notebooks name it."""
        folder = Path(self._environment["JUPYTER_DATA_DIR"]) / "kernels" / name
        folder.mkdir(parents=True, exist_ok=True)
        spec = {"display_name": f"Python 3 ({name})", "language": "python"}
        command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        (folder / "kernel.json").write_text(json.dumps({**spec, "argv": command}))
        return {"name": name, **spec}

    def write(self, notebook: str, *cells: Mapping[str, Any], kernel: Mapping[str, str] = KERNEL) -> Path:
        """Make a notebook of cells."""
        document = {"cells": list(cells), "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        file = self.folder / notebook
        file.write_text(json.dumps(document))
        return file


def code(source: str, *outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cell with code, and outputs that were saved with it."""
    return {
        "cell_type": "code",
        "id": f"cell{abs(hash(source)) % 10**9}",
        "metadata": {},
        "execution_count": 1 if outputs else None,
        "source": source,
        "outputs": list(outputs),
    }


def markdown(source: str) -> dict[str, Any]:
    """Return a cell with text."""
    return {"cell_type": "markdown", "id": f"cell{abs(hash(source)) % 10**9}", "metadata": {}, "source": source}


def output(data: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return an output as notebooks keep it."""
    return {"output_type": "display_data", "data": dict(data), "metadata": dict(metadata)}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def kernel_process(lab: Lab, notebook: str) -> psutil.Process:
    """Return the process of the kernel of a notebook."""
    kernel = lab.kernel_of(notebook)

    def found() -> psutil.Process | None:
        for process in psutil.process_iter(["cmdline"]):
            if any(f"kernel-{kernel}.json" in word for word in process.info["cmdline"] or []):
                return process
        return None

    return wait_for(found, f"the process of the kernel {kernel}")
