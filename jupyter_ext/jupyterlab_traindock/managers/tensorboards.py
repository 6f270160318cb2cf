"""TensorBoards of one run or several: which processes there are, and where each one answers.

Each is a process of its own (``jupyterlab_traindock.tensorboard_process``), so that reading event files of gigabytes
neither holds up the server nor stays in its memory. It listens on a socket in a folder that nobody else may enter:
TensorBoard asks nobody who they are, and a port on loopback is open to all users of a machine. It ends when nobody has
asked for a while, and is started again by the next question.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeAlias

from jupyterlab_traindock.errors import ApiError, invalid
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock.run import Run
from traindock.store.layout import WorkspaceLayout

#: Below the server's base URL.
PREFIX: Final = "traindock/tensorboard"
#: An address of this kind takes about a hundred bytes.
_LONGEST_FOLDER: Final = 90
_LAST_WORDS: Final = 2000
#: Of a run, those that have what its job writes.
_FOLDERS: Final = frozenset({"logs", "outputs"})
_END_SECONDS: Final = 5.0
#: Runs that one TensorBoard shows at most, and what stands between their ids in its address.
MOST_RUNS: Final = 10
BETWEEN: Final = ","


#: Of which workspace, and which runs.
_Key: TypeAlias = tuple[str, tuple[str, ...]]


def url_of(workspace_id: str, run_id: str, event_files: Sequence[str]) -> dict[str, str] | None:
    """Return where the TensorBoard of a run is, below the server's base URL; None where it has nothing to show.

    Args:
        workspace_id: where.
        run_id: which.
        event_files: the folders in which the run has event files.
    """
    return {"url": f"{PREFIX}/{workspace_id}/{run_id}/"} if event_files else None


@dataclass
class Board:
    """One process.

    Attributes:
        folders: of each run by its id, which it shows: "logs", "outputs" or both.
        place: its folder in the file system, with its socket.
        process: it.
        used: when it was asked last, by a clock that only goes forward.
    """

    folders: Mapping[str, tuple[str, ...]]
    place: Path
    process: subprocess.Popen[bytes]
    used: float = field(default_factory=time.monotonic)

    @property
    def socket(self) -> Path:
        """Where it answers, once it does."""
        return self.place / "socket"

    def answers(self) -> bool:
        """Whether it answers already, or still.

        Raises:
            ApiError: it has ended; the text has its last words.
        """
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.setblocking(False)  # one that is stuck must not hold up the server
            connection.connect(str(self.socket))
            return True
        if self.process.poll() is None:
            return False
        raise ApiError(
            HTTPStatus.BAD_GATEWAY,
            "tensorboard_failed",
            f"TensorBoard ended with exit code {self.process.returncode}: {self.last_words() or 'it said nothing'}",
            "Try `tensorboard --version` where Jupyter runs; `pip install -U tensorboard` installs the newest one.",
        )

    def last_words(self) -> str:
        """What it has said, or the end of that."""
        with contextlib.suppress(OSError):
            return (self.place / "log").read_bytes()[-_LAST_WORDS:].decode("utf-8", "replace").strip()
        return ""

    def tell_end(self) -> None:
        """Have it end, and do not wait for that."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()  # by which it knows

    def end(self) -> None:
        """End it, and remove what it has left. That may take seconds."""
        self.tell_end()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.place, ignore_errors=True)


