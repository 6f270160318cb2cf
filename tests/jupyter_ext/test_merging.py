"""What a message has of the points that were logged."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from jupyterlab_traindock import json_text
from jupyterlab_traindock.live.merging import MOST, MOST_OF_ONE, MOST_SERIES, Merged
from traindock.store.metric_files import Record
from traindock.store.metric_points import Series
from traindock.store.metrics import Batch, MetricReader


def a_series(name: str, values: list[float]) -> Series:
    count = len(values)
    return Series(name, 1e9 + np.arange(count) / 7, np.array(values), np.arange(count))


def merged(*series: Series, records: list[Record] | None = None) -> Merged:
    made = Merged()
    made.add(Batch(list(series), records or [], more=False))
    return made


class TestBuckets:
    def test_values_that_are_no_numbers_hide_no_others(self) -> None:
        values = [math.nan if number % 2 else float(number) for number in range(4 * MOST_OF_ONE)]

        [table] = merged(a_series("loss", values)).document()["series"]

        buckets = table["buckets"]
        assert buckets["min"] == [float(4 * number) for number in range(MOST_OF_ONE)]
        assert buckets["max"] == [float(4 * number + 2) for number in range(MOST_OF_ONE)]
        assert buckets["nans"] == [2] * MOST_OF_ONE

    def test_all_metrics_together_have_so_many_at_most(self) -> None:
        names = [f"metric {number}" for number in range(50)]

        found = merged(*(a_series(name, [0.5] * MOST_OF_ONE) for name in names)).document()["series"]

        assert [one["name"] for one in found] == names
        assert sum(len(one["buckets"]["count"]) for one in found) == MOST
        assert sum(sum(one["buckets"]["count"]) for one in found) == 50 * MOST_OF_ONE

    def test_a_message_of_as_many_metrics_as_fit_is_shorter_than_a_megabyte(self) -> None:
        values = np.random.default_rng(1).normal(size=100).tolist()
        full = merged(*(a_series(f"metric {number}", values) for number in range(MOST_SERIES)))

        assert full.room == 0
        assert len(json_text.of_plain(full.document())) < 1 << 20


class TestVeryManyMetrics:
    @pytest.fixture
    def metrics(self, tmp_path: Path) -> Path:
        """Twice as many metrics as fit, and some, with three points each."""
        folder = tmp_path / "metrics" / "9-00000000"
        folder.mkdir(parents=True)
        with (folder / "names.jsonl").open("w") as names:
            for number in range(2 * MOST_SERIES + 10):
                entry = {"file": number, "name": f"m{number}", "kind": "f", "step": False, "description": ""}
                names.write(json.dumps(entry) + "\n")
                points = np.array([[number, 1e9], [number, 1e9 + 1], [number, 1e9 + 2]])
                (folder / f"{number}.bin").write_bytes(points.tobytes())
        return folder.parent

    def test_come_in_several_parts_without_loss_or_repetition(self, metrics: Path) -> None:
        reader, cursor, found, parts, more = MetricReader(metrics), None, [], 0, True
        while more:
            batch, cursor = reader.since(cursor, most_series=MOST_SERIES)
            assert len(batch.series) <= MOST_SERIES
            found += [(one.name, one.values.tolist()) for one in batch.series]
            parts, more = parts + 1, batch.more

        assert parts == 3
        assert sorted(found) == sorted((f"m{number}", [float(number)] * 3) for number in range(2 * MOST_SERIES + 10))

    def test_none_waits_for_those_that_are_logged_all_the_time(self, metrics: Path) -> None:
        reader, cursor, missing = MetricReader(metrics), None, {f"m{number}" for number in range(2 * MOST_SERIES + 10)}
        for _ in range(100):
            batch, cursor = reader.since(cursor, most_series=MOST_SERIES)
            missing -= {one.name for one in batch.series}
            if not missing:
                break
            for one in batch.series:
                with (metrics / "9-00000000" / f"{one.name[1:]}.bin").open("ab") as file:
                    file.write(np.array([0.0, 2e9]).tobytes())

        assert not missing

    def test_whole_numbers_beyond_64_bits_among_them_are_counted(self) -> None:
        records = [Record(1e9, f"big {number}", "scalar", 2**70) for number in range(MOST_SERIES + 3)]

        document = merged(records=records).document()

        assert (len(document["series"]), document["records_left_out"]) == (MOST_SERIES, 3)
