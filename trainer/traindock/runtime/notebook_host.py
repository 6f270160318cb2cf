"""Executes a notebook as a job, for ``script_host.py``. Python 3.8 or later; nbclient and ipykernel are the job's own.

What a notebook meets here and not in JupyterLab:

- Its kernel is this job's own Python, whatever kernel the notebook names. Its working directory is the job's, and the
  notebook's folder is where it imports from first, as with a script.
- What cells print is printed as it comes, results and plots as their text, with ``In [3]:`` above the first of each
  cell. Cells that ask for input get an exception.
- ``outputs/<name>.ipynb`` is the notebook with its outputs so far: written after each cell, and at the end, whatever
  that is. Streams of more than :data:`MOST_PRINTED` characters are cut there, and whole in the log.
- A cell that raises ends the job, as an exception ends a script, unless it has the tag ``raises-exception``.
  ``sys.exit(3)`` ends it with that code, and ``sys.exit()`` as completed.
- A kernel that dies ends the job as if the script had died that way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, NoReturn

    Report = Callable[[Dict[str, Any]], None]

#: Characters of a cell's streams that are kept in the notebook.
MOST_PRINTED = 1000000
#: Seconds in which a kernel has to answer after its start.
START_SECONDS = 600
MAX_MESSAGE, MAX_LINES, MAX_LINE = 2000, 50, 400

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def run(path: str, report: Report) -> NoReturn:
    """Execute a notebook, and end as it ended.

    Args:
        path: the notebook, below the working directory.
        report: takes the record of what ended it, as ``script_host`` describes it.
    """
    notebook = _Notebook(path, report)
    try:
        from nbclient.exceptions import CellExecutionError, DeadKernelError

        client = notebook.client()
    except ImportError as error:
        notebook.fail(
            "ModuleNotFoundError",
            f"the job's environment cannot execute notebooks: {error}. Ask for the packages ipykernel and nbclient",
        )
    except Exception as error:  # noqa: BLE001 -- nbformat raises many kinds
        notebook.fail(type(error).__name__, f"{path} cannot be read as a notebook: {error}")
    try:
        asyncio.run(notebook.execute(client))
    except CellExecutionError as error:
        notebook.save()
        notebook.end_by(error)
    except DeadKernelError:
        notebook.save()
        notebook.end_by_death()
    except Exception as error:  # noqa: BLE001 -- what a library raises here is told, and not lost
        notebook.save()
        notebook.fail(type(error).__name__, f"{notebook.doing()}: {error}")
    finally:
        notebook.clean_up()
    if notebook.canceled:
        notebook.save()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    raise SystemExit(0)


class _Notebook:
    """A notebook, its kernel, and what has become of it."""

    def __init__(self, path: str, report: Report) -> None:
        self.canceled = False
        self._path = path
        self._report = report
        self._nb: Any = None
        self._client: Any = None
        self._manager: Any = None
        self._number = 0
        self._died: int | None = None
        self._said = b""
        self._folder = ""
        folder = os.path.join(os.getcwd(), "outputs")
        self._target = os.path.join(folder, os.path.basename(path))
        self._unfinished = os.path.join(folder, "." + os.path.basename(path) + ".new")

    def client(self) -> Any:
        """Read the notebook, and return what will execute it."""
        import ipykernel  # noqa: F401 -- where it is missing this is to be told, and not what a kernel says then
        import nbformat

        read: Any = nbformat.read
        self._nb = nb = read(self._path, as_version=4)
        nb.metadata["kernelspec"] = dict(_KERNEL)
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        self._manager = self._kernel_manager()
        self._client = _client_class()(
            nb, km=self._manager, kernel_name="python3", timeout=None, startup_timeout=START_SECONDS
        )
        return self._client

    def _kernel_manager(self) -> Any:
        from jupyter_client.kernelspec import KernelSpec
        from jupyter_client.manager import AsyncKernelManager

        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]

        class JobKernelManager(AsyncKernelManager):  # type: ignore[misc, unused-ignore]
            @property
            def kernel_spec(self) -> Any:
                return KernelSpec(argv=argv, display_name=_KERNEL["display_name"], language="python")

        import tempfile

        # Sockets of this folder are the user's own; ports of the machine could be listened at by anybody on it.
        self._folder = tempfile.mkdtemp(prefix="traindock-")
        if len(self._folder) > 60:  # a socket's path has 107 characters at most
            os.rmdir(self._folder)
            self._folder = tempfile.mkdtemp(prefix="traindock-", dir="/tmp")
        manager = JobKernelManager(connection_file=os.path.join(self._folder, "kernel.json"))
        manager.transport, manager.ip = "ipc", os.path.join(self._folder, "kernel")
        return manager

    async def execute(self, client: Any) -> None:
        """Execute one cell after the other; when told to end, end the kernel and return."""
        from nbclient.exceptions import DeadKernelError
        from nbclient.util import ensure_async

        task = asyncio.ensure_future(self._cells(client, ensure_async))
        loop = asyncio.get_running_loop()

        def cancel() -> None:
            self.canceled = True
            task.cancel()

        loop.add_signal_handler(signal.SIGTERM, cancel)
        try:
            await task
        except DeadKernelError:  # so says nbclient where it was canceled, too
            provisioner = getattr(self._manager, "provisioner", None)
            self._died = await provisioner.poll() if provisioner is not None else None
            if not self.canceled:
                raise
        except asyncio.CancelledError:
            pass
        finally:
            if self._manager.has_kernel:
                await ensure_async(self._manager.shutdown_kernel(now=self.canceled))

    async def _cells(self, client: Any, ensure_async: Any) -> None:
        folder = os.path.dirname(os.path.realpath(self._path))
        # What is written past Python comes by message, too: from the pipe it is wanted only where the kernel dies.
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        asyncio.get_running_loop().add_reader(reader, self._listen, reader)
        await client.async_start_new_kernel(cwd=os.getcwd(), env=_importing_from(folder), stdout=writer, stderr=writer)
        os.close(writer)
        await client.async_start_new_kernel_client()
        asked = await ensure_async(client.kc.kernel_info())
        answer = await client.async_wait_for_reply(asked)
        self._nb.metadata["language_info"] = answer["content"]["language_info"]
        for index, cell in enumerate(self._nb.cells):
            self._number, self._said = client.code_cells_executed + 1, b""
            await client.async_execute_cell(cell, index, execution_count=self._number)
            if cell.cell_type == "code":
                client.set_widgets_metadata()
                self.save()

    def _listen(self, reader: int) -> None:
        """Take what the kernel's process writes, of which the end is kept."""
        piece = os.read(reader, 65536)
        self._said = (self._said + piece)[-4096:]
        if not piece:
            asyncio.get_running_loop().remove_reader(reader)

    def doing(self) -> str:
        """Say what did not work when something else than a cell has failed."""
        return f"cell [{self._number}] could not be executed" if self._number else "the kernel did not start"

    def save(self) -> None:
        """Write the notebook as it is now; a full disk is told, and ends nothing."""
        import nbformat

        write: Any = nbformat.write
        try:
            os.makedirs(os.path.dirname(self._target), exist_ok=True)
            with open(self._unfinished, "w", encoding="utf-8") as file:
                write(self._nb, file)
            os.replace(self._unfinished, self._target)
        except (OSError, ValueError) as error:  # a full disk; text that is no UTF-8
            _say(f"traindock: the notebook cannot be written to outputs/: {getattr(error, 'strerror', None) or error}")

    def clean_up(self) -> None:
        """Remove what only the execution needed."""
        import shutil

        shutil.rmtree(self._folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(self._unfinished)

    def end_by(self, error: Any) -> NoReturn:
        """End as a cell's exception would end a script; it was printed as it came."""
        value = str(error.evalue)
        if error.ename == "SystemExit" and (value in ("", "None") or value.isdecimal()):
            code = int(value) if value.isdecimal() else 0
            _say(f"traindock: cell [{self._number}] ended the notebook; cells after it were not executed")
            if code:
                self._record("SystemExit", f"the notebook ended itself in cell [{self._number}]")
            raise SystemExit(code)
        self._record(error.ename, value, _plain("\n".join(self._client.raised)).splitlines())
        raise SystemExit(1)

    def end_by_death(self) -> NoReturn:
        """End as a script would have ended in the place of the kernel."""
        status = self._died
        how = "" if status is None else f" by signal {-status}" if status < 0 else f" with exit code {status}"
        text = f"the kernel ended{how} while cell [{self._number}] was executed"
        last = self._said.decode("utf-8", "replace").strip()
        if last:
            _say(last)
        _say("traindock: " + text)
        self._record("SystemExit", text)
        raise SystemExit(128 - status if status is not None and status < 0 else status or 1)

    def fail(self, kind: str, message: str) -> NoReturn:
        """End because nothing can be executed."""
        _say("traindock: " + message)
        self._record(kind, message)
        raise SystemExit(1)

    def _record(self, kind: str, message: str, lines: List[str] | None = None) -> None:
        self._report(
            {
                "type": kind,
                "message": message[:MAX_MESSAGE],
                "file": self._path if self._number else None,
                "cell": self._number or None,
                "line": None,
                "function": None,
                "traceback": [text[:MAX_LINE] for text in (lines or [message])[-MAX_LINES:]],
            }
        )


def _client_class() -> Any:
    """Return nbclient's class, which prints what comes, and keeps a bounded part of it."""
    from nbclient import NotebookClient

    class Client(NotebookClient):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.raised: List[str] = []
            self._named = -1
            self._printed = 0

        def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
            text, to_errors = _text_of(msg)
            if text:
                if self._named != cell_index:
                    self._named, self._printed = cell_index, 0
                    sys.stdout.write(f"In [{self.code_cells_executed}]:\n")
                stream = sys.stderr if to_errors else sys.stdout
                stream.write(text)
                stream.flush()
            if msg["msg_type"] == "error":
                self.raised = msg["content"]["traceback"]
            if msg["msg_type"] != "stream":
                return super().output(outs, msg, display_id, cell_index)
            before = self._printed
            self._printed += len(text)
            if before > MOST_PRINTED:
                return None
            if self._printed > MOST_PRINTED:
                text = text[: MOST_PRINTED - before] + "\n… The rest is in the log of the run.\n"
            msg["content"]["text"] = text
            last = outs[-1] if outs and not self.clear_before_next_output else {}
            hooked = self.output_hook_stack[msg["parent_header"].get("msg_id")]  # an Output widget takes it
            if not hooked and last.get("output_type") == "stream" and last["name"] == msg["content"]["name"]:
                last["text"] += text
                return last
            return super().output(outs, msg, display_id, cell_index)

    return Client


def _text_of(msg: Any) -> Any:
    """Return a message's output as text, "" where it has none, and whether it belongs to standard error."""
    kind, content = msg["msg_type"], msg["content"]
    if kind == "stream":
        return content["text"], content["name"] == "stderr"
    if kind == "error":
        return _plain("\n".join(content["traceback"]).rstrip("\n")) + "\n", True
    data = content.get("data", {}) if kind in ("execute_result", "display_data") else {}
    text = data.get("text/plain", "")
    text = text if isinstance(text, str) else "".join(text)
    return text + "\n" if text else "", False


def _importing_from(folder: str) -> Dict[str, str]:
    """Return variables for a kernel that imports from a folder before all others, but for Traindock's own part."""
    first, _, others = os.environ.get("PYTHONPATH", "").partition(os.pathsep)
    places = [first, folder, others] if folder != os.getcwd() else [first, others]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}


def _plain(text: str) -> str:
    return _COLOURS.sub("", text)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
