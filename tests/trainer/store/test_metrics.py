"""Reading metrics back: whole, in Azure's form, since a cursor; what is torn or damaged is passed over and counted."""

from __future__ import annotations

import json
import math
import os
import random
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from traindock.errors import UserErrorException
from traindock.runtime.context import JobRun
from traindock.store.metrics import MetricReader


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


@pytest.fixture
def run(metrics: Path) -> Iterator[JobRun]:
    run = a_run(metrics)
    yield run
    run._metrics.close()


def a_run(metrics: Path) -> JobRun:
    """A run as its job sees it; each one writes as a process of its own would."""
    variables = {"TRAINDOCK_RUN_ID": "e_1_2", "TRAINDOCK_METRICS_DIR": str(metrics)}
    return JobRun({**variables, "TRAINDOCK_UPLOADS_DIR": str(metrics.parent / "uploads")})


def writer_of(metrics: Path) -> Path:
    (folder,) = (one for one in metrics.iterdir() if one.name != "0-00000000")
    return folder


def raw(metrics: Path, name: str, kind: str, records: list[tuple[float, float]], writer: str = "9-aaaaaaaa") -> Path:
    """Write a metric by hand, from (time, value) pairs."""
    folder = metrics / writer
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob("*.bin")))
    with (folder / "names.jsonl").open("a") as names:
        names.write(json.dumps({"file": number, "name": name, "kind": kind, "step": False, "description": ""}) + "\n")
    path = folder / f"{number}.bin"
    layout = "<dd" if kind == "f" else "<qd"
    path.write_bytes(b"".join(struct.pack(layout, value, time) for time, value in records))
    return path


