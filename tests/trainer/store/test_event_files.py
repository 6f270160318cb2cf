"""Scalars of TensorBoard's event files, read without TensorBoard."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.event_writer import EventWriter, double, number, record, scalar_record, tensor_record, text, value_record

from traindock.store import event_files
from traindock.store.event_files import Damaged, Scalar, begun, masked_crc, scalars


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read(path: Path, offset: int = 0) -> tuple[list[Scalar], int]:
    found: list[Scalar] = []
    with opened(path) as descriptor:
        for block, end in scalars(descriptor, offset):
            found += block
            offset = end
    return found, offset


@pytest.fixture
def writer(tmp_path: Path) -> EventWriter:
    return EventWriter(tmp_path)


class TestWhatIsRead:
    def test_tag_value_step_and_time(self, writer: EventWriter) -> None:
        writer.scalar("loss/train", 0.25, step=7, time=1_700_000_123.5)
        writer.scalar("after a restart", -1.5, step=-3)

        found, _ = read(writer.path)

        assert found == [
            Scalar("loss/train", 0.25, 7, 1_700_000_123.5),
            Scalar("after a restart", -1.5, -3, 1_700_000_001.0),
        ]

    def test_several_values_of_one_event(self, writer: EventWriter) -> None:
        values = (text(1, text(1, tag) + b"\x15" + struct.pack("<f", 2.0)) for tag in (b"a", b"b"))
        writer.append(record(double(1, 1_700_000_001.0) + text(5, b"".join(values))))

        assert [(one.tag, one.step) for one in read(writer.path)[0]] == [("a", 0), ("b", 0)]

    @pytest.mark.parametrize(
        ("tensor", "value"),
        [
            (number(1, 1) + text(5, struct.pack("<f", 0.5)), 0.5),
            (number(1, 1) + b"\x2d" + struct.pack("<f", 0.5), 0.5),
            (number(1, 1) + text(2, b"") + text(4, struct.pack("<f", 0.5)), 0.5),
            (number(1, 2) + text(6, struct.pack("<d", 0.1)), 0.1),
            (number(1, 2) + double(6, 0.1), 0.1),
            (number(1, 3) + number(7, -4), -4.0),
            (number(1, 9) + text(10, number(0, 5)[1:]), 5.0),
            (number(1, 9) + text(4, struct.pack("<q", -5)), -5.0),
            (number(1, 19) + number(13, 0x3800), 0.5),
            (number(1, 14) + number(13, 0x3F00), 0.5),
        ],
    )
    def test_tensors_of_one_number(self, writer: EventWriter, tensor: bytes, value: float) -> None:
        writer.append(tensor_record("x", tensor))
        writer.append(tensor_record("x", tensor, plugin=None))

        assert [one.value for one in read(writer.path)[0]] == [value, value]

    @pytest.mark.parametrize(
        "what",
        [
            tensor_record("of a plugin", number(1, 1) + text(5, struct.pack("<f", 0.5)), plugin="hparams"),
            tensor_record("of text", number(1, 7) + text(8, b"hello")),
            tensor_record("a row", number(1, 1) + text(2, text(2, number(1, 1))) + text(5, struct.pack("<f", 0.5))),
            tensor_record("nothing in it", number(1, 1)),
            value_record(text(1, b"a picture") + text(4, b"png")),
            value_record(b"\x15" + struct.pack("<f", 1.0)),
            record(double(1, 1_700_000_001.0) + text(4, b"a graph")),
            record(b"\xff\xff\xff no protobuf"),
            record(text(5, text(1, b"\x0f"))),
            record(b""),
        ],
    )
    def test_all_else_is_passed_over(self, writer: EventWriter, what: bytes) -> None:
        writer.append(what)
        writer.scalar("loss", 1.0)

        assert [one.tag for one in read(writer.path)[0]] == ["loss"]

    def test_records_longer_than_a_block_and_such_as_nobody_reads(
        self, writer: EventWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(event_files, "_BLOCK", 100)
        monkeypatch.setattr(event_files, "_LONGEST", 1000)
        for step in range(20):
            writer.scalar("loss", 1.0, step)
        writer.append(value_record(text(1, b"long") + text(4, b"x" * 500)))
        writer.scalar("loss", 1.0, 20)
        writer.append(value_record(text(1, b"too long") + text(4, b"x" * 2000)))
        writer.scalar("loss", 1.0, 21)

        assert [one.step for one in read(writer.path)[0]] == list(range(22))


class TestFilesThatAreBeingWritten:
    def test_an_end_that_is_torn_anywhere_is_read_once_it_is_whole(self, writer: EventWriter, tmp_path: Path) -> None:
        whole = writer.path.read_bytes() + scalar_record("loss", 1.0, 1) + scalar_record("loss", 2.0, 2)
        growing = tmp_path / "growing"
        for size in range(len(whole) + 1):
            growing.write_bytes(whole[:size])
            before, offset = read(growing)
            growing.write_bytes(whole)
            after, end = read(growing, offset)

            assert [one.step for one in before + after] == [1, 2]
            assert end == len(whole)

    def test_the_beginning_is_known_once_its_record_is_whole(self, writer: EventWriter, tmp_path: Path) -> None:
        first = writer.path.read_bytes()
        short = tmp_path / "short"
        short.write_bytes(first[:-1])

        with opened(short) as descriptor:
            assert begun(descriptor) is None
        writer.scalar("loss", 1.0)
        with opened(writer.path) as descriptor:
            assert begun(descriptor) == (1_700_000_000.0, first)


class TestDamage:
    def test_what_is_no_record_ends_the_reading_and_says_where(self, writer: EventWriter) -> None:
        writer.scalar("loss", 1.0)
        size = writer.path.stat().st_size
        writer.append(bytes(100))
        writer.scalar("loss", 2.0)
        found: list[Scalar] = []

        with opened(writer.path) as descriptor, pytest.raises(Damaged, match=str(size)):
            found.extend(one for block, _ in scalars(descriptor, 0) for one in block)

        assert [one.value for one in found] == [1.0]

    def test_a_content_with_another_checksum_is_passed_over(self, writer: EventWriter) -> None:
        content = bytearray(scalar_record("loss", 1.0))
        content[-6] ^= 1
        writer.append(bytes(content))
        writer.scalar("loss", 2.0)

        assert [one.value for one in read(writer.path)[0]] == [2.0]

    def test_a_file_of_something_else_was_never_begun(self, tmp_path: Path) -> None:
        (tmp_path / "notes.tfevents").write_text("what I know of tfevents: nothing at all so far")

        with opened(tmp_path / "notes.tfevents") as descriptor:
            assert begun(descriptor) is None

    def test_the_checksum_is_the_one_of_the_format(self) -> None:
        # CRC-32C of "123456789" is 0xE3069283.
        crc = 0xE3069283
        assert masked_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize("module", ["torch.utils.tensorboard", "tensorboardX"])
def test_what_real_writers_write(module: str, tmp_path: Path) -> None:
    made: Any = pytest.importorskip(module, exc_type=ImportError).SummaryWriter(str(tmp_path))
    for step in range(3):
        made.add_scalar("loss", 1.0 / (step + 1), step, walltime=1_700_000_000.5 + step)
        made.add_histogram("weights", np.arange(10.0), step)
    made.add_text("notes", "hello", 1)
    made.add_image("picture", np.zeros((3, 8, 8), np.uint8), 1)
    if module.startswith("torch"):
        made.add_scalar("new", 2.0, 1, new_style=True)
        made.add_scalar("double", 0.1, 1, new_style=True, double_precision=True)
    made.close()
    (path,) = tmp_path.glob("*tfevents*")

    found, offset = read(path)

    losses = [one for one in found if one.tag == "loss"]
    assert [(one.step, one.time) for one in losses] == [(step, 1_700_000_000.5 + step) for step in range(3)]
    assert [one.value for one in losses] == pytest.approx([1.0, 1 / 2, 1 / 3])
    others = {one.tag: one.value for one in found if one.tag != "loss"}
    assert others == ({"new": 2.0, "double": 0.1} if module.startswith("torch") else {})
    assert offset == path.stat().st_size


def test_the_writer_of_these_tests_writes_what_a_real_one_does(writer: EventWriter, tmp_path: Path) -> None:
    loader: Any = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    writer.scalar("loss", 0.5, 3)

    events = list(loader.LegacyEventFileLoader(str(writer.path)).Load())

    assert [event.file_version for event in events] == ["brain.Event:2", ""]
    assert [(one.tag, one.simple_value) for one in events[1].summary.value] == [("loss", 0.5)]
