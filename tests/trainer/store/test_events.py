"""Append-only records: whole lines, one writer at a time, nothing lost by a torn tail."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from traindock.errors import StoreException
from traindock.store import events


def _append_many(path: Path, writer: int, count: int) -> None:
    for number in range(count):
        events.append(path, {"type": "note", "writer": writer, "number": number})


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events.append(path, {"type": "a"}, {"type": "b", "text": "Ünïcode\n'quotes' \udc80"})
    found, offset = events.read(path)
    assert [event["type"] for event in found] == ["a", "b"]
    assert found[1]["text"] == "Ünïcode\n'quotes' \udc80"
    assert offset == path.stat().st_size
    assert events.read(path, offset) == ([], offset)


def test_what_is_to_last_is_synced_once_it_is_written_and_before_the_call_returns(
    tmp_path: Path, synced: list[tuple[int, int]]
) -> None:
    path = tmp_path / "events.jsonl"
    events.append(path, {"type": "a"})
    assert not synced, "each sync costs milliseconds"
    for _ in range(2):
        events.append(path, {"type": "b"}, durable=True)
        assert synced.pop() == (path.stat().st_ino, path.stat().st_size)
        assert not synced


def test_several_processes_append_at_once_without_losing_or_mixing_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(path, writer, 100)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found, _ = events.read(path)
    for writer in range(4):
        assert [event["number"] for event in found if event["writer"] == writer] == list(range(100))


def test_a_torn_last_line_is_skipped_and_closed_by_the_next_writer(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events.append(path, {"type": "whole"})
    with path.open("ab") as file:
        file.write(b'{"type": "to')
    assert [event["type"] for event in events.read(path)[0]] == ["whole"]
    events.append(path, {"type": "next"})
    assert [event["type"] for event in events.read(path)[0]] == ["whole", "next"]
    assert b'{"type": "to\n' in path.read_bytes()


def test_a_last_line_that_lacks_only_its_newline_counts_for_the_decision_as_it_will_for_readers(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events.append(path, {"type": "a"}, {"type": "b"})
    path.write_bytes(path.read_bytes()[:-1])
    seen: list[str] = []
    announced = []

    def decide(found: list[events.Event]) -> list[events.Event]:
        seen.extend(event["type"] for event in found)
        return []

    events.transact(path, decide, announce=lambda: announced.append(events.read(path)[0][-1]["type"]))
    assert seen == [event["type"] for event in events.read(path)[0]] == ["a", "b"]
    assert announced == ["a"], "before readers can see the line"


def test_a_torn_tail_does_not_move_a_readers_offset_past_it(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events.append(path, {"type": "whole"})
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b'{"type": "slow')
    _, offset = events.read(path)
    assert offset == size
    with path.open("ab") as file:
        file.write(b'"}\n')
    assert [event["type"] for event in events.read(path, offset)[0]] == ["slow"]


@pytest.mark.parametrize(
    "garbage", [b"\x00\x00\n", b"[1]\n", b'{"no": "type"}\n', b"\xff\xfe{}\n", b'{"type": 3}\n', b"[" * 100_000 + b"\n"]
)
def test_lines_that_are_no_events_are_skipped(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "events.jsonl"
    events.append(path, {"type": "a"})
    with path.open("ab") as file:
        file.write(garbage)
    assert events.damaged(path) == 1
    events.append(path, {"type": "b"})
    assert [event["type"] for event in events.read(path)[0]] == ["a", "b"]


def test_lines_that_are_passed_over_are_counted_a_torn_tail_too(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert events.damaged(path) == 0
    path.write_bytes(b'{"type": "a"}\n\xff\n\n{"type": "b"}\n{"type": "to')
    assert events.damaged(path) == 2
    assert [event and event["type"] for _, event in events.lines(path.read_bytes())] == ["a", None, "b", None]


def test_a_decision_sees_everything_before_it_and_an_exception_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events.append(path, {"type": "a"})
    before = path.read_bytes()

    def refuse(found: list[events.Event]) -> list[events.Event]:
        assert [event["type"] for event in found] == ["a"]
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        events.transact(path, refuse)
    assert path.read_bytes() == before


def test_an_announcement_precedes_the_event_under_the_same_lock(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    seen = []
    events.append(path, {"type": "a"}, announce=lambda: seen.append(path.read_bytes()))
    assert seen == [b""]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreException, match="gone"):
        events.append(tmp_path / "nowhere" / "events.jsonl", {"type": "a"})


def test_each_event_carries_its_time(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events.append(path, {"type": "a"}, {"type": "b", "t": 1.5})
    first, second = events.read(path)[0]
    assert abs(first["t"] - path.stat().st_mtime) < 60
    assert second["t"] == 1.5


def test_lines_are_plain_json_for_other_tools(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events.append(path, {"type": "a", "value": float(1)})
    assert json.loads(path.read_text().splitlines()[0])["value"] == 1.0