class TestWhole:
    def test_nothing_is_there_yet(self, metrics: Path) -> None:
        reader = MetricReader(metrics)
        assert reader.names() == []
        assert reader.values("loss") == []
        assert len(reader.points("loss").times) == 0
        assert reader.as_azure() == {}
        assert reader.summary() == {}
        assert (reader.lost(), reader.damaged()) == (0, 0)

    def test_every_type_comes_back_as_it_was(self, run: JobRun, metrics: Path) -> None:
        given = [0.5, 3, -(2**63), 2**63, 10**5000, True, "text\n\0é", None, math.inf, -math.inf, 0.0, 1e-320, False]
        for value in given:
            run.log("mixed", value)
        found = MetricReader(metrics).values("mixed")
        assert found == given
        assert [type(value) for value in found] == [type(value) for value in given]

    def test_nan_comes_back(self, run: JobRun, metrics: Path) -> None:
        run.log("loss", math.nan)
        run.log_list("list", [1, math.nan, math.inf])
        reader = MetricReader(metrics)
        assert math.isnan(reader.values("loss")[0])
        (found,) = reader.values("list")
        assert found[0] == 1
        assert math.isnan(found[1])
        assert found[2] == math.inf

    def test_points_keep_integers_exact(self, run: JobRun, metrics: Path) -> None:
        run.log("n", 2**62 + 1)
        run.log("n", 3)
        points = MetricReader(metrics).points("n")
        assert points.values.dtype == np.int64
        assert points.values.tolist() == [2**62 + 1, 3]
        assert points.steps is None

    def test_points_with_and_without_step_can_be_mixed(self, run: JobRun, metrics: Path) -> None:
        run.log("loss", 1.0)
        run.log("loss", 2.0, step=10)
        run.log("loss", 3, step=11)
        run.log("loss", True, step=12)
        run.log("loss", 4.0)
        points = MetricReader(metrics).points("loss")
        assert points.values.tolist() == [1, 2, 3, 1, 4]
        assert points.steps is not None
        assert points.has_step is not None
        assert points.has_step.tolist() == [False, True, True, True, False]
        assert points.steps[points.has_step].tolist() == [10, 11, 12]

    def test_writers_are_merged_by_time_each_in_its_own_order(self, metrics: Path) -> None:
        raw(metrics, "loss", "f", [(1, 10), (3, 30), (2.5, 25), (5, 50)], "1-a")
        raw(metrics, "loss", "f", [(2, 20), (4, 40)], "2-b")
        reader = MetricReader(metrics)
        assert reader.values("loss") == [10, 20, 30, 25, 40, 50]
        assert reader.points("loss").values.tolist() == [10, 20, 30, 25, 40, 50]

    def test_names_say_what_there_is(self, run: JobRun, metrics: Path) -> None:
        run.log("b", 1.0, description="first")
        run.log("b", 2, step=1, description="second")
        run.log_row("a", description="a table", x=1)
        run.log("ünï / code", "x")
        found = {info.name: info for info in MetricReader(metrics).names()}
        assert list(found) == ["a", "b", "ünï / code"]
        assert (found["b"].kind, found["b"].count, found["b"].stepped, found["b"].description) == (
            "scalar",
            2,
            True,
            "first",
        )
        assert (found["a"].kind, found["a"].count, found["a"].description) == ("row", 1, "a table")

    def test_a_reader_that_is_kept_sees_what_is_added(self, run: JobRun, metrics: Path) -> None:
        reader = MetricReader(metrics)
        for count in range(1, 4):
            run.log("loss", count / 2)
            run.log("note", str(count))
            assert len(reader.values("loss")) == len(reader.values("note")) == count
        a_run(metrics).log("loss", 9.5)
        assert reader.values("loss") == [0.5, 1.0, 1.5, 9.5]

    def test_columns_for_a_data_frame(self, run: JobRun, metrics: Path) -> None:
        run.log("loss", 0.5)
        run.log("loss", 0.25, step=3)
        run.log("epoch", 1)
        run.log("note", "text")
        columns = MetricReader(metrics).to_frame_columns()
        assert columns["name"] == ["epoch", "loss", "loss"]
        assert columns["value"].tolist() == [1, 0.5, 0.25]
        assert np.isnan(columns["step"][:2]).all()
        assert columns["step"][2] == 3
        assert {len(column) for column in columns.values()} == {3}

    def test_summaries_come_in_the_order_in_which_metrics_did(self, run: JobRun, metrics: Path) -> None:
        names = ["train_loss", "val_loss", "acc", "epoch", "lr", "batch_loss"]
        for name in names:
            run.log(name, 1)
        assert list(MetricReader(metrics).summary()) == names

    @pytest.mark.slow
    def test_ten_thousand_names(self, run: JobRun, metrics: Path) -> None:
        for n in range(10_000):
            run.log(f"metric {n}", float(n))
        for n in range(0, 10_000, 1000):
            run.log(f"metric {n}", -1.0)
        reader = MetricReader(metrics)
        assert len(reader.names()) == 10_000
        assert reader.values("metric 7000") == [7000.0, -1.0]
        assert reader.values("metric 9999") == [9999.0]
        assert len(reader.summary()) == 10_000
        assert len(reader.as_azure()) == 10_000
        batch, cursor = reader.since(limit=8_000)
        rest, _ = reader.since(cursor, limit=8_000)
        assert (len(batch), batch.more, len(rest), rest.more) == (8_000, True, 2_010, False)


