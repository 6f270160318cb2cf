"""What runs leave besides their metrics: files, logs, and the source folder that they were submitted with."""

from __future__ import annotations

import contextlib

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated, stream_request_body

from jupyterlab_traindock.handlers.streaming import StreamingHandler
from jupyterlab_traindock.managers.opened_file import OpenedFile
from jupyterlab_traindock.media_types import TEXT


@stream_request_body
class FilesHandler(StreamingHandler):
    """The files of a run."""

    path = "/workspaces/{workspace}/runs/{run}/files"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List them."""
        await self.answer_with(self.managers.files.list, self.arguments())


@stream_request_body
class FileHandler(StreamingHandler):
    """One file of a run."""

    path = "/workspaces/{workspace}/runs/{run}/files/content"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Send it."""
        await self.send_file(await self._open())

    @authenticated
    @authorized
    async def head(self, **_: str) -> None:
        """Say what it would be."""
        await self.send_file(await self._open())

    async def _open(self) -> OpenedFile:
        asked = self.arguments()
        return await self.off_loop(self.managers.files.open, asked["workspace"], asked["run"], asked["name"])


@stream_request_body
class LogsHandler(StreamingHandler):
    """The logs of a run."""

    path = "/workspaces/{workspace}/runs/{run}/logs"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List them."""
        await self.answer_with(self.managers.files.logs, self.arguments())


@stream_request_body
class LogHandler(StreamingHandler):
    """A part of one log of a run."""

    path = "/workspaces/{workspace}/runs/{run}/logs/content"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Send it."""
        part = await self.off_loop(self.managers.files.open_log, self.arguments())
        with contextlib.closing(part):
            self.set_header("Content-Type", TEXT)
            self.set_header("X-Content-Type-Options", "nosniff")
            self.set_header("Cache-Control", "no-store")
            self.set_header("X-Log-Size", part.size)
            self.set_header("X-Log-Offset", part.start)
            self.set_header("X-Log-Next-Offset", part.stop)
            self.set_header("Content-Length", part.stop - part.start)
            await self.stream(part.pieces())


@stream_request_body
class LogSearchHandler(StreamingHandler):
    """Lines of one log of a run that have a text."""

    path = "/workspaces/{workspace}/runs/{run}/logs/search"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Look for them."""
        await self.answer_with(self.managers.files.search_log, self.arguments())


@stream_request_body
class SnapshotHandler(StreamingHandler):
    """The source folder of a run."""

    path = "/workspaces/{workspace}/runs/{run}/snapshot"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List what it held when the run was submitted."""
        await self.answer_with(self.managers.snapshots.list, self.arguments())


@stream_request_body
class SnapshotFileHandler(StreamingHandler):
    """One file of the source folder of a run."""

    path = "/workspaces/{workspace}/runs/{run}/snapshot/content"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Send it."""
        asked = self.arguments()
        open_file = self.managers.snapshots.open
        await self.send_file(await self.off_loop(open_file, asked["workspace"], asked["run"], asked["name"]))


HANDLERS = (FilesHandler, FileHandler, LogsHandler, LogHandler, LogSearchHandler, SnapshotHandler, SnapshotFileHandler)
