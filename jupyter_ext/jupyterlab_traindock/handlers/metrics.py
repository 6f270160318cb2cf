"""Metrics of runs: what there is, charts, values, and all of it as a table; charts of what their jobs used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated, stream_request_body

from jupyterlab_traindock import json_text
from jupyterlab_traindock.handlers.accept import preferred
from jupyterlab_traindock.handlers.base import ApiHandler
from jupyterlab_traindock.handlers.streaming import StreamingHandler, disposition
from jupyterlab_traindock.managers.bucket_formats import as_binary, as_json
from jupyterlab_traindock.media_types import BYTES
from traindock.store.buckets import Buckets

_JSON = "application/json"
_CSV = "text/csv"


@stream_request_body
class MetricsHandler(StreamingHandler):
    """What a run has logged."""

    path = "/workspaces/{workspace}/runs/{run}/metrics"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List it."""
        await self.answer_with(self.managers.metrics.list, self.arguments())


@stream_request_body
class BucketsHandler(StreamingHandler):
    """Charts."""

    path = "/workspaces/{workspace}/runs/{run}/metrics/buckets"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Answer with the buckets of some metrics."""
        await self.answer_with_buckets(self.managers.metrics.buckets)

    async def answer_with_buckets(self, find: Callable[[Any], Sequence[tuple[str, Buckets]]]) -> None:
        """Answer with what ``find`` returns for the request, as JSON or as arrays."""
        asked = self.arguments()
        self.set_header("Vary", "Accept")
        kind = preferred(self.request.headers.get("Accept"), (_JSON, BYTES))
        series = await self.off_loop(find, asked)
        self.set_header("Content-Type", kind)
        await self.stream(as_json(series) if kind == _JSON else iter([await self.off_loop(as_binary, series)]))


@stream_request_body
class ResourcesHandler(BucketsHandler):
    """What a run's job used."""

    path = "/workspaces/{workspace}/runs/{run}/resources"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Answer with the buckets of it."""
        await self.answer_with_buckets(self.managers.metrics.resources)


@stream_request_body
class ValuesHandler(StreamingHandler):
    """What is no curve."""

    path = "/workspaces/{workspace}/runs/{run}/metrics/values"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Answer with it as it was logged."""
        self.finish(await self.off_loop(self._encoded, self.arguments()))

    def _encoded(self, asked: dict[str, Any]) -> bytes:
        # Each by itself: as long as one is written, nothing else in the process can compute.
        values, left_out = self.managers.metrics.values(asked)
        pairs = b",".join(json_text.of(name) + b":" + json_text.of(value) for name, value in values.items())
        return b'{"values":{' + pairs + b'},"left_out":' + json_text.of(left_out) + b"}"


@stream_request_body
class ExportHandler(StreamingHandler):
    """All points of all curves."""

    path = "/workspaces/{workspace}/runs/{run}/metrics/export"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Answer with them as a table."""
        asked = self.arguments()
        preferred(self.request.headers.get("Accept"), (_CSV,))
        pieces = await self.off_loop(self.managers.metrics.table, asked)
        self.set_header("Content-Type", f"{_CSV}; charset=utf-8; header=present")
        self.set_header("Content-Disposition", disposition(f"{asked['run']}-metrics.csv"))
        await self.stream(pieces)


@stream_request_body
class SparklinesHandler(ApiHandler):
    """Curves small enough for lists."""

    path = "/workspaces/{workspace}/sparklines"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Answer with those of some runs."""
        asked = self.arguments()
        self.finish(await self.off_loop(lambda: json_text.of({"sparklines": self.managers.sparklines.get(asked)})))


HANDLERS = (SparklinesHandler, MetricsHandler, BucketsHandler, ValuesHandler, ExportHandler, ResourcesHandler)
