"""Buckets of metrics as bytes: JSON, or arrays that a browser looks at without copying them.

The binary form is described in the OpenAPI document, at ``getBuckets``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jupyterlab_traindock import json_text
from traindock.store.buckets import Buckets

#: What binary buckets begin with; the last byte is the version of the format.
MAGIC: Final = b"TDB1"
_ALIGNED: Final = 8

#: By column, what its numbers are.
COLUMNS: Final = {
    "start": "float64",
    "first": "float64",
    "final": "float64",
    "min": "float64",
    "max": "float64",
    "last": "float64",
    "count": "uint32",
    "nans": "uint32",
}


def as_json(series: Sequence[tuple[str, Buckets]]) -> Iterator[bytes]:
    """Yield a JSON document in pieces, one for each series.

    Each column is written by itself: as long as one is written, nothing else in the process can compute.
    """
    before = b'{"series":['
    if not series:
        yield before
    for name, buckets in series:
        columns = b",".join(b'"%s":%s' % (column.encode(), _column(getattr(buckets, column))) for column in COLUMNS)
        head = json_text.of({"name": name, "axis": buckets.axis, "width": buckets.width})
        yield before + head.removesuffix(b"}") + b',"buckets":{' + columns + b"}}"
        before = b","
    yield b"]}"


def as_binary(series: Sequence[tuple[str, Buckets]]) -> bytes:
    """Return the header and, behind it, all columns, little-endian and aligned."""
    described: list[dict[str, Any]] = []
    arrays: list[bytes] = []
    offset = 0
    for name, buckets in series:
        columns = {}
        for column, dtype in COLUMNS.items():
            data = _array(getattr(buckets, column), dtype).tobytes()
            columns[column] = {"dtype": dtype, "length": len(buckets.start), "offset": offset}
            arrays.append(data.ljust(_aligned(len(data)), b"\0"))
            offset += len(arrays[-1])
        described.append({"name": name, "axis": buckets.axis, "width": buckets.width, "columns": columns})
    header = json.dumps({"series": described}).encode("ascii")
    header = header.ljust(_aligned(len(header)))
    return b"".join([MAGIC, len(header).to_bytes(4, "little"), header, *arrays])


def _array(values: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
    if dtype == "uint32":
        values = np.minimum(values, 2**32 - 1)
    return values.astype(np.dtype(dtype).newbyteorder("<"))


def _column(values: npt.NDArray[Any]) -> bytes:
    numbers = values.tolist()
    return json_text.of_plain(numbers) if np.isfinite(values).all() else json_text.of(numbers)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
