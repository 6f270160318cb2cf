"""Serving what a running job asks for: see ``runtime.requests`` for the requests and their forms.

A request is data from a script, so it is checked like any user's input, and it can only concern the job's own run
and the children that the job has made.
It stays in its folder until it was carried out; each is carried out once, though a dispatcher may die in between:
records that a request makes carry the request's id.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from traindock.dispatcher.children import Children
from traindock.errors import StoreException, TraindockError, UserErrorException, WorkspaceReadOnlyException
from traindock.model import Model
from traindock.run import Run
from traindock.runtime.children import child_tags
from traindock.store.copying import may_pass
from traindock.store.files import write_json
from traindock.store.run_records import RunFolder
from traindock.workspace import Workspace

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,100}\.json")
_MAX_BYTES = 1_000_000


class RequestServer:
    """Serves the requests of one run."""

    def __init__(self, workspace: Workspace, folder: RunFolder) -> None:
        self._folder = folder
        self._run = Run.get(workspace, folder.id)
        self._requests = folder.layout.requests
        self._left: set[str] = set()
        self._children = Children(workspace, folder)
        self._handlers: dict[str, Callable[[Run, dict[str, Any]], dict[str, Any] | None]] = {
            "tag": self._tag,
            "remove_tags": self._remove_tags,
            "properties": self._properties,
            "display_name": self._display_name,
            "description": self._description,
            "register_model": self._register_model,
            "model": self._model,
            "child_run": self._child_run,
            "create_children": self._create_children,
            "end_child": self._end_child,
        }

    def serve(self) -> None:
        """Carry out every request that is waiting, in the order in which they were made.

        Raises:
            StoreException: the disk refuses for now; what waits is carried out by a later call.
        """
        for path in self._waiting():
            try:
                reply = self._carry_out(self._read(path))
            except WorkspaceReadOnlyException:
                raise  # it waits for the host that has taken over
            except Exception as error:  # of a request that anything may be wrong with: no reason to end its job
                if _can_wait(error):
                    raise StoreException(f"the request {path.name} waits: {error}") from error
                log.warning("%s asked for what cannot be done: %s", self._folder.id, error, exc_info=_fault(error))
                reply = {"ok": False, "error": {"type": type(error).__name__, "message": str(error)}}
            self._answer(path, reply)

    def _waiting(self) -> list[Path]:
        found = []
        try:
            with os.scandir(self._requests) as entries:
                for entry in entries:
                    if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        found.append(Path(entry.path))
        except FileNotFoundError:
            return []
        except OSError as error:
            self._leave(self._requests, error)
            return []
        return sorted(path for path in found if path.name not in self._left)  # their names begin with their time

    def _read(self, path: Path) -> dict[str, Any]:
        if path.stat().st_size > _MAX_BYTES:
            raise UserErrorException(f"the request {path.name} is longer than {_MAX_BYTES} bytes")
        try:
            request = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise UserErrorException(f"the request {path.name} is no JSON: {error}") from None
        if not isinstance(request, dict):
            raise UserErrorException(f"the request {path.name} is no JSON object")
        return {**request, "id": path.stem}

    def _carry_out(self, request: dict[str, Any]) -> dict[str, Any] | None:
        handler = self._handlers.get(str(request.get("request")))
        if handler is None:
            known = ", ".join(self._handlers)
            raise UserErrorException(f"a job cannot ask for {request.get('request')!r} here; it can for: {known}")
        try:
            run = self._run if request.get("run") is None else self._children.get(request["run"])
            result = handler(run, request)
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            if isinstance(error, TraindockError):
                raise
            raise UserErrorException(f"the request {request.get('request')!r} is not of its form: {error!r}") from None
        return None if result is None else {"ok": True, "result": result}

    def _answer(self, path: Path, reply: dict[str, Any] | None) -> None:
        try:
            if reply is not None:
                write_json(path.with_name(f"{path.stem}.reply.json"), reply, durable=False)
            path.unlink(missing_ok=True)
        except (StoreException, OSError) as error:
            self._leave(path, error)

    def _leave(self, path: Path, error: StoreException | OSError) -> None:
        """Let a request lie that cannot be answered or removed, and say so once; raise if that can pass."""
        if _can_wait(error):
            raise StoreException(f"{path.name} waits: {error}") from error
        if path.name not in self._left:
            self._left.add(path.name)
            text = f"what the script asked for in {path} was left there, since it cannot be answered: {error}"
            self._folder.append({"type": "warning", "text": text})

    def _tag(self, run: Run, request: dict[str, Any]) -> None:
        run.set_tags(request["tags"])

    def _remove_tags(self, run: Run, request: dict[str, Any]) -> None:
        run.remove_tags(request["keys"])

    def _properties(self, run: Run, request: dict[str, Any]) -> None:
        run.add_properties(request["properties"])

    def _display_name(self, run: Run, request: dict[str, Any]) -> None:
        run.display_name = request["value"]

    def _description(self, run: Run, request: dict[str, Any]) -> None:
        run.description = request["value"]

    def _child_run(self, run: Run, request: dict[str, Any]) -> dict[str, Any]:
        name, run_id = request.get("name"), request.get("run_id")
        (made,) = self._children.make(run, request["id"], [{}], name=name, run_id=run_id)
        return {"environment": made}

    def _create_children(self, run: Run, request: dict[str, Any]) -> dict[str, Any]:
        tags = child_tags(request.get("count"), request.get("tag_key"), request.get("tag_values"))
        return {"environments": self._children.make(run, request["id"], tags)}

    def _end_child(self, run: Run, request: dict[str, Any]) -> None:
        self._children.end(run, dict(request["exit"]))

    def _model(self, run: Run, request: dict[str, Any]) -> dict[str, Any]:
        model = Model(run.workspace, request["name"], version=request.get("version"))
        return {"name": model.name, "version": model.version, **model.places()}

    def _register_model(self, run: Run, request: dict[str, Any]) -> dict[str, Any]:
        known = ("tags", "properties", "description", "model_framework", "model_framework_version", "datasets")
        model = Model.register_from_run(
            run,
            request["model_name"],
            request.get("model_path"),
            request_id=request["id"],
            **{name: request[name] for name in known if request.get(name) is not None},
        )
        return model.serialize()


def _can_wait(error: Exception) -> bool:
    """Whether the disk refuses for now, or the index, which no request can be blamed for."""
    return may_pass(error) or isinstance(error.__cause__, sqlite3.OperationalError)


def _fault(error: Exception) -> Exception | None:
    return None if isinstance(error, (TraindockError, OSError)) else error
