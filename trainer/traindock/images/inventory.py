"""Which environments a workspace has built, as far as its folder tells: virtual environments, and what engines keep."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from traindock.images.containers.engine_memory import FOLDER
from traindock.images.venvs import read_record

Kind: TypeAlias = Literal["venv", "volume", "image"]

_FOLDER: Final = re.compile(r"([0-9a-f]{64})(?:\.[0-9]+)?")
#: What is remembered of an engine's images and volumes that is an environment, by the name of its file.
_REMEMBERED: Final[Mapping[str, Kind]] = {"environment": "volume", "image": "image"}


@dataclass(frozen=True, slots=True)
class BuiltEnvironment:
    """An environment that was built and can be used again.

    Attributes:
        key: SHA-256 (hex) of what it consists of.
        kind: "venv" in the workspace's folder, "volume" or "image" of a container engine.
        packages: "name==version" of what is installed.
        built: when its build began, in seconds since 1970; 0 where that is not known.
        folder: of a virtual environment, where it lies; None for others.
    """

    key: str
    kind: Kind
    packages: tuple[str, ...]
    built: float
    folder: Path | None = None


def built(environments: Path) -> list[BuiltEnvironment]:
    """Return the environments of a workspace, those built last first.

    What an engine keeps may have been removed there since: no engine is asked.

    Args:
        environments: the workspace's folder of them.
    """
    found = [*_venvs(environments), *_of_engines(environments)]
    return sorted(found, key=lambda one: (-one.built, one.key, one.kind))


def size_of(folder: Path) -> int:
    """Return how many bytes on the disk a folder takes; files that uv shares with its cache are counted, too."""
    total = 0
    seen = set()
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(base, name))  # noqa: PTH118 -- a Path for each takes as long as the rest
                if (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    total += status.st_blocks * 512
    return total


def _venvs(environments: Path) -> Iterator[BuiltEnvironment]:
    for folder in _entries(environments):
        match = _FOLDER.fullmatch(folder.name)
        record = read_record(folder, match[1])[0] if match is not None else None
        if match is not None and record is not None:
            yield BuiltEnvironment(match[1], "venv", tuple(record["packages"]), _moment(record), folder)


def _of_engines(environments: Path) -> Iterator[BuiltEnvironment]:
    for engine in _entries(environments / FOLDER):
        newest: dict[tuple[Kind, str], BuiltEnvironment] = {}
        for file in _entries(engine):
            kind = _REMEMBERED.get(file.name.partition("-")[0])
            record = _remembered(file) if kind is not None else None
            if kind is not None and record is not None:
                packages = tuple(text for text in record["packages"] if isinstance(text, str))
                one = BuiltEnvironment(record["key"], kind, packages, _moment(record))
                known = newest.get((kind, one.key))
                newest[kind, one.key] = one if known is None or known.built < one.built else known
        yield from newest.values()


def _remembered(file: Path) -> dict[str, Any] | None:
    """Return the record of an environment in what is remembered, or None where that is none."""
    try:
        values = json.loads(file.read_bytes())["values"]
        record = values.get("record", values)
        if isinstance(record["packages"], list) and re.fullmatch("[0-9a-f]{64}", record["key"]):
            return dict(record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _moment(record: dict[str, Any]) -> float:
    began = record.get("began")
    return float(began) if isinstance(began, int | float) else 0.0


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
