"""Metrics of runs over HTTP: names, charts, values, tables, and what they cost."""

from __future__ import annotations

import asyncio
import csv
import gc
import io
import json
import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from tests.jupyter_ext.conftest import Ask, Fetch
from tests.jupyter_ext.cost import watch
from tests.jupyter_ext.sockets import Client

from jupyterlab_traindock.managers.metrics import json_size
from jupyterlab_traindock.managers.readers import MetricReaders
from traindock import Experiment, Workspace
from traindock.interactive import InteractiveRun
from traindock.store.metrics import MetricReader

BINARY = {"Accept": "application/octet-stream"}


def of(run: InteractiveRun, *path: str) -> tuple[str, ...]:
    return ("workspaces", run.workspace.id, "runs", run.id, "metrics", *path)


def named(*names: str, **params: Any) -> list[tuple[str, Any]]:
    return [*(("name", name) for name in names), *params.items()]


def write_points(run: InteractiveRun, count: int, name: str = "loss", writer: str = "9-00000000") -> None:
    """Write points with steps as another process would; the value is the step."""
    folder = run._folder.layout.metrics / writer
    folder.mkdir(parents=True, exist_ok=True)
    entry = {"file": 0, "name": name, "kind": "f", "step": True, "description": ""}
    (folder / "names.jsonl").write_text(json.dumps(entry) + "\n")
    with (folder / "0.bin").open("wb") as file:
        for start in range(0, count, 100_000):
            numbers = np.arange(start, min(count, start + 100_000))
            points = np.zeros(len(numbers), [("value", "<f8"), ("step", "<i8"), ("reserved", "<i8"), ("time", "<f8")])
            points["value"], points["step"], points["time"] = numbers / 7, numbers, 1.7e9 + numbers * 0.01
            points.tofile(file)


def as_a_page_reads(body: bytes) -> dict[str, dict[str, Any]]:
    """The series of binary buckets by name, each column a view of the body, as the document says it."""
    assert body[:4] == b"TDB1"
    data = 8 + int.from_bytes(body[4:8], "little")
    assert data % 8 == 0
    header = json.loads(body[8:data].decode("ascii"))
    found = {}
    for series in header["series"]:
        columns = {}
        for name, column in series.pop("columns").items():
            assert column["offset"] % 8 == 0, "a Float64Array cannot begin there"
            dtype = np.dtype(column["dtype"]).newbyteorder("<")
            columns[name] = np.frombuffer(body, dtype, column["length"], data + column["offset"])
        found[series["name"]] = {**series, **columns}
    return found


def number(value: float | str) -> float:
    return float(value)  # Python's own reading of NaN, Infinity and -Infinity


class TestNames:
    async def test_kinds_counts_and_statistics(self, ask: Ask, run: InteractiveRun) -> None:
        for value in (3.0, 1.0, math.nan, 2.0):
            run.log("loss", value, description="of the batch")
        run.log("accuracy", 0.5, step=7)
        run.log_row("row", x=1, y=2)
        run.log("note", "a text")

        found = await ask(*of(run))

        metrics = {one.pop("name"): one for one in found["metrics"]}
        assert list(metrics) == ["accuracy", "loss", "note", "row"]
        assert metrics["loss"] == {
            "kind": "scalar", "count": 4, "stepped": False, "description": "of the batch",
            "statistics": {"last": 2.0, "min": 1.0, "max": 3.0, "count": 4},
        }  # fmt: skip
        assert metrics["accuracy"]["stepped"]
        assert (metrics["row"]["kind"], metrics["row"]["statistics"]) == ("row", None)
        assert metrics["note"]["statistics"] is None
        assert (found["lost"], found["damaged"], found["more"], found["total"]) == (0, 0, False, 4)

    async def test_by_pages(self, ask: Ask, run: InteractiveRun) -> None:
        for name in ("c", "a", "b"):
            run.log(name, 1.0)

        found = await ask(*of(run), params={"limit": 1, "offset": 1})

        assert ([one["name"] for one in found["metrics"]], found["more"], found["total"]) == (["b"], True, 3)

    async def test_what_was_lost_and_damaged_is_told(self, ask: Ask, run: InteractiveRun) -> None:
        run.log("loss", 1.0)
        [writer] = run._folder.layout.metrics.iterdir()
        (writer / "lost").write_bytes((3).to_bytes(8, "little"))
        with (writer / "0.bin").open("ab") as file:
            file.write(b"\xff" * 16)

        found = await ask(*of(run))

        assert (found["lost"], found["damaged"]) == (3, 1)
        document = await ask("workspaces", run.workspace.id, "runs", run.id)
        assert document["metric_losses"] == {"lost": 3, "damaged": 1}
        [damage] = [text for text in document["warnings"] if "damaged" in text]
        assert damage.endswith("/metrics is damaged: passed over what cannot be read (1)")
        assert str(run.workspace.layout.root) not in damage

    async def test_a_run_that_is_not_there(self, ask: Ask, workspace: Workspace) -> None:
        for path in ("", "buckets", "values", "export"):
            parts = ("workspaces", workspace.id, "runs", "none_1_00000000", "metrics", *filter(None, [path]))
            error = await ask(*parts, params={"name": "loss"}, expect=404)
            assert error["code"] == "run_not_found"


