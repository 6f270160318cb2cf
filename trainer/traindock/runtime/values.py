"""From what a training script has in hand to what is stored: Python's own scalars, lists and rows.

Scalars of numpy and torch (and anything else with ``item()`` and no dimension) become Python's own; NaN and the
infinities stay what they are. No array library is imported for that.
"""

from __future__ import annotations

from .errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

_PLAIN = (float, int, bool, str, type(None))


def metric_name(name: Any) -> str:
    """Return ``name`` if a metric can have it.

    Raises:
        UserErrorException: it is no string, or empty.
    """
    if not isinstance(name, str) or not name:
        raise UserErrorException(f"{shown(name)} is no metric name: use a string such as 'loss'")
    return str(name)


def model_name(name: Any) -> str:
    """Return ``name`` if a model can have it.

    Raises:
        UserErrorException: it cannot.
    """
    import re

    if not isinstance(name, str) or not re.fullmatch("[A-Za-z0-9][-._A-Za-z0-9]{0,254}", name):
        raise UserErrorException(
            f"{shown(name)} is no model name: use 1 to 255 letters, digits, -, . or _, starting with a letter or digit"
        )
    return name


def shown(value: Any) -> str:
    """Return ``repr(value)``, shortened for an error text."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a value that cannot even be shown must still be named
        # Python writes no more than some thousand decimal digits.
        unshown = f"<{type(value).__name__}; its repr() raised {type(error).__name__}>"
        text = hex(value) if isinstance(value, int) else unshown
    return text if len(text) <= 120 else text[:120] + "…"


def scalar(name: str, value: Any) -> Any:
    """Return ``value`` as float, int, bool, str or None.

    Raises:
        UserErrorException: it is a list, an array, or something else that is no scalar.
    """
    if value.__class__ in _PLAIN:
        return value
    converted = _unwrapped(name, value)
    if converted.__class__ in _PLAIN:
        return converted
    for plain in (bool, str, float, int):  # subclasses: numpy.float64, enums
        if isinstance(converted, plain):
            return plain(converted)
    kind = type(converted)
    if _is_frame(converted):
        raise UserErrorException(f"metric {name!r}: log() takes one scalar, but got a {_kind(value)}; {_FRAME}")
    if _is_several(converted):
        raise UserErrorException(
            f"metric {name!r}: log() takes one scalar, but got {shown(value)} of type {kind.__name__}; {_advice(value)}"
        )
    if (hasattr(kind, "__float__") and not hasattr(kind, "real")) or _is_real(converted):
        return float(converted)
    parts = "; log its .real and .imag" if kind is complex else ""
    raise UserErrorException(
        f"metric {name!r}: {shown(value)} of type {kind.__name__} is no scalar; use a number, a string, a bool or None"
        + parts
    )


def _is_real(value: Any) -> bool:
    import numbers

    return isinstance(value, numbers.Real) or type(value).__name__ == "Decimal"


def _is_several(value: Any) -> bool:
    kind = type(value)
    return not isinstance(value, (str, bytes)) and (hasattr(kind, "__len__") or hasattr(kind, "__iter__"))


def _is_frame(value: Any) -> bool:
    """Whether it is a table of pandas or polars: iterating over one gives its column names, or columns."""
    return hasattr(value, "columns") and hasattr(value, "shape")


def _kind(value: Any) -> str:
    return type(value).__name__


_FRAME = 'use log_table(name, frame.to_dict("list")), of polars frame.to_dict(as_series=False)'


def _dimensions(value: Any) -> int | None:
    """The number of dimensions of an array or tensor; None for what is neither."""
    found = getattr(value, "ndim", None)
    return found if found.__class__ is int else None


def _advice(value: Any) -> str:
    dimensions = _dimensions(value) or 0
    if dimensions > 1:
        return f"it has {dimensions} dimensions: use log_table() with a dict of columns, or log_row() for each row"
    return "use log_list() for several values, log_row() or log_table() for columns"


def _unwrapped(name: str, value: Any) -> Any:
    """Take the one element out of a numpy scalar, or out of an array or tensor without dimensions."""
    if _dimensions(value) != 0:
        return value
    for method in ("item", "numpy"):  # TensorFlow's tensors have only the second
        found = getattr(value, method, None)
        if callable(found):
            taken = _taken(name, value, found)
            return _unwrapped(name, taken) if method == "numpy" else taken
    return value


def _taken(name: str, value: Any, method: Any) -> Any:
    """Call an array's own method: one without data, such as a tensor on the device "meta", refuses to give any."""
    try:
        return method()
    except Exception as error:
        raise UserErrorException(
            f"metric {name!r}: no value can be taken out of {shown(value)}: {type(error).__name__}: {error}"
        ) from error


