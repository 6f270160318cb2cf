"""Points that were read out of other files: each of them once, whatever happened meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from traindock.errors import StoreException
from traindock.store.event_files import Scalar
from traindock.store.imported_metrics import ImportedMetrics, imported_from
from traindock.store.layout import RunLayout
from traindock.store.metrics import MetricReader


@pytest.fixture
def run(tmp_path: Path) -> RunLayout:
    return RunLayout(tmp_path)


def points(*steps: int, tag: str = "loss") -> list[Scalar]:
    return [Scalar(tag, step / 2, step, 1_700_000_000.0 + step) for step in steps]


def imported(run: RunLayout, name: str = "one") -> ImportedMetrics:
    return ImportedMetrics(run.imported / name, "logs/events", "")


def add(to: ImportedMetrics, scalars: Iterable[Scalar], offset: int) -> None:
    to.add(scalars, offset, lambda tag: tag)


def steps(run: RunLayout, name: str = "loss") -> list[int]:
    found = MetricReader.of_run(run).points(name).steps
    return [] if found is None else found.tolist()


def test_readers_see_them_with_values_steps_and_times(run: RunLayout) -> None:
    add(imported(run), points(1, 2) + points(1, tag="accuracy"), 100)

    found = MetricReader.of_run(run)
    loss = found.points("loss")
    assert (loss.values.tolist(), loss.times.tolist()) == ([0.5, 1.0], [1_700_000_001.0, 1_700_000_002.0])
    assert steps(run) == [1, 2]
    assert found.as_azure() == {"loss": [0.5, 1.0], "accuracy": 0.5}
    assert (found.lost(), found.damaged()) == (0, 0)


def test_a_follower_gets_each_of_them_once(run: RunLayout) -> None:
    first, second = imported(run), imported(run, "two")
    reader, cursor, seen = MetricReader.of_run(run), None, []
    for round_ in range(3):
        add(first, points(round_), round_ + 1)
        add(second, points(round_, tag="accuracy"), round_ + 1)
        batch, cursor = reader.since(cursor)
        seen += [(one.name, step) for one in batch.series for step in one.steps.tolist()]  # type: ignore[union-attr]

    assert sorted(seen) == [(name, step) for name in ("accuracy", "loss") for step in range(3)]


def test_another_process_goes_on_where_the_last_one_stopped(run: RunLayout) -> None:
    add(imported(run), points(1, 2), 100)
    (again,) = imported_from(run.imported)
    assert (again.file, again.offset, again.series) == ("logs/events", 100, 1)
    add(again, points(3) + points(3, tag="accuracy"), 200)

    assert (steps(run), steps(run, "accuracy")) == ([1, 2, 3], [3])


def test_what_was_written_before_its_place_was_kept_is_there_once(run: RunLayout, tmp_path: Path) -> None:
    one = imported(run)
    add(one, points(1, 2), 100)
    place = run.imported / "one" / "place.json"
    shutil.copy(place, tmp_path / "before")
    add(one, points(3, 4) + points(4, tag="accuracy"), 200)
    shutil.copy(tmp_path / "before", place)  # as if killed in between

    (again,) = imported_from(run.imported)
    add(again, points(3), 150)
    assert steps(run) == [1, 2, 3, 4]
    add(again, points(4, 5) + points(4, tag="accuracy"), 250)

    assert (steps(run), steps(run, "accuracy")) == ([1, 2, 3, 4, 5], [4])


def test_a_full_disk_loses_nothing_and_doubles_nothing(run: RunLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    one = imported(run)
    add(one, points(1), 100)
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, where: write(fd, data[:50], where))
    with pytest.raises(StoreException, match="full"):
        add(one, points(2, 3), 200)
    assert one.offset == 100
    monkeypatch.undo()

    add(one, points(2, 3), 200)

    assert steps(run) == [1, 2, 3]


def test_points_that_a_power_failure_took_are_read_again(run: RunLayout) -> None:
    add(imported(run), points(1, 2, 3), 100)
    os.truncate(run.imported / "one" / "0.bin", 40)

    (again,) = imported_from(run.imported)

    assert again.offset == 0
    add(again, points(1, 2, 3), 100)
    assert steps(run) == [1, 2, 3]


def test_a_time_that_cannot_be_does_not_hide_the_point(run: RunLayout) -> None:
    add(imported(run), [Scalar("loss", 0.5, 1, 0.0), Scalar("loss", 1.0, 2, float("nan"))], 100)

    assert steps(run) == [1, 2]


def test_a_tag_that_gets_no_name_is_left_out(run: RunLayout) -> None:
    imported(run).add(points(1) + points(1, tag="secret"), 100, lambda tag: None if tag == "secret" else tag)

    assert [info.name for info in MetricReader.of_run(run).names()] == ["loss"]


@pytest.mark.parametrize("name", ["place.json", "names.jsonl"])
def test_what_is_damaged_is_written_again(run: RunLayout, name: str) -> None:
    add(imported(run), points(1, 2), 100)
    (run.imported / "one" / name).write_text("{}")

    assert imported_from(run.imported) == []
    again = imported(run)
    assert again.offset == 0
    add(again, points(1, 2, 3), 150)
    assert steps(run) == [1, 2, 3]


def test_a_jobs_own_writer_cannot_take_the_place_of_an_imported_one(run: RunLayout) -> None:
    add(imported(run), points(1), 100)
    shutil.copytree(run.imported / "one", run.metrics / "one")
    reader = MetricReader.of_run(run)
    batch, cursor = reader.since()

    assert len(batch) == 2
    assert len(reader.since(cursor)[0]) == 0
