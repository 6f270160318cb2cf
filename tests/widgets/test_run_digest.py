"""What stands for all messages about a run, in a size that a widget can hold."""

from __future__ import annotations

import math
from typing import Any

from traindock_widgets.run_digest import FEW_METRICS, LOG_CHARACTERS, METRICS, POINTS, RunDigest


def points(name: str, values: list[Any], steps: list[int] | None = None) -> dict[str, Any]:
    series = {"name": name, "times": [float(at) for at in range(len(values))], "values": values, "steps": steps}
    return {"metrics": {"series": [series], "records": [], "records_left_out": 0}}


def used(name: str, *values: float) -> dict[str, Any]:
    """What a message tells of a resource."""
    times = [float(at) for at in range(len(values))]
    return {"resources": {"series": [{"name": name, "times": times, "values": list(values), "steps": None}]}}


def log(text: str, offset: int, gap: int = 0) -> dict[str, Any]:
    return {"logs": {"logs/stdout.txt": {"offset": offset, "gap": gap, "text": text}}}


def series_of(digest: RunDigest, name: str = "loss") -> dict[str, Any]:
    return next(one["buckets"] for one in digest.message()["metrics"]["series"] if one["name"] == name)


class TestCurves:
    def test_are_whole_while_they_are_short(self) -> None:
        digest = RunDigest()
        digest.add(points("loss", [3, 2], [10, 20]))
        digest.add(points("loss", [1], [30]))
        found = series_of(digest)
        assert (found["last"], found["final_step"], found["count"]) == ([3, 2, 1], [10, 20, 30], [1, 1, 1])

    def test_lose_no_point_spike_or_end_when_they_are_long(self) -> None:
        digest = RunDigest()
        values: list[Any] = [0.5] * 5000
        values[777], values[4000], values[4321] = 99, "NaN", "-Infinity"
        for at in range(0, 5000, 50):
            digest.add(points("loss", values[at : at + 50]))
        found = series_of(digest)
        assert len(found["last"]) <= 2 * POINTS
        assert (sum(found["count"]), sum(found["nans"])) == (5000, 1)
        assert max(float(one) for one in found["max"]) == 99
        assert "-Infinity" in found["min"]
        assert found["first"][0] == 0
        assert {len(column) for column in found.values()} == {len(found["last"])}

    def test_lose_no_dip_or_spike_beside_what_is_no_number(self) -> None:
        digest = RunDigest()
        values: list[Any] = [0.5] * 1000
        values[10:12], values[21:23], values[30:32], values[41:43] = ["NaN", -9], [-8, "NaN"], ["NaN", 99], [98, "NaN"]
        digest.add(points("loss", values))
        found = series_of(digest)
        assert len(found["last"]) < 1000
        assert [one for one in found["min"] if float(one) < 0] == [-9, -8]
        assert [one for one in found["max"] if float(one) > 1] == [99, 98]

    def test_are_shorter_where_there_are_many_runs(self) -> None:
        digest = RunDigest(points=50)
        digest.add(points("loss", list(range(1000))))
        assert 50 <= len(series_of(digest)["last"]) <= 100

    def test_come_merged_already_where_they_were(self) -> None:
        digest = RunDigest()
        buckets = {field: [1] for field in ("first", "final", "min", "max", "last", "count", "nans")}
        series = {"name": "loss", "buckets": {**buckets, "first_step": None, "final_step": None}}
        digest.add({"metrics": {"series": [series], "records": [], "records_left_out": 0}})
        assert series_of(digest)["final_step"] == [None]

    def test_of_many_metrics_are_all_there_with_count_and_extremes_and_take_no_more_room(self) -> None:
        digest = RunDigest()
        for at in range(5 * FEW_METRICS):
            digest.add(points(f"metric {at}", [*range(1000), 5000 + at, *range(1000)]))
        series = digest.message()["metrics"]["series"]
        assert len(series) == 5 * FEW_METRICS
        assert {sum(one["buckets"]["count"]) for one in series} == {2001}
        assert [max(one["buckets"]["max"]) for one in series] == [5000 + at for at in range(5 * FEW_METRICS)]
        lengths = [len(one["buckets"]["last"]) for one in series]
        assert min(lengths) >= POINTS // 8
        assert sum(lengths) <= 2 * POINTS * FEW_METRICS

    def test_of_more_metrics_than_there_is_room_for_are_counted(self) -> None:
        digest = RunDigest()
        for at in range(METRICS + 5):
            digest.add(points(f"metric {at}", [1, 2, 3, 4]))
        digest.add(points(f"metric {METRICS}", [5]))
        metrics = digest.message()["metrics"]
        assert (len(metrics["series"]), metrics["series_left_out"]) == (METRICS, 5)

    def test_have_last_values(self) -> None:
        digest = RunDigest()
        digest.add(points("loss", [3, 2]))
        digest.add(points("acc", ["NaN"]))
        assert math.isnan(float(digest.last_values().pop("acc")))
        assert digest.last_values()["loss"] == 2


