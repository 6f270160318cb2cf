"""Reading metrics back inside a job, with the standard library only. Outside, see ``traindock.store.metrics``."""

from __future__ import annotations

import os

from .metric_format import (
    LAYOUTS,
    LOST,
    NAMES,
    PLAIN,
    RECORDS,
    STEPPED,
    azure_value,
    merge,
    parse_name,
    parse_record,
    valid_time,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

    #: (time, (kind, value, step, description)).
    Entry = Tuple[float, Tuple[str, Any, Any, str]]
    #: In the order of one file.
    Series = List[Entry]


def read_metrics(folder: str, name: str | None = None) -> Dict[str, Any]:
    """Return what all writers under ``folder`` have logged so far, see ``Run.get_metrics``."""
    found = read_entries(folder, name)
    return {one: azure_value([entry[:2] for _, entry in entries]) for one, entries in found.items()}


def read_entries(folder: str, name: str | None = None) -> Dict[str, List[Entry]]:
    """Return the same as it was logged, by name and in the order of time.

    What is torn or damaged is passed over, and what has no entries is left out.
    """
    found: Dict[str, List[Series]] = {}
    try:
        writers = sorted(os.listdir(folder))
    except OSError:
        writers = []
    for writer in writers:
        here = os.path.join(folder, writer)
        for line in _lines(os.path.join(here, NAMES)):
            entry = parse_name(line)
            if entry is not None and name in (None, entry[1]):
                found.setdefault(entry[1], []).append(_numbers(os.path.join(here, f"{entry[0]}.bin"), entry))
        others: Dict[str, Series] = {}
        for line in _lines(os.path.join(here, RECORDS)):
            record = parse_record(line)
            if record is not None and name in (None, record["name"]):
                series = others.setdefault(record["name"], [])
                said = str(record.get("description", ""))
                series.append((record["t"], (record["kind"], record["value"], record.get("step"), said)))
        for one, series in others.items():
            found.setdefault(one, []).append(series)
    merged = {one: merge(series) for one, series in found.items()}
    return {one: series for one, series in merged.items() if series}


def read_lost(folder: str) -> int:
    """Return how many points the writers under ``folder`` could not write."""
    total = 0
    try:
        writers = os.listdir(folder)
    except OSError:
        return 0
    for writer in writers:
        try:
            with open(os.path.join(folder, writer, LOST), "rb") as file:
                total += int.from_bytes(file.read(8), "little")
        except OSError:
            pass  # one that has lost nothing may have no such file
    return total


def _lines(path: str) -> List[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read().split(b"\n")[:-1]
    except OSError:
        return []


def _numbers(path: str, named: Tuple[int, str, str, bool, str]) -> Series:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return []
    _, _, kind, stepped, said = named
    size = STEPPED if stepped else PLAIN
    records = LAYOUTS[kind, stepped].iter_unpack(data[: len(data) // size * size])
    return [
        (record[-1], ("scalar", record[0], record[1] if stepped else None, said))
        for record in records
        if valid_time(record[-1])
    ]
