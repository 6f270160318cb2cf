"""Writes event files as TensorBoard's writers do, for tests of what reads them."""

from __future__ import annotations

import struct
from pathlib import Path

from traindock.store.event_files import masked_crc


class EventWriter:
    """Writes one file.

    Args:
        folder: is made where it is missing.
        begun: seconds since the epoch; stands in the file's first record.
        name: of the file.
    """

    def __init__(self, folder: Path, begun: float = 1_700_000_000.0, name: str = "events.out.tfevents.1") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / name
        self.append(record(double(1, begun) + text(3, b"brain.Event:2")))

    def scalar(self, tag: str, value: float, step: int = 0, time: float = 1_700_000_001.0) -> None:
        self.append(scalar_record(tag, value, step, time))

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)


def scalar_record(tag: str, value: float, step: int = 0, time: float = 1_700_000_001.0) -> bytes:
    return value_record(text(1, tag.encode()) + b"\x15" + struct.pack("<f", value), step, time)


def tensor_record(tag: str, tensor: bytes, plugin: str | None = "scalars") -> bytes:
    metadata = b"" if plugin is None else text(9, text(1, text(1, plugin.encode())))
    return value_record(text(1, tag.encode()) + metadata + text(8, tensor))


def value_record(value: bytes, step: int = 0, time: float = 1_700_000_001.0) -> bytes:
    return record(double(1, time) + number(2, step) + text(5, text(1, value)))


def record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return length + _crc(length) + content + _crc(content)


def _crc(data: bytes) -> bytes:
    return struct.pack("<I", masked_crc(data))


# -- protobuf ----------------------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    found = b""
    while value >= 0x80:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def double(field: int, value: float) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<d", value)


def text(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content