class TensorBoardManager:
    """The TensorBoards of the runs of the workspaces.

    Args:
        workspaces: what may be opened.
        most: how many there are at once at most; for one more, the one that was asked longest ago ends.
        idle_seconds: how long one lives that nobody asks.
    """

    def __init__(self, workspaces: OpenedWorkspaces, most: int = 4, idle_seconds: float = 900) -> None:
        self._workspaces = workspaces
        self._most = most
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._boards: dict[_Key, Board] = {}
        self._ending: list[threading.Thread] = []

    def board(self, workspace_id: str, runs: str, *, anew: bool = True) -> Board:
        """Return the process for one run or several; one that was just started may not answer yet.

        Args:
            workspace_id: where.
            runs: ids of up to :data:`MOST_RUNS`, with :data:`BETWEEN` between them.
            anew: whether to look if they have event files elsewhere by now: where a page begins.

        Raises:
            ApiError: TensorBoard is not installed, none of the runs has something for it, or they are too many.
            RunNotFoundException: there is no such run.
        """
        key = _key(workspace_id, runs)
        ids = key[1]
        if len(ids) > MOST_RUNS:
            raise invalid(f"one TensorBoard shows {MOST_RUNS} runs at most, not {len(ids)}: select fewer")
        workspace = self._workspaces.get(workspace_id)
        found = [Run.get(workspace, run_id) for run_id in ids]
        with self._lock:
            board = self._boards.get(key)
            if board is None or board.process.poll() is not None or anew:
                folders = {run.id: own for run in found if (own := _folders_of(run))}
                if not folders:
                    raise _nothing_to_show(ids)
                if board is None or board.process.poll() is not None or board.folders != folders:
                    self._end(key)
                    board = self._boards[key] = self._start(workspace.layout, folders)
                    self._end_the_oldest()
            board.used = time.monotonic()
            return board

    def failed(self, workspace_id: str, runs: str, board: Board) -> None:
        """Forget a process that does not answer, so that the next question starts another one."""
        key = _key(workspace_id, runs)
        with self._lock:
            if self._boards.get(key) is board:
                self._end(key)

    def close(self) -> None:
        """End all of them, and wait for that."""
        with self._lock:
            for key in list(self._boards):
                self._end(key)
            ending = self._ending
        for thread in ending:
            thread.join()

    def _end(self, key: _Key) -> None:
        """End one without waiting: whoever asks for another one must not wait for it."""
        board = self._boards.pop(key, None)
        if board is not None:
            board.tell_end()
            thread = threading.Thread(target=board.end, name="traindock-tensorboard-end")
            thread.start()
            self._ending = [*(one for one in self._ending if one.is_alive()), thread]

    def _end_the_oldest(self) -> None:
        for key, board in list(self._boards.items()):
            if board.process.poll() is not None:
                self._end(key)
        while len(self._boards) > self._most:
            self._end(min(self._boards, key=lambda key: self._boards[key].used))

    def _start(self, workspace: WorkspaceLayout, folders: Mapping[str, tuple[str, ...]]) -> Board:
        if not installed():
            raise _not_installed()
        place = Path(tempfile.mkdtemp(prefix="traindock-"))
        if len(os.fsencode(place)) > _LONGEST_FOLDER:
            place.rmdir()
            place = Path(tempfile.mkdtemp(prefix="traindock-", dir="/tmp"))
        try:
            shown = place / "shown"
            shown.mkdir()
            module = "jupyterlab_traindock.tensorboard_process"
            with (place / "log").open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", module, str(place / "socket"), str(shown), str(self._idle_seconds)]
                    + [word for named in _named(workspace, folders) for word in named],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=place,  # nothing that lies in the server's root may be imported in place of what is meant
                    env=_variables(os.environ),
                    start_new_session=True,  # a Ctrl-C in the server's terminal is a question to the server
                )
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return Board(folders, place, process)


def _key(workspace_id: str, runs: str) -> _Key:
    """Return the key of the runs of an address, in whichever order it names them."""
    return workspace_id, tuple(sorted(set(runs.split(BETWEEN))))


def _folders_of(run: Run) -> tuple[str, ...]:
    """Return which of a run's folders have event files."""
    named = {folder.strip("'\"").partition("/")[0] for folder in run.record.event_files}
    return tuple(sorted(named & _FOLDERS))  # a record that is not signed by this user may name any


def _named(workspace: WorkspaceLayout, folders: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str, str]]:
    """Yield folders as the process is told of them: under its run's id, by which TensorBoard then calls it."""
    for run_id, own in folders.items():
        for folder in own:
            name = run_id if len(own) == 1 else f"{run_id}/{folder}"
            yield name, str(workspace.run(run_id).root), folder


def installed() -> bool:
    """Whether there is a TensorBoard where this server runs; it may have been installed a moment ago."""
    importlib.invalidate_caches()
    return importlib.util.find_spec("tensorboard") is not None


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a process: without the server's token, which it has no use for."""
    return {name: value for name, value in environment.items() if name not in ("JUPYTER_TOKEN", "JUPYTERHUB_API_TOKEN")}


def _not_installed() -> ApiError:
    return ApiError(
        HTTPStatus.NOT_IMPLEMENTED,
        "tensorboard_not_installed",
        "TensorBoard is not installed where this Jupyter server runs",
        "Install it there, by `pip install tensorboard`, and reload this page. The server need not be restarted. "
        "The run's scalars are in its card without it.",
    )


def _nothing_to_show(ids: Sequence[str]) -> ApiError:
    told = f"run {ids[0]} has no" if len(ids) == 1 else f"none of the runs {', '.join(ids)} has"
    return ApiError(
        HTTPStatus.NOT_FOUND,
        "no_event_files",
        f"{told} TensorBoard event files so far",
        'Have its script write them below ./logs, such as by SummaryWriter("logs"), and reload this page.',
    )
