"""TensorBoard's event files: their scalars, read without TensorBoard or TensorFlow, while somebody writes them.

A file is a row of records: length (8 bytes, little-endian), its checksum, the content, the content's checksum. Each
checksum is CRC-32C, rotated and shifted by a constant. The content is a protobuf message ``Event``: of it are read
the time, the step, and the values of its summary that are one number. The first event names the format alone, so that
its time is that of the file's beginning.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

#: In the names of all event files, whoever wrote them.
MARK: Final = "tfevents"

_HEADER: Final = 12
_FOOTER: Final = 4
#: Bytes that are read at once; a longer record is read alone.
_BLOCK: Final = 256 << 10
#: Bytes in which the first record is found: it has two fields.
_FIRST: Final = 4096
#: Longer contents are passed over: those have pictures or tensors, and nobody writes scalars beside such.
_LONGEST: Final = 64 << 20


class Scalar(NamedTuple):
    """One number that was written.

    Attributes:
        tag: its name.
        value: the number.
        step: as the script counted.
        time: seconds since the epoch.
    """

    tag: str
    value: float
    step: int
    time: float


class Damaged(Exception):
    """What stands in the file cannot be a record; nobody can tell where the next one begins."""


def begun(descriptor: int) -> tuple[float, bytes] | None:
    """Return when a file was begun (seconds since the epoch) and its first record, which tells it from any other.

    None where there is no whole record yet, or no record.
    """
    try:
        for content, stop in _records(os.pread(descriptor, _FIRST, 0)):
            found = _fields(content)
            return float(found.get(_TIME, [0.0])[0]), os.pread(descriptor, stop, 0)
    except (Damaged, ValueError, struct.error):
        pass
    return None


def scalars(descriptor: int, offset: int) -> Iterator[tuple[list[Scalar], int]]:
    """Yield, block by block, the scalars that stand behind ``offset``, and the offset behind each block.

    An end that is torn, because it is just being written or never will be, is left for the next time. A record whose
    content has another checksum than was written, or makes no sense, is passed over.

    Args:
        descriptor: of the file.
        offset: 0, or what was yielded last.

    Raises:
        Damaged: there is something else than a record; what stands before it was yielded.
    """
    while True:
        block = os.pread(descriptor, _BLOCK, offset)
        if len(block) >= _HEADER:
            needed = _length(block, 0) + _HEADER + _FOOTER
            if needed > _LONGEST and offset + needed <= os.fstat(descriptor).st_size:
                offset += needed
                continue
            if len(block) < needed <= _LONGEST:
                block = _whole(descriptor, offset, needed)
        found: list[Scalar] = []
        end = 0
        damaged = False
        try:
            for content, end in _records(block):
                found += _scalars_of(content, block, end)
        except Damaged:
            damaged = True
        if end:
            offset += end
            yield found, offset
        if damaged:
            raise Damaged(offset)
        if not end:
            return


def _whole(descriptor: int, offset: int, size: int) -> bytes:
    parts = []
    while size > 0:
        part = os.pread(descriptor, size, offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        size -= len(part)
    return b"".join(parts)


def _records(block: bytes) -> Iterator[tuple[memoryview, int]]:
    """Yield the content of each whole record, and where the record ends."""
    view = memoryview(block)
    place = 0
    while place + _HEADER <= len(block):
        end = place + _HEADER + _length(block, place) + _FOOTER
        if end > len(block):
            return
        yield view[place + _HEADER : end - _FOOTER], end
        place = end


def _length(block: bytes, place: int) -> int:
    """Return the length of a record's content.

    Raises:
        Damaged: its checksum is another one.
    """
    length, checksum = struct.unpack_from("<QI", block, place)
    if masked_crc(block[place : place + 8]) != checksum:
        raise Damaged(place)
    return int(length)


# -- the content of a record ---------------------------------------------------------------------------------------

# Numbers of fields: of Event, of Summary.Value, of SummaryMetadata and PluginData, of TensorProto.
_TIME, _STEP, _SUMMARY = 1, 2, 5
_VALUE = 1
_TAG, _SIMPLE, _TENSOR, _METADATA = 1, 2, 8, 9
_PLUGIN, _PLUGIN_NAME = 1, 1
_TYPE, _SHAPE, _BYTES = 1, 2, 4

#: By type of a tensor: the field that has its values, and how one lies in ``tensor_content``.
_TYPES: Final = {1: (5, "<f"), 2: (6, "<d"), 3: (7, "<i"), 9: (10, "<q"), 19: (13, "<e"), 14: (13, "<H")}
_HALF, _BFLOAT = 19, 14


def _scalars_of(content: memoryview, block: bytes, end: int) -> list[Scalar]:
    try:
        event = _fields(content)
        summaries = event.get(_SUMMARY)
        if not summaries:
            return []
        time, step = float(event.get(_TIME, [0.0])[-1]), _signed(event.get(_STEP, [0])[-1])
        found = []
        for value in _fields(summaries[-1]).get(_VALUE, ()):
            entry = _fields(value)
            number = _number(entry)
            if number is not None and _TAG in entry:
                found.append(Scalar(str(entry[_TAG][-1], "utf-8", "replace"), number, step, time))
        if found and masked_crc(content) != struct.unpack_from("<I", block, end - _FOOTER)[0]:
            return []
    except (ValueError, TypeError, struct.error):
        return []
    return found


def _number(value: dict[int, list[Any]]) -> float | None:
    """Return the number that a ``Summary.Value`` is; None where it is something else."""
    if _SIMPLE in value:
        return float(struct.unpack("<f", value[_SIMPLE][-1])[0])
    if _TENSOR not in value:
        return None
    if _METADATA in value:
        plugins = _fields(value[_METADATA][-1]).get(_PLUGIN)
        if plugins and bytes(_fields(plugins[-1]).get(_PLUGIN_NAME, [b"scalars"])[-1]) != b"scalars":
            return None
    tensor = _fields(value[_TENSOR][-1])
    kind = tensor.get(_TYPE, [0])[-1]
    if kind not in _TYPES or any(len(shape) for shape in tensor.get(_SHAPE, ())):
        return None  # no numbers, or more than one
    field, layout = _TYPES[kind]
    if _BYTES in tensor:
        raw: Any = struct.unpack(layout, tensor[_BYTES][-1])[0]
        return _bfloat(raw) if kind == _BFLOAT else float(raw)
    given = tensor.get(field, ())
    if len(given) != 1:
        return None
    raw = given[0]
    if isinstance(raw, memoryview):  # packed, or a float by itself
        if field in (5, 6):
            return float(struct.unpack(layout, raw)[0])
        raw, stop = _varint(raw, 0)
        if stop != len(given[0]):
            return None
    if kind == _HALF:
        return float(struct.unpack("<e", struct.pack("<H", raw))[0])
    return _bfloat(raw) if kind == _BFLOAT else float(_signed(raw))


def _bfloat(raw: int) -> float:
    return float(struct.unpack("<f", struct.pack("<I", raw << 16))[0])


def _fields(message: memoryview) -> dict[int, list[Any]]:
    """Return the fields of a protobuf message: numbers, and as bytes floats of 4 bytes and whatever has a length.

    Raises:
        ValueError: it is none.
    """
    found: dict[int, list[Any]] = {}
    place, size = 0, len(message)
    value: Any
    while place < size:
        key = message[place]
        place += 1
        if key >= 0x80:
            key, place = _varint(message, place - 1)
        kind = key & 7
        if kind == 2:
            length = message[place] if place < size else -1
            if 0 <= length < 0x80:
                place += 1
            else:
                length, place = _varint(message, place)
            value = message[place : place + length]
            place += length
        elif kind == 0:
            value, place = _varint(message, place)
        elif kind == 1:
            value = struct.unpack_from("<d", message, place)[0]
            place += 8
        elif kind == 5:
            value = message[place : place + 4]
            place += 4
        else:
            raise ValueError(f"no protobuf: a field of kind {kind}")
        if place > size:
            raise ValueError("no protobuf: a field that is cut short")
        found.setdefault(key >> 3, []).append(value)
    return found


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if place >= len(message):
            raise ValueError("no protobuf: a number that is cut short")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
        shift += 7
    raise ValueError("no protobuf: a number that is too long")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


# -- checksums -----------------------------------------------------------------------------------------------------


def _table() -> list[int]:
    found = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        found.append(byte)
    return found


_TABLE: Final = _table()


def masked_crc(data: bytes | memoryview) -> int:
    """Return the checksum of a record's length or content."""
    crc = 0xFFFFFFFF
    table = _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