class TestBuckets:
    async def test_are_the_same_in_both_forms_and_keep_the_spike(
        self, ask: Ask, api: Fetch, run: InteractiveRun
    ) -> None:
        for n in range(5000):
            run.log("loss", 1e6 if n == 3333 else float(n % 10), step=10 * n)
            run.log("other, one", n)
        params = named("loss", "other, one", axis="step", buckets=100)

        as_json = await ask(*of(run, "buckets"), params=params)
        answer = await api(*of(run, "buckets"), params=params, headers=dict(BINARY))

        assert answer.headers["Content-Type"] == "application/octet-stream"
        views = as_a_page_reads(answer.body)
        assert list(views) == ["loss", "other, one"] == [series["name"] for series in as_json["series"]]
        for series in as_json["series"]:
            view = views[series["name"]]
            assert (series["axis"], series["width"]) == (view["axis"], view["width"])
            for column, values in series["buckets"].items():
                assert view[column].tolist() == values
        loss, other = as_json["series"]
        assert (loss["axis"], other["axis"]) == ("step", "index")
        assert max(loss["buckets"]["max"]) == 1e6
        assert sum(loss["buckets"]["count"]) == 5000
        assert 40 <= len(loss["buckets"]["count"]) <= 101
        assert {start % loss["width"] for start in loss["buckets"]["start"]} == {0.0}
        assert loss["buckets"]["final"][-1] == 49_990

    async def test_keep_nan_and_infinities_in_both_forms(self, ask: Ask, api: Fetch, run: InteractiveRun) -> None:
        given = [1.0, math.nan, math.inf, -math.inf, 2.0, math.nan]
        for value in given:
            run.log("loss", value)

        [series] = (await ask(*of(run, "buckets"), params=named("loss")))["series"]
        body = (await api(*of(run, "buckets"), params=named("loss"), headers=dict(BINARY))).body

        assert series["buckets"]["last"] == [1.0, "NaN", "Infinity", "-Infinity", 2.0, "NaN"]
        assert series["buckets"]["nans"] == [0, 1, 0, 0, 0, 1]
        for column in ("min", "max", "last"):
            view = as_a_page_reads(body)["loss"][column]
            np.testing.assert_array_equal(view, given)
            np.testing.assert_array_equal(view, list(map(number, series["buckets"][column])))

    async def test_of_a_part_by_step_and_by_time(self, ask: Ask, run: InteractiveRun) -> None:
        write_points(run, 10_000)

        [steps] = (await ask(*of(run, "buckets"), params=named("loss", axis="step", **{"from": 100, "to": 200})))[
            "series"
        ]
        span = {"from": 1.7e9 + 10, "to": 1.7e9 + 20}
        [times] = (await ask(*of(run, "buckets"), params=named("loss", axis="time", buckets=10, **span)))["series"]

        assert (sum(steps["buckets"]["count"]), steps["buckets"]["first"][0], steps["buckets"]["final"][-1]) == (
            100, 100, 199,
        )  # fmt: skip
        assert (times["axis"], sum(times["buckets"]["count"])) == ("time", 1000)
        assert span["from"] <= times["buckets"]["first"][0]
        assert times["buckets"]["final"][-1] < span["to"]

    async def test_grow_with_the_run(self, ask: Ask, run: InteractiveRun) -> None:
        for count in (1, 2, 3):
            run.log("loss", float(count))
            [series] = (await ask(*of(run, "buckets"), params=named("loss")))["series"]
            assert series["buckets"]["last"] == [1.0, 2.0, 3.0][:count]

    async def test_a_name_that_nothing_was_logged_under_has_none(
        self, ask: Ask, api: Fetch, run: InteractiveRun
    ) -> None:
        [nothing] = (await ask(*of(run, "buckets"), params=named("loss", "loss")))["series"]
        body = (await api(*of(run, "buckets"), params=named("loss"), headers=dict(BINARY))).body

        assert set(map(len, nothing["buckets"].values())) == {0}
        assert len(as_a_page_reads(body)["loss"]["max"]) == 0

    @pytest.mark.parametrize(
        ("params", "about"),
        [
            ([], "name"),
            (named("a", axis="rank"), "axis"),
            (named("a", buckets=0), "buckets"),
            (named("a", buckets=4001), "buckets"),
            (named("a", **{"from": "NaN"}), "from"),
            (named("a", to="x"), "to"),
            (named(*map(str, range(26))), "name"),
            (named(""), "name"),
            (named("x" * 1025), "name"),
        ],
    )
    async def test_what_does_not_fit_is_named(
        self, ask: Ask, run: InteractiveRun, params: list[tuple[str, Any]], about: str
    ) -> None:
        error = await ask(*of(run, "buckets"), params=params, expect=400)

        assert error["code"] == "invalid_request"
        assert error["message"].startswith(about)

    @pytest.mark.parametrize(
        ("accept", "kind"),
        [
            ("*/*", "application/json"),
            ("application/*", "application/json"),
            ("application/octet-stream, */*", "application/octet-stream"),
            ("application/octet-stream;q=0.2, application/json;q=0.1", "application/octet-stream"),
            ("text/html, application/json;q=0.9, application/octet-stream;q=0.5", "application/json"),
        ],
    )
    async def test_come_in_the_form_that_is_asked_for(
        self, api: Fetch, run: InteractiveRun, accept: str, kind: str
    ) -> None:
        answer = await api(*of(run, "buckets"), params=named("loss"), headers={"Accept": accept})

        assert (answer.headers["Content-Type"], answer.headers["Vary"]) == (kind, "Accept")

    async def test_come_in_no_other_form(self, ask: Ask, run: InteractiveRun) -> None:
        for accept in ("text/html", "application/json;q=0", "application/octet-stream;q=x"):
            error = await ask(*of(run, "buckets"), params=named("loss"), headers={"Accept": accept}, expect=406)
            assert error["code"] == "not_acceptable"


