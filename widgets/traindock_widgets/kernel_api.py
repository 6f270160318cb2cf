"""The server's API in a kernel: what views ask for over a widget's comm where there is no server of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from jupyterlab_traindock import api_document
from jupyterlab_traindock.errors import invalid, not_found, of_exception
from jupyterlab_traindock.managers import Managers
from jupyterlab_traindock.managers.bucket_formats import as_json
from jupyterlab_traindock.managers.opened_file import OpenedFile
from traindock.documents import plain

#: Most bytes of a file that go over a comm at once: Jupyter sends some 10 MB a second.
MOST_BYTES: Final = 4 << 20

_RANGE: Final = re.compile(r"bytes=(\d+)-(\d+)")

#: What the work of an operation returns: a document, or bytes.
Answer = Any


class KernelApi:
    """Answers requests of views.

    Args:
        managers: what does the work, for the workspaces of the runs that are shown.
    """

    def __init__(self, managers: Managers) -> None:
        self._managers = managers
        self._work: Mapping[str, Callable[[dict[str, Any], Any, Mapping[str, str]], Answer]] = {
            "getRun": lambda asked, *_: managers.runs.get(asked["workspace"], asked["run"]),
            "changeRun": lambda asked, body, _: managers.runs.change(asked["workspace"], asked["run"], body),
            "cancelRun": lambda asked, *_: managers.runs.cancel(asked["workspace"], asked["run"]),
            "resubmitRun": self._resubmit,
            "listRuns": lambda asked, *_: managers.runs.list(asked),
            "listRunGroups": lambda asked, *_: managers.runs.groups(asked),
            "listFiles": lambda asked, *_: managers.files.list(asked),
            "getFile": self._file,
            "listMetrics": lambda asked, *_: managers.metrics.list(asked),
            "getSparklines": lambda asked, *_: {"sparklines": managers.sparklines.get(asked)},
            "getBuckets": lambda asked, *_: json.loads(b"".join(as_json(managers.metrics.buckets(asked)))),
            "getSnapshot": lambda asked, *_: managers.snapshots.list(asked),
            "getSnapshotFile": self._snapshot_file,
            "listModels": lambda asked, *_: managers.models.list(asked),
            "getModel": lambda asked, *_: managers.models.versions(asked),
            "registerModel": lambda asked, body, _: managers.models.register(asked["workspace"], body),
            "listAliases": lambda asked, *_: managers.aliases.list(asked["workspace"], asked["model"]),
            "listAliasMoves": lambda asked, *_: managers.aliases.history(asked),
            "setAlias": lambda asked, body, _: managers.aliases.set(
                asked["workspace"], asked["model"], asked["alias"], body
            ),
            "rollBackAlias": lambda asked, body, _: managers.aliases.roll_back(
                asked["workspace"], asked["model"], asked["alias"], body
            ),
        }

    def answer(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        """Do what is asked for.

        Args:
            method: as in HTTP.
            path: below the API, with its query.
            body: a JSON value; None where there is none.
            headers: those that matter: ``Range``.

        Returns:
            A value for JSON, or bytes.

        Raises:
            ApiError: what a server would answer, too.
        """
        operation, names = _operation(method.lower(), urlsplit(path).path)
        asked = operation.arguments(names, parse_qs(urlsplit(path).query, keep_blank_values=True))
        work = self._work.get(operation.id)
        if work is None:
            raise not_found("not_found", f"{method} {path:.200} is not answered by a kernel")
        document = {} if body is None and not operation.body_required else body
        if operation.body is not None:
            operation.body.check(document)
        try:
            found = work(asked, document, headers)
        except Exception as error:
            raise of_exception(error, self._managers.workspaces.places()) from error
        return found if isinstance(found, bytes) else plain(found)

    def _resubmit(self, asked: dict[str, Any], body: Any, _: Mapping[str, str]) -> Answer:
        run = self._managers.runs.resubmit(asked["workspace"], asked["run"], body)
        return {"url": "", "run": run}

    def _file(self, asked: dict[str, Any], _: Any, headers: Mapping[str, str]) -> bytes:
        return _content(self._managers.files.open(asked["workspace"], asked["run"], asked["name"]), headers)

    def _snapshot_file(self, asked: dict[str, Any], _: Any, headers: Mapping[str, str]) -> bytes:
        return _content(self._managers.snapshots.open(asked["workspace"], asked["run"], asked["name"]), headers)


def _content(file: OpenedFile, headers: Mapping[str, str]) -> bytes:
    """Return what is in a file, or the range of it that is wanted; close it."""
    with closing(file) as opened:
        start, stop = 0, opened.size
        if wanted := _RANGE.fullmatch(headers.get("Range", "")):
            start, stop = min(opened.size, int(wanted[1])), min(opened.size, int(wanted[2]) + 1)
        if stop - start > MOST_BYTES:
            raise invalid(f"{opened.name} has {opened.size:,} bytes: a kernel sends {MOST_BYTES:,} at once at most")
        return b"".join(opened.pieces(start, stop))


def _operation(method: str, path: str) -> tuple[api_document.Operation, dict[str, str]]:
    for pattern, template in _patterns():
        if found := pattern.fullmatch(path):
            operation = api_document.operations(template).get(method)
            if operation is not None:
                return operation, {name: unquote(value) for name, value in found.groupdict().items()}
    raise not_found("not_found", f"the API has no {method.upper()} {path:.200}")


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    found = []
    for template in api_document.document()["paths"]:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
        found.append((re.compile(pattern), template))
    return found
