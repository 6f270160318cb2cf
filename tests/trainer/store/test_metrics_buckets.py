"""Buckets for charts, against the same sums made the slow way."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from traindock.errors import UserErrorException
from traindock.store.buckets import Buckets
from traindock.store.chunks import CHUNK
from traindock.store.metrics import MetricReader


def write(
    metrics: Path,
    values: np.ndarray[Any, Any],
    times: np.ndarray[Any, Any] | None = None,
    steps: np.ndarray[Any, Any] | None = None,
    writer: str = "1-a",
    name: str = "loss",
) -> Path:
    folder = metrics / writer
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob("*.bin")))
    kind = "f" if values.dtype.kind == "f" else "i"
    with (folder / "names.jsonl").open("a") as names:
        names.write(json.dumps({"file": number, "name": name, "kind": kind, "step": steps is not None}) + "\n")
    fields: list[tuple[str, str]] = [("value", "<f8" if kind == "f" else "<i8")]
    fields += [("step", "<i8"), ("reserved", "<i8")] if steps is not None else []
    records = np.zeros(len(values), [*fields, ("time", "<f8")])
    records["value"] = values
    records["time"] = np.arange(len(values)) * 0.01 + 1.7e9 if times is None else times
    if steps is not None:
        records["step"] = steps
    path = folder / f"{number}.bin"
    with path.open("ab") as out:
        out.write(records.tobytes())
    return path


def slowly(x: np.ndarray[Any, Any], values: np.ndarray[Any, Any], width: float) -> dict[str, list[float]]:
    """The same by a loop over the buckets. x ascends."""
    found: dict[str, list[float]] = {
        key: [] for key in ("start", "min", "max", "last", "count", "nans", "first", "final")
    }
    place = np.floor(x / width)
    for one in np.unique(place):
        mine = values[place == one].astype(float)
        numbers = mine[~np.isnan(mine)]
        found["start"].append(one * width)
        found["min"].append(numbers.min() if len(numbers) else math.nan)
        found["max"].append(numbers.max() if len(numbers) else math.nan)
        found["last"].append(mine[-1])
        found["count"].append(len(mine))
        found["nans"].append(len(mine) - len(numbers))
        found["first"].append(x[place == one].min())
        found["final"].append(x[place == one].max())
    return found


def check(
    buckets: Buckets,
    x: np.ndarray[Any, Any],
    values: np.ndarray[Any, Any],
    count: int = 800,
    window: tuple[float, float] | None = None,
) -> None:
    wanted = slowly(x, values, buckets.width)
    for key, expected in wanted.items():
        np.testing.assert_array_equal(getattr(buckets, key), expected, err_msg=key)
    assert len(buckets.start) <= count + 1
    assert math.log2(buckets.width).is_integer()
    # No wider than the points, or the window within them, need.
    low, high = window or (x[0], x[-1])
    least = 2.0**-20 if buckets.axis == "time" else 1.0
    assert buckets.width <= max(least, 2 * (high - low) / count)


SIZES = [1, 2, 255, 256, 257, 5_000, CHUNK * 64, CHUNK * 64 + 1, 100_003, pytest.param(700_000, marks=pytest.mark.slow)]
rng = np.random.default_rng(20)


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("count", [1, 7, 800])
class TestOneFile:
    def test_by_index(self, metrics: Path, n: int, count: int) -> None:
        values = rng.normal(size=n)
        write(metrics, values)
        for _ in range(2):  # without the cache, then with it
            check(MetricReader(metrics).buckets("loss", count), np.arange(n), values, count)

    def test_by_time(self, metrics: Path, n: int, count: int) -> None:
        values = rng.normal(size=n)
        times = 1.7e9 + np.cumsum(rng.exponential(0.1, n) ** 3)
        write(metrics, values, times)
        for _ in range(2):
            check(MetricReader(metrics).buckets("loss", count, axis="time"), times, values, count)

    def test_by_step(self, metrics: Path, n: int, count: int) -> None:
        values = rng.integers(-5, 5, n)
        steps = np.cumsum(rng.integers(0, 5, n)) - 1000
        write(metrics, values, steps=steps)
        for _ in range(2):
            check(MetricReader(metrics).buckets("loss", count, axis="step"), steps, values, count)

    def test_with_nan_and_infinities(self, metrics: Path, n: int, count: int) -> None:
        values = rng.normal(size=n)
        values[rng.random(n) < 0.3] = math.nan
        values[rng.random(n) < 0.01] = math.inf
        values[n // 4 : n // 2] = math.nan
        write(metrics, values)
        check(MetricReader(metrics).buckets("loss", count), np.arange(n), values, count)

    def test_with_damaged_records(self, metrics: Path, n: int, count: int) -> None:
        values = rng.normal(size=n)
        times = 1.7e9 + np.arange(n) * 0.5
        times[rng.random(n) < 0.2] = math.nan
        times[n // 3 : n // 2] = -1.0
        write(metrics, values, times)
        sound = times >= 0
        if not sound.any():
            return
        x = np.arange(n)[sound]
        found = MetricReader(metrics).buckets("loss", count)
        wanted = slowly(x, values[sound], found.width)
        for key, expected in wanted.items():
            np.testing.assert_array_equal(getattr(found, key), expected, err_msg=key)
        found = MetricReader(metrics).buckets("loss", count, axis="time")
        check(found, times[sound], values[sound], count)


@pytest.mark.parametrize("axis", ["index", "time", "step"])
def test_a_window(metrics: Path, axis: Any) -> None:
    n = 300_000
    values = rng.normal(size=n)
    x = {"index": np.arange(n), "time": 1 + np.cumsum(rng.random(n)), "step": np.arange(n) * 3}[axis]
    write(metrics, values, x if axis == "time" else None, x if axis == "step" else None)
    reader = MetricReader(metrics)
    for start, stop in [(1000, 1001), (1000, 1400), (12_345, 99_000), (0, 10**9), (-5, 3), (250_000, None), (None, 77)]:
        mine = (x >= (-math.inf if start is None else start)) & (x < (math.inf if stop is None else stop))
        found = reader.buckets("loss", 100, start, stop, axis)
        if mine.any():
            low, high = x[0] if start is None else max(x[0], start), x[-1] if stop is None else min(x[-1], stop)
            check(found, x[mine], values[mine], 100, (low, high))
        else:
            assert len(found.start) == 0
    assert len(reader.buckets("loss", 100, 10**9, 2 * 10**9, axis).start) == 0
    assert len(reader.buckets("loss", 100, 500, 400, axis).start) == 0


@pytest.mark.parametrize("n", [50, 40_000])
class TestSeveralFiles:
    @pytest.mark.parametrize("axis", ["index", "time", "step"])
    def test_they_are_one_metric(self, metrics: Path, n: int, axis: Any) -> None:
        times = [1.7e9 + np.cumsum(rng.random(n)) for _ in range(3)]
        steps = [np.sort(rng.integers(0, n, n)) for _ in range(3)]
        values = [rng.normal(size=n) for _ in range(3)]
        for number in range(3):
            write(metrics, values[number], times[number], steps[number], f"{number}-x")
        order = np.argsort(np.concatenate(times), kind="stable")
        every = np.concatenate(values)[order]
        found = MetricReader(metrics).buckets("loss", 100, axis=axis)
        if axis == "index":
            check(found, np.arange(3 * n), every, 100)
        elif axis == "time":
            check(found, np.concatenate(times)[order], every, 100)
        else:
            step = np.concatenate(steps)[order]
            wanted = slowly(np.sort(step), every[np.argsort(step, kind="stable")], found.width)
            for key in ("start", "min", "max", "count", "first", "final"):
                np.testing.assert_array_equal(getattr(found, key), wanted[key], err_msg=key)

    def test_steps_that_start_again(self, metrics: Path, n: int) -> None:
        steps = np.concatenate([np.arange(n), np.arange(n)])
        values = rng.normal(size=2 * n)
        write(metrics, values, steps=steps)
        found = MetricReader(metrics).buckets("loss", 2 * n, axis="step")
        assert found.width == 1
        assert found.count.tolist() == [2] * n
        assert found.last.tolist() == values[n:].tolist()

    def test_points_without_a_step_are_not_on_its_axis(self, metrics: Path, n: int) -> None:
        write(metrics, np.full(n, 5.0))
        write(metrics, np.ones(n), steps=np.arange(n))
        found = MetricReader(metrics).buckets("loss", axis="step")
        assert found.axis == "step"
        assert found.count.sum() == n
        assert found.max.max() == 1
        assert MetricReader(metrics).buckets("loss").count.sum() == 2 * n


@pytest.mark.parametrize("again", [40, CHUNK, CHUNK + 100, 2 * CHUNK])
@pytest.mark.parametrize("nan", [False, True])
def test_steps_that_start_again_anywhere_in_a_chunk(metrics: Path, again: int, nan: bool) -> None:
    n = 2 * CHUNK + 44
    steps = np.concatenate([np.arange(again), np.arange(n - again)])
    values = rng.normal(size=n)
    if nan:
        values[[20, CHUNK + 20]] = np.nan  # summed up by another way
    write(metrics, values, steps=steps)
    order = np.argsort(steps, kind="stable")
    check(MetricReader(metrics).buckets("loss", n, axis="step"), steps[order], values[order], n)


class TestEdges:
    def test_they_stay_where_they_are_while_points_are_added(self, metrics: Path) -> None:
        reader = MetricReader(metrics)
        write(metrics, rng.normal(size=100_000))
        before = reader.buckets("loss", 80)
        values = rng.normal(size=10_000)
        path = metrics / "1-a" / "0.bin"
        records = np.zeros(len(values), [("value", "<f8"), ("time", "<f8")])
        records["value"], records["time"] = values, 1.8e9
        with path.open("ab") as out:
            out.write(records.tobytes())
        after = reader.buckets("loss", 80)
        assert after.width == before.width
        kept = len(before.start) - 1
        np.testing.assert_array_equal(after.start[:kept], before.start[:kept])
        np.testing.assert_array_equal(after.max[:kept], before.max[:kept])
        assert after.count.sum() == 110_000

    def test_an_unknown_metric_has_no_buckets(self, metrics: Path) -> None:
        assert len(MetricReader(metrics).buckets("nothing").start) == 0

    def test_without_steps_the_axis_is_the_index_and_says_so(self, metrics: Path) -> None:
        write(metrics, np.ones(5))
        assert MetricReader(metrics).buckets("loss", axis="step").axis == "index"

    @pytest.mark.parametrize(("count", "axis"), [(0, "index"), (-1, "time"), (10**6, "index"), (10, "epoch")])
    def test_what_cannot_be_is_refused(self, metrics: Path, count: int, axis: Any) -> None:
        with pytest.raises(UserErrorException):
            MetricReader(metrics).buckets("loss", count, axis=axis)

    def test_times_that_two_threads_wrote_crosswise(self, metrics: Path) -> None:
        n = 200_000
        times = 1.7e9 + np.arange(n) * 0.01
        times[1000::1000] -= 0.005
        times[1000::777] -= 0.015
        write(metrics, rng.normal(size=n), times)
        found = MetricReader(metrics).buckets("loss", axis="time")
        assert found.count.sum() == n
        assert (np.diff(found.start) > 0).all()


class TestCache:
    def test_it_lies_beside_a_long_file_and_grows_by_appending(self, metrics: Path) -> None:
        path = write(metrics, rng.normal(size=CHUNK * 100))
        cache = path.with_suffix(".chunks")
        reader = MetricReader(metrics)
        reader.buckets("loss")
        before = cache.read_bytes()
        more = np.fromfile(path, np.uint8)
        with path.open("ab") as out:
            out.write(more.tobytes())
        reader.buckets("loss")
        after = cache.read_bytes()
        assert after.startswith(before)
        assert len(after) == 2 * len(before) - 16

    def test_short_files_have_none(self, metrics: Path) -> None:
        path = write(metrics, rng.normal(size=5_000))
        MetricReader(metrics).buckets("loss")
        assert not path.with_suffix(".chunks").exists()

    @pytest.mark.parametrize("spoil", ["other records", "cut", "garbage", "empty", "a link", "a folder"])
    def test_whatever_it_holds_the_answer_is_right(self, metrics: Path, tmp_path: Path, spoil: str) -> None:
        n = CHUNK * 200 + 5
        path = write(metrics, rng.normal(size=n))
        cache = path.with_suffix(".chunks")
        MetricReader(metrics).buckets("loss")
        data = cache.read_bytes()
        values = np.fromfile(path, "<f8")[::2]
        outside = tmp_path / "outside"
        outside.write_bytes(b"")
        if spoil == "other records":
            path.unlink()
            (metrics / "1-a" / "names.jsonl").unlink()
            values = rng.normal(size=n)
            write(metrics, values)
        elif spoil == "cut":
            cache.write_bytes(data[: len(data) // 2 + 3])
        elif spoil == "garbage":
            cache.write_bytes(os.urandom(5000))
        elif spoil == "empty":
            cache.write_bytes(b"")
        else:
            cache.unlink()
            if spoil == "a link":
                cache.symlink_to(outside)
            else:
                cache.mkdir()
        for count in (20, 20, 800):  # few buckets are made from the cache, many from the records
            check(MetricReader(metrics).buckets("loss", count), np.arange(n), values, count)
        assert outside.read_bytes() == b""

    def test_a_folder_that_cannot_be_written(self, metrics: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        n = CHUNK * 100
        values = rng.normal(size=n)
        path = write(metrics, values)
        real = os.open

        def refuse(name: Any, flags: int, *args: Any, **options: Any) -> int:
            if flags & os.O_WRONLY and str(name).startswith(str(metrics)):
                raise PermissionError(13, "read-only")
            return real(name, flags, *args, **options)

        monkeypatch.setattr(os, "open", refuse)
        reader = MetricReader(metrics)
        for _ in range(2):
            check(reader.buckets("loss"), np.arange(n), values)
        assert not path.with_suffix(".chunks").exists()
