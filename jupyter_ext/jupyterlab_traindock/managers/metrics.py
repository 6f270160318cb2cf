"""The metrics of runs, in buckets for charts, as what was logged, and all of it as a table; and what runs used."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.readers import MetricReaders
from traindock.documents import metrics_document
from traindock.store.buckets import Buckets
from traindock.store.metric_points import Points
from traindock.store.metrics import MetricInfo, MetricReader

#: Names under which more was logged are not given as what was logged.
MOST_VALUES: Final = 10_000
#: Most bytes of JSON that one name's values take, and those of all names.
MOST_OF_ONE: Final = 1 << 20
MOST_OF_ALL: Final = 8 << 20
#: A table is sent in pieces of about so many bytes.
PIECE: Final = 128 << 10
#: Points that are written at once: they hold up whoever else computes for some milliseconds.
_BLOCK: Final = 2048
_DEEPEST: Final = 50
_TABULAR: Final = str.maketrans({'"': '""'})


class MetricManager:
    """The metrics of the runs of the workspaces.

    Args:
        workspaces: what may be opened.
    """

    def __init__(self, workspaces: OpenedWorkspaces) -> None:
        self.readers = MetricReaders(workspaces)
        self.used = MetricReaders(workspaces, lambda run: run.resources)

    def list(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page of what a run has logged, by name, and what of it was lost.

        Args:
            asked: the parameters of ``listMetrics``, as the OpenAPI document has them.
        """
        with self.readers.reader(asked["workspace"], asked["run"]) as reader:
            infos = reader.names()
            sums = {name: (one.last, one.min, one.max, one.count) for name, one in reader.summary().items()}
            statistics = metrics_document(sums)
            start, stop = asked["offset"], asked["offset"] + asked["limit"]
            found = [{**_described(info), "statistics": statistics.get(info.name)} for info in infos[start:stop]]
            return {
                "metrics": found,
                "total": len(infos),
                "more": len(infos) > stop,
                "lost": reader.lost(),
                "damaged": reader.damaged(),
            }

    def buckets(self, asked: Mapping[str, Any]) -> Sequence[tuple[str, Buckets]]:
        """Return the buckets of each name, none for one that was not logged.

        Args:
            asked: the parameters of ``getBuckets``, as the OpenAPI document has them.
        """
        with self.readers.reader(asked["workspace"], asked["run"]) as reader:
            return _bucketed(reader, asked["name"], asked)

    def resources(self, asked: Mapping[str, Any]) -> Sequence[tuple[str, Buckets]]:
        """Return the buckets of what a run's job used, by name.

        Args:
            asked: the parameters of ``getResources``, as the OpenAPI document has them; without names, all there are.
        """
        with self.used.reader(asked["workspace"], asked["run"]) as reader:
            return _bucketed(reader, asked["name"] or [info.name for info in reader.names()], asked)

    def values(self, asked: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[str]]:
        """Return what was logged, by name and as ``get_metrics`` has it, and the names of which it is too much.

        Args:
            asked: the parameters of ``getValues``, as the OpenAPI document has them; without names, those that no
                chart can draw.
        """
        found: dict[str, Any] = {}
        left_out = []
        room = MOST_OF_ALL
        with self.readers.reader(asked["workspace"], asked["run"]) as reader:
            infos = {info.name: info for info in reader.names()}
            names = [name for name in dict.fromkeys(asked["name"]) if name in infos]
            if not asked["name"]:
                drawn = reader.summary()
                names = [name for name, info in infos.items() if info.kind != "scalar" or name not in drawn]
            for name in names:
                value = reader.as_azure(name)[name] if infos[name].count <= MOST_VALUES else None
                size = json_size(value, min(MOST_OF_ONE, room))
                if infos[name].count > MOST_VALUES or size is None:
                    left_out.append(name)
                else:
                    found[name] = value
                    room -= size
        return found, left_out

    def table(self, asked: Mapping[str, Any]) -> Iterator[bytes]:
        """Return all points of all scalars, or of some, as the pieces of a CSV file; a point that comes now may lack.

        Args:
            asked: the parameters of ``exportMetrics``, as the OpenAPI document has them.

        Raises:
            StoreException: by one of the pieces: the run was deleted meanwhile.
        """
        with self.readers.reader(asked["workspace"], asked["run"]) as reader:
            names = list(dict.fromkeys(asked["name"])) or [info.name for info in reader.names()]
        rows = (_rows(name, block) for name in names for block in reader.blocks(name, _BLOCK))
        return _joined(itertools.chain(["name,step,time,value\r\n"], rows))

    def close(self) -> None:
        """Keep no readers any more."""
        self.readers.close()
        self.used.close()


def json_size(value: Any, most: int) -> int | None:
    """Return about how many bytes a value takes as JSON, None if they are more than ``most``, or it is too deep."""
    size = 0
    pending = [(value, 0)]
    while pending:
        one, depth = pending.pop()
        if isinstance(one, Mapping | list | tuple):
            depth += 1
            size += 2 + 2 * len(one)
            if size > most or depth > _DEEPEST:
                return None
            if isinstance(one, Mapping):
                pending.extend((key, depth) for key in one)
                one = one.values()
            pending.extend((entry, depth) for entry in one)
        elif isinstance(one, str):
            size += 2 + (len(one) if one.isascii() else 6 * len(one))
        elif isinstance(one, int):
            size += 5 + one.bit_length() // 3
        else:
            size += 25
        if size > most:
            return None
    return size


def _bucketed(reader: MetricReader, names: Sequence[str], asked: Mapping[str, Any]) -> list[tuple[str, Buckets]]:
    return [
        (name, reader.buckets(name, asked["buckets"], asked["from"], asked["to"], asked["axis"]))
        for name in dict.fromkeys(names)
    ]


def _described(info: MetricInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "kind": info.kind,
        "count": info.count,
        "stepped": info.stepped,
        "description": info.description,
    }


def _rows(name: str, block: Points) -> str:
    """Return points as lines of a CSV file."""
    if any(letter in name for letter in ',"\r\n'):
        name = f'"{name.translate(_TABULAR)}"'
    times, values = map(repr, block.times.tolist()), block.values.tolist()
    shown = map(repr, values) if np.isfinite(block.values).all() else map(_number, values)
    if block.steps is None or block.has_step is None:
        return "".join([f"{name},,{time},{value}\r\n" for time, value in zip(times, shown, strict=True)])
    steps = zip(block.steps.tolist(), block.has_step.tolist(), strict=True)
    texts = [str(step) if there else "" for step, there in steps]
    return "".join([f"{name},{step},{time},{value}\r\n" for step, time, value in zip(texts, times, shown, strict=True)])


def _number(value: float) -> str:
    return json.dumps(value)  # NaN, Infinity and -Infinity where it is no number


def _joined(texts: Iterator[str]) -> Iterator[bytes]:
    """Yield the texts in pieces that are worth sending."""
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= PIECE:
            yield "".join(held).encode("utf-8", "replace")
            held, size = [], 0
    if held:
        yield "".join(held).encode("utf-8", "replace")
