"""Answers that are sent piece by piece, so that none of them is ever held as a whole."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import quote

from tornado.iostream import StreamClosedError
from tornado.web import stream_request_body

from jupyterlab_traindock.errors import ApiError
from jupyterlab_traindock.handlers.base import ApiHandler
from jupyterlab_traindock.handlers.ranges import UnsatisfiableRange, is_known, range_holds, wanted_range
from jupyterlab_traindock.managers.opened_file import OpenedFile
from jupyterlab_traindock.media_types import is_shown
from traindock.errors import TraindockError


@stream_request_body
class StreamingHandler(ApiHandler):
    """Sends what takes long to make, or much memory to hold."""

    @property
    def content_security_policy(self) -> str:
        """What comes from a run is no page of this server, whatever a browser takes it for."""
        return f"{super().content_security_policy}; sandbox"

    async def stream(self, pieces: Iterator[bytes]) -> None:
        """Send pieces, each made in a thread once the one before has been taken, and finish.

        What goes wrong before the first piece is an error as any other. Later only a connection that breaks off can
        tell whoever asks that what they have is not all.
        """
        try:
            while (piece := await self.off_loop(next, pieces, None)) is not None:
                self.write(piece)
                await self.flush()
        except StreamClosedError:
            return  # whoever asked has gone
        except (ApiError, TraindockError, OSError) as error:
            if not self._headers_written:
                raise
            self.log.warning(f"Traindock broke off an answer to {self.request.method} {self.request.path}: {error}")
            self.detach().close()
            return
        self.finish(set_content_type=self._headers["Content-Type"])

    async def send_file(self, opened: OpenedFile) -> None:
        """Answer with a file, or the part of it that the request wants, and close it."""
        with contextlib.closing(opened):
            modified = int(opened.modified)
            etag = f'"{opened.tag}"' if opened.settled else f'W/"{opened.tag}"'
            self.set_header("Etag", etag)
            self.set_header("Last-Modified", formatdate(modified, usegmt=True))
            self.set_header("Cache-Control", "private, no-cache")
            self.set_header("Accept-Ranges", "bytes")
            if is_known(self.request.headers, etag, modified):
                self.set_status(HTTPStatus.NOT_MODIFIED)
                self.finish()
                return
            self.set_header("Content-Type", opened.media_type)
            self.set_header("Content-Disposition", disposition(opened.last_name, shown=is_shown(opened.media_type)))
            self.set_header("X-Content-Type-Options", "nosniff")
            start, stop = 0, opened.size
            if self.request.method == "GET" and range_holds(self.request.headers, etag, modified):
                try:
                    part = wanted_range(self.request.headers.get("Range"), opened.size)
                except UnsatisfiableRange:
                    self._refuse_range(opened.size)
                    return
                if part is not None:
                    start, stop = part
                    self.set_status(HTTPStatus.PARTIAL_CONTENT)
                    self.set_header("Content-Range", f"bytes {start}-{stop - 1}/{opened.size}")
            self.set_header("Content-Length", stop - start)
            await self.stream(iter(()) if self.request.method == "HEAD" else opened.pieces(start, stop))

    def _refuse_range(self, size: int) -> None:
        asked = self.request.headers.get("Range", "")
        error = ApiError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "range_not_satisfiable",
            f"Range is {asked!r:.100}, and the file has {size:,} bytes",
            "Ask for bytes that it has, or for all of it without a range.",
        )
        self.clear()
        self.set_status(error.status)
        self.set_header("Content-Range", f"bytes */{size}")
        self.finish(json.dumps(error.document()))


def disposition(name: str, *, shown: bool = False) -> str:
    """Return the ``Content-Disposition`` of a file (RFC 6266), with a name that old programs understand as well.

    Args:
        name: the file's, without folders.
        shown: whether a browser may show it; else it offers to save it.
    """
    plainly = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in " ._()+-") else "_" for letter in name
    )
    kind = "inline" if shown else "attachment"
    exact = "" if plainly == name else f"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    return f'{kind}; filename="{plainly}"{exact}'