class TestAzure:
    """What get_metrics gives; the same inside the job."""

    @pytest.fixture(autouse=True)
    def _same_inside(self, run: JobRun, metrics: Path) -> Iterator[None]:
        yield
        assert repr(run.get_metrics()) == repr(dict(MetricReader(metrics).as_azure())) or (
            run.get_metrics() == MetricReader(metrics).as_azure()
        )

    def azure(self, metrics: Path) -> dict[str, Any]:
        return MetricReader(metrics).as_azure()

    def test_logged_once_is_a_scalar_and_more_often_a_list(self, run: JobRun, metrics: Path) -> None:
        run.log("once", 0.5)
        run.log("twice", 1)
        run.log("twice", 2.5)
        assert self.azure(metrics) == {"once": 0.5, "twice": [1, 2.5]}

    def test_one_row_is_a_dict_of_scalars_and_several_of_lists(self, run: JobRun, metrics: Path) -> None:
        run.log_row("one", x=1, y=0.5)
        run.log_row("many", x=1)
        run.log_row("many", x=2, y="late")
        assert self.azure(metrics) == {"one": {"x": 1, "y": 0.5}, "many": {"x": [1, 2], "y": [None, "late"]}}

    def test_tables(self, run: JobRun, metrics: Path) -> None:
        run.log_table("one", {"x": [1], "y": 2})
        run.log_table("many", {"x": [1, 2], "$float": [3, math.inf]})
        assert self.azure(metrics) == {"one": {"x": 1, "y": 2}, "many": {"x": [1, 2], "$float": [3, math.inf]}}

    def test_lists_are_joined(self, run: JobRun, metrics: Path) -> None:
        run.log_list("list", [1])
        run.log_list("more", range(2))
        run.log_list("more", np.array([0.5]))
        run.log("more", 9)
        assert self.azure(metrics) == {"list": [1], "more": [0, 1, 0.5, 9]}

    def test_schemas_are_dicts_and_images_their_file_names(self, run: JobRun, metrics: Path, tmp_path: Path) -> None:
        matrix = {"schema_type": "confusion_matrix", "schema_version": "1.0.0", "data": {"matrix": [[1, 2], [3, 4]]}}
        run.log_confusion_matrix("matrix", json.dumps(matrix))
        (tmp_path / "x.png").write_bytes(b"\x89PNG")
        run.log_image("a/b", path=tmp_path / "x.png")
        found = self.azure(metrics)
        assert found["matrix"] == matrix
        assert found["a/b"] in os.listdir(tmp_path / "uploads")

    def test_one_name_only(self, run: JobRun, metrics: Path) -> None:
        run.log("a", 1)
        run.log("b", 2)
        assert MetricReader(metrics).as_azure("a") == run.get_metrics("a") == {"a": 1}
        assert MetricReader(metrics).as_azure("c") == run.get_metrics("c") == {}


