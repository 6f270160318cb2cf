"""The server extension: its settings, its parts, and where they answer."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, cast

from jupyter_events import EventLogger
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from jupyter_server.services.contents.filemanager import FileContentsManager
from jupyter_server.services.contents.manager import ContentsManager
from traitlets import Int, List, Unicode

from jupyterlab_traindock.live.announcer import Announcer, schemas
from jupyterlab_traindock.live.hub import Hub
from jupyterlab_traindock.managers import Managers
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.tensorboards import TensorBoardManager
from traindock._version import __version__

#: Seconds between two glances at which workspaces there are.
GLANCE_SECONDS: Final = 1.0

#: Seconds that a server that stops waits for each part that has threads or processes.
STOP_SECONDS: Final = 10.0


class TraindockApp(ExtensionApp):
    """Runs, models and compute targets of the user's workspaces over HTTP.

    Its settings are those of any Jupyter extension: ``c.TraindockApp.default_workspace = "…"`` in
    ``jupyter_server_config.py``, or ``--TraindockApp.default_workspace=…``.
    """

    name = "jupyterlab_traindock"
    extension_url = "/traindock/api"
    load_other_extensions = True

    workspaces = List(
        Unicode(),
        help="Folders of the workspaces that may be opened. Empty: all that the user has made or opened before.",
    ).tag(config=True)
    default_workspace = Unicode(
        "",
        help="Name, id or folder of the workspace to show first. Empty: the one that a config.json in the server's "
        "root folder names, else the user's default workspace.",
    ).tag(config=True)
    max_body_bytes = Int(
        1 << 20,
        min=1024,
        help="Largest body of a request that sends no files, and largest configuration beside files, in bytes.",
    ).tag(config=True)
    max_upload_bytes = Int(64 << 20, min=1024, help="Largest body of a submit with its files, in bytes.").tag(
        config=True
    )
    max_subscriptions = Int(500, min=1, help="Most runs and lists that one page may follow.").tag(config=True)
    max_connections = Int(64, min=1, help="Most pages that may follow runs at once.").tag(config=True)
    max_unsent_bytes = Int(
        4 << 20, min=1 << 16, help="Most bytes that wait in the server for a page that does not read, in bytes."
    ).tag(config=True)
    threads = Int(6, min=2, help="How many requests may read the disk at once.").tag(config=True)

    look_seconds = Int(
        30, min=1, help="Seconds after which workspaces are looked for even though no folder of one has come or gone."
    ).tag(config=True)

    tensorboards_at_once = Int(4, min=1, help="How many TensorBoards there may be at once.").tag(config=True)
    tensorboard_idle_seconds = Int(
        900, min=1, help="Seconds after which a TensorBoard ends that nobody asks; the next question starts it again."
    ).tag(config=True)

    managers: Managers
    tensorboards: TensorBoardManager
    executor: ThreadPoolExecutor
    hub: Hub
    announcer: Announcer
    connected: set[object]
    _loop: asyncio.AbstractEventLoop
    _looking: asyncio.Task[None] | None = None
    _made: asyncio.Event

    def initialize_settings(self) -> None:
        """Make the parts that answer requests."""
        self.executor = ThreadPoolExecutor(self.threads, "traindock")
        contents = cast("ServerApp", self.serverapp).contents_manager
        folders = map(Path, self.workspaces)
        self.managers = Managers(
            OpenedWorkspaces(
                folders, self.default_workspace, root_of(contents), shows_hidden=bool(contents.allow_hidden)
            )
        )
        self.tensorboards = TensorBoardManager(
            self.managers.workspaces, self.tensorboards_at_once, self.tensorboard_idle_seconds
        )
        self.hub = Hub(self.managers.workspaces, self.managers.runs.described, self._failed)
        self.connected = set()
        self.announcer = Announcer(self.hub, self.managers.workspaces, self._emit)
        for schema in schemas():
            self._event_logger.register_event_schema(schema)

    def initialize_handlers(self) -> None:
        """Say which handler answers where."""
        from jupyterlab_traindock.handlers import routes

        self.handlers.extend(routes(self.extension_url))

    @property
    def limits(self) -> dict[str, int]:
        """What requests may be at most, by name."""
        names = ("max_body_bytes", "max_upload_bytes", "max_subscriptions", "max_connections", "max_unsent_bytes")
        return {name: getattr(self, name) for name in names}

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Tell Jupyter's event system of what happens from now on."""
        await super()._start_jupyter_server_extension(serverapp)  # type: ignore[no-untyped-call]
        self._loop = asyncio.get_running_loop()
        self._made = asyncio.Event()
        self._looking = self._loop.create_task(self._look_for_workspaces())

    async def _look_for_workspaces(self) -> None:
        while True:
            there = await self._folders()
            try:
                await self._loop.run_in_executor(self.executor, self.announcer.look)
            except Exception:  # the next look may fare better
                self.log.exception("Traindock cannot look for workspaces")
            await self._until_others_than(there)

    async def _until_others_than(self, there: list[Path] | None) -> None:
        """Wait until a workspace was made, here or elsewhere, or until it is time to look all the same."""
        deadline = self._loop.time() + self.look_seconds
        while self._loop.time() < deadline:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._made.wait(), GLANCE_SECONDS)
                self._made.clear()
                return
            if await self._folders() != there:
                return

    async def _folders(self) -> list[Path] | None:
        with contextlib.suppress(OSError):
            return await self._loop.run_in_executor(self.executor, self.managers.workspaces.folders)
        return None

    def workspace_made(self) -> None:
        """Have a workspace that was just made followed at once."""
        if self._looking is not None:
            self._made.set()

    @property
    def _event_logger(self) -> EventLogger:
        return cast("EventLogger", cast("ServerApp", self.serverapp).event_logger)

    def _emit(self, schema: str, event: dict[str, Any]) -> None:
        """Emit an event; called by the hub's thread."""
        logger = self._event_logger
        with contextlib.suppress(RuntimeError):  # the server stops, and its loop is closed
            self._loop.call_soon_threadsafe(lambda: logger.emit(schema_id=schema, data=event))

    async def stop_extension(self) -> None:
        """Give back threads and files when the server stops."""
        if self._looking is not None:
            self._looking.cancel()
        for what, end in (("what follows runs", self.hub.stop), ("TensorBoard", self.tensorboards.close)):
            if not await _ended(end):
                self.log.warning("Traindock: %s has not ended within %s seconds", what, STOP_SECONDS)
        self.managers.close()
        self.executor.shutdown(wait=False, cancel_futures=True)

    def _failed(self, error: BaseException) -> None:
        self.log.error("Traindock cannot follow runs as it should", exc_info=error)

    def about(self) -> dict[str, Any]:
        """What this server says of itself."""
        return {
            "name": "traindock",
            "version": __version__,
            "default_workspace": self.managers.workspaces.default_id(),
            "limits": self.limits,
        }


async def _ended(end: Callable[[], None]) -> bool:
    """Call what may take a while; return whether it is done, soon enough.

    In a thread of its own: those that the server shares may be busy with what never ends, and are waited for by Python.
    """
    thread = threading.Thread(target=end, name="traindock end", daemon=True)
    thread.start()
    deadline = time.monotonic() + STOP_SECONDS
    while thread.is_alive() and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return not thread.is_alive()


def root_of(contents: ContentsManager) -> Path | None:
    """Return the folder that the file browser shows; None where it shows no folder of this machine.

    Every manager of contents has a ``root_dir``, "/" if nobody says otherwise, whether or not it looks there.
    """
    return Path(contents.root_dir).expanduser().absolute() if isinstance(contents, FileContentsManager) else None
