"""The HTTP side: one thin handler for each path of the OpenAPI document."""

from __future__ import annotations

import re

from tornado.web import RequestHandler

from jupyterlab_traindock.handlers import (
    computes,
    files,
    metrics,
    models,
    runs,
    scripts,
    server,
    tensorboard,
    workspaces,
)
from jupyterlab_traindock.handlers.base import ApiHandler
from jupyterlab_traindock.handlers.live import LiveHandler

#: All handlers; each says its path.
HANDLERS: tuple[type[ApiHandler], ...] = (
    *server.HANDLERS,
    *workspaces.HANDLERS,
    *runs.HANDLERS,
    *models.HANDLERS,
    *computes.HANDLERS,
    *metrics.HANDLERS,
    *files.HANDLERS,
    *scripts.HANDLERS,
)


def routes(prefix: str) -> list[tuple[str, type[RequestHandler]]]:
    """Return what is answered where: the paths of the document, the websocket, and TensorBoard.

    Args:
        prefix: what stands before each path of the document.
    """
    answered = [(_pattern(prefix, handler.path), handler) for handler in HANDLERS]
    live = (_pattern(prefix, LiveHandler.path), LiveHandler)
    board = (tensorboard.PATTERN, tensorboard.TensorBoardHandler)
    return [*answered, live, (f"{prefix}/.*", server.UnknownPathHandler), board]


def _pattern(prefix: str, path: str) -> str:
    named = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
    return f"{prefix}/?" if path == "/" else f"{prefix}{named}"