class TestResources:
    def test_are_kept_apart_from_metrics(self) -> None:
        digest = RunDigest()
        digest.add(used("memory", 1.0, 2.0))
        digest.add(used("memory", 5.0))
        digest.add(used("cpu", 0.5))
        told = digest.message()
        found = {series["name"]: series["buckets"] for series in told["resources"]["series"]}
        assert (found["memory"]["last"], found["cpu"]["last"]) == ([1.0, 2.0, 5.0], [0.5])
        assert told["metrics"]["series"] == []
        assert digest.last_values() == {}

    def test_of_a_long_run_keep_their_peak(self) -> None:
        digest = RunDigest()
        for at in range(20 * POINTS):
            digest.add(used("memory", 9.0 if at == 777 else 1.0))
        [series] = digest.message()["resources"]["series"]
        assert len(series["buckets"]["max"]) <= 2 * POINTS
        assert max(series["buckets"]["max"]) == 9.0


class TestLogs:
    def test_go_on_where_they_ended(self) -> None:
        digest = RunDigest()
        digest.add(log("grün\n", 0))
        digest.add(log("next\n", 6))
        assert digest.message()["logs"]["logs/stdout.txt"] == {"offset": 0, "gap": 0, "text": "grün\nnext\n"}

    def test_keep_their_last_lines_and_tell_what_is_left_out(self) -> None:
        digest = RunDigest()
        line = "x" * 99 + "\n"
        for at in range(3000):
            digest.add(log(line, at * 100))
        kept = digest.message()["logs"]["logs/stdout.txt"]
        assert len(kept["text"]) <= LOG_CHARACTERS
        assert kept["text"].startswith("x")
        assert kept["offset"] == kept["gap"] == 300_000 - len(kept["text"])

    def test_tell_where_lines_begin_after_what_is_no_utf8(self) -> None:
        digest = RunDigest()
        digest.add(log("grün\n", 0))
        digest.add(
            {"logs": {"logs/stdout.txt": {**log("\ufffd\nb", 6)["logs"]["logs/stdout.txt"], "end": 9, "lines": [8]}}}
        )
        digest.add(log("\nc", 9))
        kept = digest.message()["logs"]["logs/stdout.txt"]
        assert kept == {"offset": 0, "gap": 0, "text": "grün\n\ufffd\nb\nc", "end": 11, "lines": [6, 8, 10]}

    def test_tell_where_lines_begin_also_where_their_beginning_is_left_out(self) -> None:
        digest = RunDigest()
        lines = 3000
        for at in range(lines):
            part = log("x" * 98 + "\ufffd\n", at * 100)["logs"]["logs/stdout.txt"]
            digest.add({"logs": {"logs/stdout.txt": {**part, "end": at * 100 + 100, "lines": [at * 100 + 100]}}})
        kept = digest.message()["logs"]["logs/stdout.txt"]
        count = kept["text"].count("\n")
        assert len(kept["text"]) <= LOG_CHARACTERS
        assert (kept["offset"], kept["end"]) == ((lines - count) * 100, lines * 100)
        assert kept["lines"] == [100 * at for at in range(lines - count + 1, lines + 1)]

    def test_begin_anew_after_a_gap(self) -> None:
        digest = RunDigest()
        digest.add(log("old\n", 0))
        digest.add(log("new\n", 1000, gap=996))
        assert digest.message()["logs"]["logs/stdout.txt"]["text"] == "new\n"


def test_the_newest_state_and_the_end_are_kept() -> None:
    digest = RunDigest()
    digest.add({"state": {"state": "Running"}})
    digest.add({"state": {"state": "Completed"}, "run": {"id": "a"}})
    assert digest.message()["state"] == {"state": "Completed"}
    assert digest.message()["run"] == {"id": "a"}
