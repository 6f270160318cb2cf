"""Reading all numbers of a metric block by block: the same ones in the same order, in little memory."""

from __future__ import annotations

import itertools
import json
import math
import random
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from traindock.errors import StoreException
from traindock.store.metric_points import Points
from traindock.store.metrics import MetricReader


def write(metrics: Path, writer: str, rows: list[tuple[float, float, int | None]], *, whole: bool = False) -> None:
    """Write (value, time, step) as a file, or two where some lack the step, of the metric "loss"."""
    folder = metrics / writer
    folder.mkdir(parents=True, exist_ok=True)
    for stepped in (False, True):
        mine = [row for row in rows if (row[2] is not None) == stepped]
        if not mine:
            continue
        number = len(list(folder.glob("*.bin")))
        entry = {"file": number, "name": "loss", "kind": "i" if whole else "f", "step": stepped}
        with (folder / "names.jsonl").open("a") as names:
            names.write(json.dumps(entry) + "\n")
        value = ("value", "<i8" if whole else "<f8")
        fields = [value, ("step", "<i8"), ("reserved", "<i8")] if stepped else [value]
        records = np.zeros(len(mine), [*fields, ("time", "<f8")])
        records["value"], records["time"] = [row[0] for row in mine], [row[1] for row in mine]
        if stepped:
            records["step"] = [row[2] for row in mine]
        (folder / f"{number}.bin").write_bytes(records.tobytes())


def write_lines(metrics: Path, writer: str, rows: list[tuple[Any, float, int | None]]) -> None:
    folder = metrics / writer
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "records.jsonl").open("a") as lines:
        for value, time, step in rows:
            entry = {"t": time, "name": "loss", "kind": "scalar", "value": value}
            lines.write(json.dumps({**entry, **({} if step is None else {"step": step})}) + "\n")


def columns(blocks: list[Points]) -> list[tuple[float, float, int | None]]:
    found = []
    for block in blocks:
        steps = [None] * len(block.times) if block.steps is None else block.steps.tolist()
        has = [False] * len(block.times) if block.has_step is None else block.has_step.tolist()
        kept = [step if there else None for step, there in zip(steps, has, strict=True)]
        found += zip(block.values.tolist(), block.times.tolist(), kept, strict=True)
    return found


class TestBlocks:
    @pytest.mark.parametrize("seed", range(20))
    def test_are_the_points_in_their_order(self, tmp_path: Path, seed: int) -> None:
        rng = random.Random(seed)
        for writer in range(rng.randint(1, 4)):
            # Many points at the same time, times that run back, and records that are damaged.
            times = [1e9 + rng.choice([n // 40, n, n - 30, math.nan]) for n in range(rng.randint(0, 700))]
            stepped = rng.random()
            rows = [(rng.random(), time, n if rng.random() < stepped else None) for n, time in enumerate(times)]
            whole = rng.random() < 0.3
            write(tmp_path, f"{writer}-a", [(int(v * 9) if whole else v, t, s) for v, t, s in rows], whole=whole)
            if rng.random() < 0.5:
                sound = [row for row in rows if row[1] == row[1]][:50]
                write_lines(tmp_path, f"{writer}-a", [(rng.choice([True, 2**70, 3]), t, s) for _, t, s in sound])
        reader = MetricReader(tmp_path)

        blocks = list(reader.blocks("loss", size=rng.choice([1, 7, 64, 10_000])))

        assert columns(blocks) == columns([reader.points("loss")])
        assert len({block.values.dtype for block in blocks}) <= 1
        assert all(len(block.times) for block in blocks)

    def test_of_a_metric_that_is_not_there_are_none(self, tmp_path: Path) -> None:
        assert list(MetricReader(tmp_path).blocks("loss")) == []

    def test_hold_little_of_many_points_of_many_files(self, tmp_path: Path) -> None:
        for writer in range(4):
            write(tmp_path, f"{writer}-a", [(0.5, 1e9 + n, None) for n in range(100_000)])
        reader = MetricReader(tmp_path)
        next(reader.blocks("loss"))

        tracemalloc.start()
        count = sum(len(block.times) for block in reader.blocks("loss"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert count == 400_000
        assert peak < 3e6, "all of it are 6.4 MB"

    def test_what_is_logged_meanwhile_is_left_out(self, tmp_path: Path) -> None:
        write(tmp_path, "1-a", [(n, 1e9 + n, None) for n in range(100)])
        blocks = MetricReader(tmp_path).blocks("loss", size=10)
        first = next(blocks)
        path = tmp_path / "1-a" / "0.bin"
        path.write_bytes(path.read_bytes() * 2)

        assert len(columns([first, *blocks])) == 100

    def test_a_file_that_goes_meanwhile_is_told(self, tmp_path: Path) -> None:
        write(tmp_path, "1-a", [(n, 1e9 + n, None) for n in range(100)])
        blocks = MetricReader(tmp_path).blocks("loss", size=10)
        next(blocks)
        (tmp_path / "1-a" / "0.bin").unlink()

        with pytest.raises(StoreException, match="'loss' became shorter"):
            list(itertools.islice(blocks, 100))


class TestHeldBytes:
    def test_grow_with_what_was_asked_for(self, tmp_path: Path) -> None:
        rows = [(0.5, 1e9 + n, None) for n in range(100_000)]
        write(tmp_path, "1-a", rows)
        reader = MetricReader(tmp_path)
        assert reader.held_bytes() == 0

        reader.buckets("loss")
        summaries = reader.held_bytes()
        write(tmp_path, "2-a", rows)
        write_lines(tmp_path, "2-a", [(True, 1e9, None)])
        reader.buckets("loss")

        assert 20_000 < summaries < 50_000
        assert reader.held_bytes() > 200_000 * 16, "two files are merged, point by point"