class TestDamage:
    def test_a_torn_record_is_passed_over_and_comes_once_it_is_whole(self, metrics: Path) -> None:
        path = raw(metrics, "loss", "f", [(1, 10), (2, 20)])
        whole = path.read_bytes()
        reader = MetricReader(metrics)
        for cut in range(1, 16):
            path.write_bytes(whole + whole[:cut])
            assert reader.values("loss") == [10, 20]
            assert reader.since()[0].series[0].values.tolist() == [10, 20]
        assert reader.damaged() == 1
        path.write_bytes(whole + struct.pack("<dd", 30, 3))
        assert reader.values("loss") == [10, 20, 30]
        assert reader.damaged() == 0

    def test_what_never_was_a_record_is_passed_over_and_counted(self, metrics: Path) -> None:
        path = raw(metrics, "loss", "f", [(1, 10)])
        whole = path.read_bytes()
        path.write_bytes(whole + bytes(160) + struct.pack("<dd", 20, 1e12) + b"some text, as if" * 100)
        reader = MetricReader(metrics)
        assert reader.values("loss") == [10] == reader.points("loss").values.tolist()
        assert reader.summary()["loss"].count == 1
        assert reader.damaged() == 111
        path.write_bytes(random.Random(1).randbytes(16 * 10_000))
        assert len(reader.values("loss")) < 300
        assert reader.damaged() == 10_000 - len(reader.values("loss"))

    def test_numbers_that_lost_their_name_are_counted(self, run: JobRun, metrics: Path) -> None:
        for name in ("loss", "acc"):
            run.log(name, 0.5)
        reader = MetricReader(metrics)
        assert reader.damaged() == 0
        (writer_of(metrics) / "names.jsonl").unlink()
        (writer_of(metrics) / "7.bin").touch()
        (writer_of(metrics) / "mine.bin").write_text("?")
        reader = MetricReader(metrics)
        assert reader.names() == []
        assert reader.damaged() == 2

    def test_a_filled_up_record_is_passed_over(self, metrics: Path) -> None:
        path = raw(metrics, "loss", "f", [(1, 10)])
        with path.open("ab") as file:
            file.write(struct.pack("<d", 15) + b"\xff" * 8 + b"\xff" * 16 + struct.pack("<dd", 20, 2))
        reader = MetricReader(metrics)
        assert reader.values("loss") == [10, 20]
        assert reader.points("loss").values.tolist() == [10, 20]
        assert reader.buckets("loss").last.tolist() == [10, 20]
        assert reader.summary()["loss"].count == 2
        assert reader.damaged() == 2

    @pytest.mark.parametrize(
        "garbage",
        [
            b"\xff\xfe\0\n",
            b"[1, 2]\n",
            b'{"t": 1}\n',
            b'{"t": "x", "name": "loss", "kind": "scalar", "value": 1}\n',
            b'{"t": 1, "name": ["x"], "kind": "scalar", "value": 1}\n',
            b'{"t": 1, "name": "loss", "kind": "row", "value": 1}\n',
            b'{"t": 1, "name": "loss", "kind": "list", "value": {"$float": "seven"}}\n',
            b'{"t": NaN, "name": "loss", "kind": "scalar", "value": 1}\n',
            b'{"t": 1, "name": "loss", "kind": "scalar", "value": true, "step": 9223372036854775808}\n',
            b"[" * 100_000 + b"\n",
            b"\n",
        ],
    )
    @pytest.mark.parametrize("file", ["names.jsonl", "records.jsonl"])
    def test_garbage_lines_are_passed_over(self, run: JobRun, metrics: Path, file: str, garbage: bytes) -> None:
        run.log("loss", 0.5)
        run.log("note", "before")
        with (writer_of(metrics) / file).open("ab") as out:
            out.write(garbage)
        run.log("note", "after")
        run.log("new", 1.5)
        reader = MetricReader(metrics)
        assert reader.as_azure() == {"loss": 0.5, "note": ["before", "after"], "new": 1.5} == run.get_metrics()
        assert reader.damaged() == 1

    def test_a_torn_line_is_passed_over(self, run: JobRun, metrics: Path) -> None:
        run.log("note", "whole")
        with (writer_of(metrics) / "records.jsonl").open("ab") as out:
            out.write(b'{"t": 1, "name": "note", "ki')
        reader = MetricReader(metrics)
        assert reader.values("note") == ["whole"]
        assert reader.damaged() == 0  # it may still be on its way

    def test_what_is_no_regular_file_is_not_followed(self, run: JobRun, metrics: Path, tmp_path: Path) -> None:
        run.log("loss", 0.5)
        secret = tmp_path / "secret"
        secret.write_bytes(struct.pack("<dd", 42, 1) * 3)
        writer = writer_of(metrics)
        with (writer / "names.jsonl").open("a") as names:
            for number in (7, 8, 9):
                names.write(json.dumps({"file": number, "name": "x", "kind": "f", "step": False}) + "\n")
        (writer / "7.bin").symlink_to(secret)
        os.mkfifo(writer / "8.bin")
        (writer / "9.bin").mkdir()
        (metrics / "linked").symlink_to(writer)
        os.mkfifo(metrics / "pipe")
        reader = MetricReader(metrics)
        assert [info.name for info in reader.names()] == ["loss"]
        assert reader.as_azure() == {"loss": 0.5}
        assert reader.values("x") == []
        assert len(reader.buckets("x").count) == 0
        assert len(reader.since()[0]) == 1

    def test_a_file_that_shrinks_is_survived(self, metrics: Path) -> None:
        path = raw(metrics, "loss", "f", [(n, n) for n in range(1, 100_001)])
        reader = MetricReader(metrics)
        reader.buckets("loss")
        _, cursor = reader.since()
        os.truncate(path, 16 * 700)
        assert len(reader.values("loss")) == 700
        assert reader.buckets("loss").count.sum() <= 100_000
        assert len(reader.since(cursor)[0]) == 0
        assert MetricReader(metrics).buckets("loss").count.sum() == 700


