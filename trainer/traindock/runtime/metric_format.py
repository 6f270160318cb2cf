"""How metrics lie on disk, and what a reader makes of them: shared by the writer and by all readers.

``metrics/<writer>/`` belongs to one process (``<pid>-<8 hex>``) and holds

- ``names.jsonl``: for each numbered file ``{"file": 0, "name": "loss", "kind": "f", "step": false,
  "description": ""}``; kind "f" is float64, "i" is int64;
- ``<n>.bin``: little-endian records of fixed size, :data:`PLAIN` bytes (value, time) or :data:`STEPPED` bytes
  (value, step, reserved, time). The time stands last: a record cut short by a full disk is filled up with 0xFF,
  which makes its time NaN, and is skipped, as is every record whose time cannot be;
- ``records.jsonl``: everything that is no plain number, one JSON object a line;
- ``lost``: one uint64, how many points could not be written.

Times are seconds since the epoch.
"""

from __future__ import annotations

import math
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Tuple

PLAIN = 16
STEPPED = 32

NAMES = "names.jsonl"
RECORDS = "records.jsonl"
LOST = "lost"

#: Writers, and readers without numpy, by (kind, has a step).
LAYOUTS = {
    ("f", False): struct.Struct("<dd"),
    ("i", False): struct.Struct("<qd"),
    ("f", True): struct.Struct("<dqqd"),
    ("i", True): struct.Struct("<qqqd"),
}

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1

_NONFINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


#: Times that a record can have. A clock that nobody has set begins at 0 and is later when a script logs; what was
#: never written, or overwritten by something else, is hardly ever read as a time between these.
TIME_MIN = 1.0
TIME_MAX = float(2**33)


def valid_time(t: float) -> bool:
    """Whether a record with this time was written whole, and is still what was written."""
    return TIME_MIN <= t < TIME_MAX


def to_json(value: Any) -> Any:
    """Return ``value`` such that strict JSON keeps it: NaN, infinities and very large integers are tagged."""
    kind = value.__class__
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is int:
        # Python refuses to print, and many JSON readers to keep, integers of great length.
        return value if value.bit_length() <= 64 else {"$int": hex(value)}
    if kind is list or kind is tuple:
        return [to_json(item) for item in value]
    if kind is dict:
        return {("$" + key if key[:1] == "$" else key): to_json(item) for key, item in value.items()}
    return value


def from_json(value: Any) -> Any:
    """Undo :func:`to_json`.

    Raises:
        ValueError: a tag without a meaning.
    """
    if value.__class__ is list:
        return [from_json(item) for item in value]
    if value.__class__ is dict:
        if len(value) == 1:
            ((key, item),) = value.items()
            if key == "$float":
                if item not in _NONFINITE:
                    raise ValueError(f"no such float: {item!r}")
                return _NONFINITE[item]
            if key == "$int":
                return int(str(item), 16)
        return {(key[1:] if key[:2] == "$$" else key): from_json(item) for key, item in value.items()}
    return value


def merge(series: Iterable[List[Tuple[float, Any]]]) -> List[Tuple[float, Any]]:
    """Merge lists of (time, anything) by time; each list keeps its own order, even where its times run back."""
    lists = [one for one in series if one]
    if len(lists) == 1:
        return lists[0]
    keyed = []
    for number, one in enumerate(lists):
        latest = -math.inf
        for position, entry in enumerate(one):
            latest = max(latest, entry[0])
            keyed.append((latest, number, position, entry))
    keyed.sort(key=lambda item: item[:3])
    return [item[3] for item in keyed]


def azure_value(entries: Iterable[Tuple[str, Any]]) -> Any:
    """Return what ``get_metrics`` gives for one name.

    Logged once: the value itself; more often: a list. Lists are joined. Rows and tables become a dict of columns,
    of scalars if there is one row in all and of lists otherwise, with None where a row lacked a column.

    Args:
        entries: (kind, value) in the order of time; kind as in ``records.jsonl``.
    """
    values: List[Any] = []
    rows: List[Dict[str, Any]] = []
    columns: Dict[str, None] = {}
    tabular = joined = False
    for kind, value in entries:
        if kind == "row" or kind == "table":
            tabular = True
            columns.update(dict.fromkeys(value))
            rows.extend([value] if kind == "row" else table_rows(value))
        elif kind == "list":
            joined = True
            values.extend(value)
        else:
            values.append(value)
    if tabular and not values:
        if len(rows) == 1:
            return {column: rows[0].get(column) for column in columns}
        return {column: [row.get(column) for row in rows] for column in columns}
    values.extend(rows)
    return values[0] if len(values) == 1 and not joined else values


def table_rows(table: Dict[str, Any]) -> List[Dict[str, Any]]:
    """Return the rows of a dict of columns; a column that is no list counts as one of length 1."""
    columns = {name: (cells if cells.__class__ is list else [cells]) for name, cells in table.items()}
    height = max([len(cells) for cells in columns.values()], default=0)
    return [{name: cells[row] for name, cells in columns.items() if row < len(cells)} for row in range(height)]


def parse_line(line: bytes) -> Dict[str, Any] | None:
    """Return the JSON object in ``line``, or None where there is none: a torn line, or garbage."""
    import json

    try:
        found = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return found if found.__class__ is dict else None


def parse_record(line: bytes) -> Dict[str, Any] | None:
    """Return one record of ``records.jsonl`` with its value decoded, or None where the line holds none."""
    found = parse_line(line)
    if found is None:
        return None
    name, kind, t, step = found.get("name"), found.get("kind"), found.get("t"), found.get("step")
    if name.__class__ is not str or kind.__class__ is not str or "value" not in found:
        return None
    if t.__class__ not in (int, float) or not valid_time(t) or step.__class__ not in (int, type(None)):
        return None
    if step is not None and not INT64_MIN <= step <= INT64_MAX:
        return None
    try:
        value = from_json(found["value"])
    except (ValueError, RecursionError):
        return None
    wanted = {"list": list, "row": dict, "table": dict, "image": str}.get(kind)
    if wanted is not None and value.__class__ is not wanted:
        return None
    found["value"] = value
    return found


def parse_name(line: bytes) -> Tuple[int, str, str, bool, str] | None:
    """Return (file, name, kind, has a step, description) of a line of ``names.jsonl``, or None for garbage."""
    found = parse_line(line)
    if found is None:
        return None
    number, name, kind, step = found.get("file"), found.get("name"), found.get("kind"), found.get("step")
    if not isinstance(number, int) or number < 0 or not isinstance(name, str):
        return None
    if not isinstance(kind, str) or not isinstance(step, bool) or (kind, step) not in LAYOUTS:
        return None
    return number, name, kind, step, str(found.get("description", ""))
