"""Reading metrics back inside a job, with the standard library only. Outside, see ``traindock.store.metrics``."""

from __future__ import annotations

import os

from .metric_format import (
    LAYOUTS,
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

    #: (time, (kind, value)) in the order of one file.
    Series = List[Tuple[float, Tuple[str, Any]]]


def read_metrics(folder: str, name: str | None = None) -> Dict[str, Any]:
    """Return what all writers under ``folder`` have logged so far, see ``Run.get_metrics``.

    What is torn or damaged is passed over.
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
                found.setdefault(entry[1], []).append(_numbers(os.path.join(here, f"{entry[0]}.bin"), entry[2:4]))
        others: Dict[str, Series] = {}
        for line in _lines(os.path.join(here, RECORDS)):
            record = parse_record(line)
            if record is not None and name in (None, record["name"]):
                series = others.setdefault(record["name"], [])
                series.append((record["t"], (record["kind"], record["value"])))
        for one, series in others.items():
            found.setdefault(one, []).append(series)
    merged = {one: merge(series) for one, series in found.items()}
    return {one: azure_value([entry for _, entry in series]) for one, series in merged.items() if series}


def _lines(path: str) -> List[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read().split(b"\n")[:-1]
    except OSError:
        return []


def _numbers(path: str, layout: Tuple[str, bool]) -> Series:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return []
    size = STEPPED if layout[1] else PLAIN
    records = LAYOUTS[layout].iter_unpack(data[: len(data) // size * size])
    return [(record[-1], ("scalar", record[0])) for record in records if valid_time(record[-1])]
