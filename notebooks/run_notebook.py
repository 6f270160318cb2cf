"""Execute a notebook from the terminal, and print what it prints while it runs.

``make tutorial`` calls it. The executed copy, with all outputs and figures, is kept in the folder ``tutorial``
beside the notebook; the notebook itself stays as it is.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError


class Teller(NotebookClient):
    """Prints headings and text outputs as the notebook goes along; Ctrl-C interrupts the cell, as in Jupyter."""

    interrupted = False

    def begin_cell(self, cell: Any, cell_index: int) -> None:
        """Print the headings of a text cell."""
        # In place of the handler of the base class, which ends the kernel below the waiting client.
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self.interrupt)
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("#"):
                    print(f"\n{line}", flush=True)

    def interrupt(self) -> None:
        """Interrupt the cell that is executed now, which then fails as any other."""
        self.interrupted = True
        self._interruption = asyncio.ensure_future(self.km.interrupt_kernel())

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Print streams, then do what the base class does."""
        if msg["msg_type"] == "stream":
            print(msg["content"]["text"], end="", flush=True)
        return super().output(outs, msg, display_id, cell_index)


def main() -> int:
    parser = argparse.ArgumentParser(description="Execute a notebook and keep the executed copy.")
    parser.add_argument("notebook", type=Path)
    path: Path = parser.parse_args().notebook
    # What the notebook makes goes where this script puts the executed copy, unless the user says otherwise.
    folder = Path(os.environ.setdefault("TUTORIAL_FOLDER", str(path.parent.absolute() / "tutorial")))
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / path.name
    notebook = nbformat.read(path, as_version=4)
    client = Teller(
        notebook,
        timeout=None,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=ERROR"],
    )
    client.on_cell_start = client.begin_cell
    failure = ""
    try:
        client.execute()
    except CellExecutionError as error:
        # A notebook that leaves by sys.exit(text) has said all there is: its code and a traceback explain nothing.
        failure = error.evalue if error.ename == "SystemExit" else str(error)
    except DeadKernelError as error:
        failure = str(error)
    nbformat.write(notebook, copy)
    if failure:
        print(f"\n{failure}\nThe notebook stopped there; executed so far: {copy}", file=sys.stderr)
        return 130 if client.interrupted else 1
    print(f"\nThe executed notebook: {copy}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