class TestValues:
    async def test_are_what_the_sdk_gives(self, ask: Ask, run: InteractiveRun) -> None:
        run.log("loss", 0.5)
        run.log("note", "a text")
        run.log_list("list", [1, math.nan, 3])
        run.log_row("rows", x=1, y=math.inf)
        run.log_row("rows", x=2)
        run.log_table("table", {"a": [1, 2], "b": ["x", "y"]})

        found = await ask(*of(run, "values"))
        asked = await ask(*of(run, "values"), params=named("loss", "list", "nothing"))

        assert found == {
            "values": {
                "note": "a text",
                "list": [1, "NaN", 3],
                "rows": {"x": [1, 2], "y": ["Infinity", None]},
                "table": {"a": [1, 2], "b": ["x", "y"]},
            },
            "left_out": [],
        }
        assert asked["values"] == {"loss": 0.5, "list": [1, "NaN", 3]}
        assert run.get_metrics()["table"] == found["values"]["table"]

    @pytest.mark.slow
    async def test_what_is_too_much_is_named_only(self, ask: Ask, run: InteractiveRun) -> None:
        run.log_list("long", [0.123456789] * 200_000)
        run.log("wide", "x" * (2 << 20))
        [writer] = run._folder.layout.metrics.iterdir()
        with (writer / "records.jsonl").open("a") as lines:
            value = "[" * 100 + "]" * 100
            lines.write(f'{{"t": 1.7e9, "name": "deep", "kind": "list", "value": {value}}}\n')
        write_points(run, 10_001, "curve")
        for n in range(12):
            run.log(f"text {n:02}", "y" * 1_000_000)

        found = await ask(*of(run, "values"))
        curve = await ask(*of(run, "values"), params=named("curve"))

        assert [name for name in found["left_out"] if "text" not in name] == ["deep", "long", "wide"]
        assert list(found["values"]) == [f"text {n:02}" for n in range(8)]
        assert "text 11" in found["left_out"]
        assert curve == {"values": {}, "left_out": ["curve"]}

    @pytest.mark.parametrize(
        "value", [None, True, 17, -(2**70), 0.1, "text", "größe\U0001f600", [1, [2, {"a": "b"}]], {"x": [None] * 9}]
    )
    def test_are_measured_as_no_less_than_they_take(self, value: Any) -> None:
        taken = len(json.dumps(value))

        assert json_size(value, 10_000) >= taken  # type: ignore[operator]
        assert json_size([value] * 10_000, 10_000) is None


