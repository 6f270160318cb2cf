"""What a workspace remembers of an engine, so that an unchanged environment costs two questions to the engine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

from traindock.errors import StoreException
from traindock.images.containers.engines import ContainerEngine

_FORMAT: Final = 1
#: Where it lies in a workspace's folder of environments: a folder for each engine.
FOLDER: Final = ".containers"


class EngineMemory:
    """Small facts about an engine's images and volumes; what is lost is found out again.

    Args:
        environments: the workspace's folder of environments.
        engine: whose facts.
        writes: whether to remember, or only to recall.
    """

    def __init__(self, environments: Path, engine: ContainerEngine, *, writes: bool = True) -> None:
        name = hashlib.sha256(engine.facts().id.encode()).hexdigest()[:16]
        self._folder = environments / FOLDER / name
        self._writes = writes

    def recall(self, what: str, key: str) -> dict[str, Any] | None:
        """What was remembered, or None."""
        from traindock.store.files import read_json

        try:
            document = read_json(self._file(what, key))
        except (OSError, StoreException):
            return None
        if not isinstance(document, dict) or document.get("format") != _FORMAT or document.get("key") != key:
            return None
        values = document.get("values")
        return values if isinstance(values, dict) else None

    def remember(self, what: str, key: str, values: dict[str, Any]) -> None:
        """Remember ``values`` of the thing ``key`` of the kind ``what``."""
        from traindock.store.files import write_json

        if not self._writes:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_json(self._file(what, key), {"format": _FORMAT, "key": key, "values": values}, durable=False)
        except (OSError, StoreException):
            return  # it is found out again next time

    def forget(self, what: str, key: str) -> None:
        """Forget it."""
        self._file(what, key).unlink(missing_ok=True)

    def _file(self, what: str, key: str) -> Path:
        return self._folder / f"{what}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