class TestSince:
    def follow(
        self, reader: MetricReader, cursor: str | None, limit: int = 100_000
    ) -> tuple[dict[str, list[Any]], str]:
        found: dict[str, list[Any]] = {}
        while True:
            batch, cursor = reader.since(cursor, limit)
            for series in batch.series:
                found.setdefault(series.name, []).extend(series.values.tolist())
            for record in batch.records:
                found.setdefault(record.name, []).append(record.value)
            assert len(batch) <= limit
            if not batch.more:
                return found, cursor

    @pytest.mark.parametrize("limit", [1, 3, 100_000])
    def test_each_point_comes_once_whatever_the_limit(self, run: JobRun, metrics: Path, limit: int) -> None:
        cursor: str | None = None
        for start in (0, 10, 20):
            for n in range(start, start + 10):
                run.log("loss", n / 2)
                run.log("step", n, step=n)
                run.log("note", str(n))
            # A new reader each time: the cursor alone is enough.
            found, cursor = self.follow(MetricReader(metrics), cursor, limit)
            wanted = range(start, start + 10)
            assert found == {
                "loss": [n / 2 for n in wanted],
                "step": list(wanted),
                "note": [str(n) for n in wanted],
            }
        found, cursor = self.follow(MetricReader(metrics), cursor, limit)
        assert found == {}

    @pytest.mark.parametrize("limit", [1, 2, 3])
    def test_damaged_lines_cut_nothing_short(self, run: JobRun, metrics: Path, limit: int) -> None:
        run.log("note", "first")
        with (writer_of(metrics) / "records.jsonl").open("ab") as out:
            out.write(b"garbage\n" * 5)
        run.log("note", "last")
        run.log("loss", 0.5)
        assert self.follow(MetricReader(metrics), None, limit)[0] == {"note": ["first", "last"], "loss": [0.5]}

    def test_steps_and_times_come_along(self, run: JobRun, metrics: Path) -> None:
        run.log("loss", 0.5, step=7)
        run.log("flag", True, step=8)
        batch, _ = MetricReader(metrics).since()
        (series,) = batch.series
        assert series.steps is not None
        assert series.steps.tolist() == [7]
        assert series.times[0] <= batch.records[0].time
        assert batch.records[0].step == 8

    def test_new_writers_are_found(self, run: JobRun, metrics: Path) -> None:
        reader = MetricReader(metrics)
        run.log("loss", 0.5)
        _, cursor = self.follow(reader, None)
        a_run(metrics).log("loss", 1.5)
        found, _ = self.follow(reader, cursor)
        assert found == {"loss": [1.5]}

    def test_half_a_line_waits_for_its_other_half(self, run: JobRun, metrics: Path) -> None:
        run.log("note", "one")
        path = writer_of(metrics) / "records.jsonl"
        line = path.read_bytes()
        path.write_bytes(line + line[:20])
        reader = MetricReader(metrics)
        found, cursor = self.follow(reader, None)
        assert found == {"note": ["one"]}
        path.write_bytes(line + line)
        assert self.follow(reader, cursor)[0] == {"note": ["one"]}

    @pytest.mark.parametrize("text", ["", "nonsense", "m1.", "m1.AAAA", "m2.x", "m1.eJyrVkpUslIyMlCqBQARFgKo"])
    def test_what_is_no_cursor_is_refused(self, metrics: Path, text: str) -> None:
        with pytest.raises(UserErrorException, match="no cursor"):
            MetricReader(metrics).since(text)

    def test_ten_thousand_points_in_small_bites(self, run: JobRun, metrics: Path) -> None:
        for n in range(10_000):
            run.log("loss", float(n))
        found, _ = self.follow(MetricReader(metrics), None, 777)
        assert found["loss"] == [float(n) for n in range(10_000)]


class TestSummary:
    def test_last_min_max_count(self, run: JobRun, metrics: Path) -> None:
        for value in (3.0, 1, math.nan, 2.5, 7, 2.0):
            run.log("loss", value)
        for value in (False, True, "x"):
            run.log("flag", value)
        run.log("all nan", math.nan)
        found = MetricReader(metrics).summary()
        assert (found["loss"].last, found["loss"].min, found["loss"].max, found["loss"].count) == (2.0, 1, 7, 6)
        assert (found["flag"].last, found["flag"].min, found["flag"].max, found["flag"].count) == (1, 0, 1, 2)
        assert math.isnan(found["all nan"].min)
        assert math.isnan(found["all nan"].last)

    def test_a_long_metric(self, metrics: Path) -> None:
        values = np.random.default_rng(1).normal(size=5_000)
        raw(metrics, "loss", "f", list(enumerate(values.tolist(), 1)))
        found = MetricReader(metrics).summary()["loss"]
        assert (found.last, found.min, found.max, found.count) == (values[-1], values.min(), values.max(), 5_000)


def test_the_job_can_make_its_files_unreadable_and_readers_only_see_less(run: JobRun, metrics: Path) -> None:
    run.log("loss", 0.5)
    path = writer_of(metrics) / "0.bin"
    path.chmod(0)
    if os.access(path, os.R_OK):
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        pytest.skip("this user can read everything")
    assert MetricReader(metrics).values("loss") == []