class TestExport:
    async def test_has_all_points_of_all_scalars(self, api: Fetch, run: InteractiveRun) -> None:
        odd = 'a "quoted", name\nof two lines'
        for n in range(300):
            run.log("loss", n / 3, step=n)
            run.log(odd, n)
        for value in (math.nan, math.inf, -math.inf, 2**70, True):
            run.log("strange", value)
        run.log_row("row", x=1)

        answer = await api(*of(run, "export"), headers={"Accept": "text/csv"})

        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{run.id}-metrics.csv"'
        head, *rows = csv.reader(io.StringIO(answer.body.decode(), newline=""))
        assert head == ["name", "step", "time", "value"]
        by_name: dict[str, list[list[str]]] = {}
        for name, *row in rows:
            by_name.setdefault(name, []).append(row)
        assert list(by_name) == sorted(["loss", odd, "strange"])
        assert [(int(step), float(value)) for step, _, value in by_name["loss"]] == [(n, n / 3) for n in range(300)]
        assert [value for _, _, value in by_name[odd]] == [str(n) for n in range(300)]
        assert [value for _, _, value in by_name["strange"]] == ["NaN", "Infinity", "-Infinity", repr(2.0**70), "1.0"]
        assert {step for step, _, _ in by_name[odd]} == {""}
        points = run.metrics.points("loss")
        assert [float(time) for _, time, _ in by_name["loss"]] == points.times.tolist()

    async def test_has_what_several_processes_logged_in_the_order_of_time(
        self, api: Fetch, run: InteractiveRun
    ) -> None:
        write_points(run, 3000, writer="8-00000000")
        write_points(run, 3000, writer="9-00000000")

        answer = await api(*of(run, "export"), params=named("loss"))

        steps = [int(row["step"]) for row in csv.DictReader(io.StringIO(answer.body.decode()))]
        assert steps == [n for n in range(3000) for _ in range(2)]

    async def test_is_empty_but_for_its_head_where_nothing_was_logged(self, api: Fetch, run: InteractiveRun) -> None:
        assert (await api(*of(run, "export"))).body == b"name,step,time,value\r\n"

    async def test_is_no_json(self, ask: Ask, run: InteractiveRun) -> None:
        error = await ask(*of(run, "export"), headers={"Accept": "application/json"}, expect=406)

        assert "text/csv" in error["message"]

    async def test_breaks_off_when_the_run_goes_meanwhile(self, client: Client, run: InteractiveRun) -> None:
        write_points(run, 1_000_000)

        async with client.get(*of(run, "export")) as answer:
            pieces = answer.pieces()
            first = await anext(pieces)
            shutil.rmtree(run._folder.layout.metrics)
            with pytest.raises(asyncio.IncompleteReadError):
                async for _ in pieces:
                    pass

        assert first.startswith(b"name,step,time,value")

    @pytest.mark.slow
    async def test_is_made_no_faster_than_it_is_taken(
        self, client: Client, run: InteractiveRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_points(run, 1_000_000)
        read = 0
        really = MetricReader.blocks

        def blocks(*args: Any) -> Iterator[Any]:
            nonlocal read
            for block in really(*args):
                read += len(block.times)
                yield block

        monkeypatch.setattr(MetricReader, "blocks", blocks)
        async with client.get(*of(run, "export")) as answer:
            quiet = -1
            while quiet != read:  # the kernel's buffers fill up, and then nothing more is made
                quiet = read
                await asyncio.sleep(0.5)
            held = read
            rest = sum([len(piece) async for piece in answer.pieces()])

        assert held < 500_000
        assert read == 1_000_000
        assert rest > 40_000_000


class TestReaders:
    def kept(self, workspace: Workspace, run: InteractiveRun, kept: MetricReaders) -> MetricReader:
        with kept.reader(workspace.id, run.id) as reader:
            reader.buckets("loss")
            return reader

    @pytest.fixture
    def readers(self, jp_serverapp: Any) -> MetricReaders:
        [app] = jp_serverapp.extension_manager.extension_apps["jupyterlab_traindock"]
        kept: MetricReaders = app.managers.metrics.readers
        return kept

    async def test_are_kept_from_one_request_to_the_next(
        self, ask: Ask, readers: MetricReaders, workspace: Workspace, run: InteractiveRun
    ) -> None:
        await ask(*of(run, "buckets"), params=named("loss"))
        one = self.kept(workspace, run, readers)
        await ask(*of(run))

        assert self.kept(workspace, run, readers) is one
        assert len(readers) == 1

    async def test_go_with_their_runs(
        self, ask: Ask, readers: MetricReaders, workspace: Workspace, run: InteractiveRun
    ) -> None:
        other = Experiment(workspace, "tests").start_logging(outputs=None, snapshot_directory=None)
        for one in (run, other):
            await ask(*of(one, "buckets"), params=named("loss"))
        assert len(readers) == 2

        shutil.rmtree(other.path)
        error = await ask(*of(other, "buckets"), params=named("loss"), expect=404)
        await ask(*of(run, "buckets"), params=named("loss"))

        assert error["code"] == "run_not_found"
        assert len(readers) == 1

    async def test_of_another_run_in_the_same_place_are_new(
        self, readers: MetricReaders, workspace: Workspace, run: InteractiveRun, tmp_path: Path
    ) -> None:
        one = self.kept(workspace, run, readers)
        shutil.copytree(run.path, tmp_path / "copy", symlinks=True)
        run.path.rename(tmp_path / "old")
        (tmp_path / "copy").rename(run.path)

        assert self.kept(workspace, run, readers) is not one

    async def test_that_hold_too_much_are_not_kept(
        self,
        readers: MetricReaders,
        workspace: Workspace,
        run: InteractiveRun,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        write_points(run, 100_000)
        small = Experiment(workspace, "tests").start_logging(outputs=None, snapshot_directory=None)
        self.kept(workspace, small, readers)
        monkeypatch.setattr("jupyterlab_traindock.managers.readers.MOST_BYTES", 10_000)

        self.kept(workspace, run, readers)
        assert len(readers) == 1, "the small one goes on to be kept"
        monkeypatch.setattr("jupyterlab_traindock.managers.readers.MOST", 0)
        self.kept(workspace, small, readers)

        assert len(readers) == 0


class TestCost:
    @pytest.mark.slow
    async def test_of_millions_of_points_little_is_held_and_the_loop_goes_on(
        self, ask: Ask, client: Client, run: InteractiveRun
    ) -> None:
        count = 3_600_000
        write_points(run, 1000, "warm", writer="8-00000000")
        async with client.get(*of(run, "export")) as answer:
            await answer.body()
        await ask(*of(run, "buckets"), params=named("warm", axis="time"))
        await ask(*of(run))
        write_points(run, count)
        gc.collect()
        before = psutil.Process().memory_info().rss
        watched = asyncio.ensure_future(watch())
        sizes = []

        for axis in ("index", "time", "step"):
            [series] = (await ask(*of(run, "buckets"), params=named("loss", axis=axis)))["series"]
            assert sum(series["buckets"]["count"]) == count
            assert series["buckets"]["last"][-1] == (count - 1) / 7
        begin = time.monotonic()
        async with client.get(*of(run, "export"), params=named("loss")) as answer:
            tail = b""
            async for piece in answer.pieces():
                sizes.append(len(piece))
                tail = piece
        seconds = time.monotonic() - begin

        watched.cancel()
        longest, most = await watched
        print(
            f"held at most {(most - before) / 1e6:.1f} MB more; the loop waited {longest * 1000:.0f} ms at most; "
            f"{sum(sizes) / 1e6:.0f} MB of CSV in {seconds:.1f} s"
        )
        assert tail.endswith(f",{(count - 1) / 7!r}\r\n".encode())
        assert max(sizes) < 1 << 20
        assert most - before < 20e6
        assert longest < 0.5