def values_list(name: str, value: Any, call: str = "log_list()") -> List[Any]:
    """Return ``value`` (any iterable of scalars, or a one-dimensional array or tensor) as a list.

    Args:
        name: the metric.
        value: what was given.
        call: what takes it, for error texts.

    Raises:
        UserErrorException: it is no such thing.
    """
    if _is_frame(value):
        raise UserErrorException(f"metric {name!r}: {call} takes a list of values, but got a {_kind(value)}; {_FRAME}")
    dimensions = _dimensions(value)
    if isinstance(value, (str, bytes, dict)) or not hasattr(type(value), "__iter__") or dimensions == 0:
        raise UserErrorException(
            f"metric {name!r}: {call} takes a list of values, but got {shown(value)}; use log() for a single one"
        )
    if dimensions is not None and dimensions > 1:
        raise UserErrorException(
            f"metric {name!r}: {call} takes one-dimensional arrays, but got {shown(value)}; {_advice(value)}"
        )
    tolist = getattr(value, "tolist", None)
    items = _taken(name, value, tolist) if callable(tolist) else value
    return [item if item.__class__ in _PLAIN else _item(name, item, call) for item in items]


def _item(name: str, item: Any, call: str) -> Any:
    if _is_several(item) and _dimensions(item) != 0:
        raise UserErrorException(
            f"metric {name!r}: {call} takes a list of scalars, but one of them is {shown(item)}; "
            "use log_table() with a dict of columns, or log_row() for each row"
        )
    return scalar(name, item)


def row(name: str, columns: Dict[str, Any]) -> Dict[str, Any]:
    """Return one row: a dict of column name to scalar.

    Raises:
        UserErrorException: there is no column, or a cell is no scalar.
    """
    if not columns:
        raise UserErrorException(f"metric {name!r}: log_row() needs columns, as in log_row('lr', epoch=1, rate=0.1)")
    return {column: scalar(f"{name}.{column}", cell) for column, cell in columns.items()}


def table(name: str, value: Any) -> Dict[str, List[Any]]:
    """Return a table: a dict of column name to list, all of one length.

    Raises:
        UserErrorException: it is no dict of columns, or its columns differ in length.
    """
    if not isinstance(value, dict) or not all(isinstance(column, str) for column in value):
        got = f"a {_kind(value)}; {_FRAME}" if _is_frame(value) else shown(value)
        raise UserErrorException(f"metric {name!r}: log_table() takes a dict of column name to list, but got {got}")
    columns = {}
    for column, cells in value.items():
        many = hasattr(type(cells), "__iter__") and not isinstance(cells, (str, bytes, dict))
        many = many and _dimensions(cells) != 0
        where = f"{name}.{column}"
        columns[str(column)] = values_list(where, cells, "a column of log_table()") if many else [scalar(where, cells)]
    heights = {column: len(cells) for column, cells in columns.items()}
    if len(set(heights.values())) > 1:
        raise UserErrorException(f"metric {name!r}: the columns of a table must be of one length, but are {heights}")
    return columns


def step(name: str, value: Any) -> int | None:
    """Return ``value`` as a step: an int of 64 bits, or None.

    Raises:
        UserErrorException: it is neither.
    """
    if value is None:
        return None
    found = scalar(name, value)
    if found.__class__ is float and found == found // 1:
        found = int(found)
    if isinstance(found, int) and -(2**63) <= found < 2**63:
        return int(found)
    raise UserErrorException(f"metric {name!r}: step must be a whole number, but is {shown(value)}")


def schema(name: str, value: Any, schema_type: str) -> Dict[str, Any]:
    """Return the dict of a confusion matrix and its like.

    Args:
        name: the metric.
        value: the dict, or its JSON text.
        schema_type: what its ``schema_type`` must be.

    Raises:
        UserErrorException: it is no such dict.
    """
    import json

    found = value
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except ValueError as error:
            raise UserErrorException(f"metric {name!r}: no valid JSON: {error}") from error
    if not isinstance(found, dict) or found.get("schema_type") != schema_type or "data" not in found:
        raise UserErrorException(
            f"metric {name!r}: needs a dict with 'schema_type': {schema_type!r}, 'schema_version' and 'data', "
            f"but got {shown(value)}"
        )
    return {str(key): nested(name, item) for key, item in found.items()}


def nested(name: str, value: Any) -> Any:
    """Return ``value`` with scalars at its leaves, and dicts and lists above them.

    Raises:
        UserErrorException: a leaf is no scalar.
    """
    if isinstance(value, dict):
        return {str(key): nested(name, item) for key, item in value.items()}
    tolist = getattr(value, "tolist", None)
    if callable(tolist):
        value = _taken(name, value, tolist)
    if isinstance(value, (list, tuple)):
        return [nested(name, item) for item in value]
    return scalar(name, value)
