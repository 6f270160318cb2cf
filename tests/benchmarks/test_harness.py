"""The table of measurements: what is judged, and how."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY))


def test_goals_against_limits_and_peers() -> None:
    from benchmarks.harness import Result

    assert Result("x", 3, 2, "us", 2.0).met
    assert not Result("x", 5, 2, "us", 2.0).met
    assert Result("x", 1, 6, "us", 5.0, "peer", faster=True).met
    assert not Result("x", 2, 6, "us", 5.0, "peer", faster=True).met
    assert Result("lost", 0, 0, "points", 1.0).met
    assert not Result("lost", 1, 0, "points", 1.0).met


def test_what_was_measured_on_a_busy_machine_is_not_judged() -> None:
    from benchmarks.harness import Result, table

    calm, busy = table([(Result("x", 3, 2, "us", 2.0, "peer"), 0.1), (Result("y", 5, 2, "us", 2.0), 0.9)]).splitlines()[
        2:
    ]
    assert calm.split("|")[-2].strip() == "yes"
    assert "not judged" in busy


def test_a_row_with_many_programs_of_its_own_is_judged_by_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waited for a processor in a pause waited for somebody else's."""
    from benchmarks import harness

    waited = iter([10.0, 10.4])
    clock = iter([100.0, 101.0])
    monkeypatch.setattr(harness, "_waited", lambda: next(waited))
    monkeypatch.setattr(harness.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(harness.time, "sleep", lambda seconds: None)
    (share,) = harness.pressure_of_others()
    assert share == pytest.approx(0.4)
    assert "not judged" in harness.table([(harness.Result("x", 3, 2, "us", 2.0, pressure=share), share)])


def test_sides_are_measured_in_turn_after_warming_up() -> None:
    from benchmarks.harness import interleaved

    order: list[str] = []

    def side(name: str) -> list[float]:
        order.append(name)
        return [float(len(order))]

    figures = interleaved({"a": lambda: side("a"), "b": lambda: side("b")}, 2)
    assert order == ["a", "b"] * 3
    assert figures == {"a": [3, 5], "b": [4, 6]}


def test_a_peer_that_fails_ends_the_comparison() -> None:
    from benchmarks.harness import in_turn

    order: list[str] = []
    answers = iter([8.0, 5.0, 6.0, 7.0, None])

    def ours() -> list[float]:
        order.append("ours")
        return [float(len(order))]

    def theirs() -> float | None:
        order.append("theirs")
        return next(answers)

    assert in_turn(ours, theirs, 3) == (6.0, 6.0), "the first round of each is for warming up"
    assert order == ["theirs", "ours"] * 4
    assert in_turn(ours, theirs, 3) is None


class TestPeers:
    """A side is asked as often as wanted; one that cannot be had is told of, and skipped."""

    @pytest.fixture
    def logged(self, tmp_path: Path) -> Callable[[int], None]:
        """Put points where trackio would; counting them needs nothing of it."""
        (tmp_path / "trackio").mkdir()
        database = sqlite3.connect(tmp_path / "trackio" / "bench.db", isolation_level=None)
        database.execute("CREATE TABLE metrics (id)")
        return lambda count: (
            database.executemany("INSERT INTO metrics VALUES (?)", [(n,) for n in range(count)]) and None
        )

    def test_it_answers(self, tmp_path: Path, logged: Callable[[int], None]) -> None:
        from benchmarks.harness import Bench
        from benchmarks.peers import peer

        bench = Bench(tmp_path, sys.executable)
        with peer(bench, "survivors", "trackio") as ask:
            assert ask is not None
            assert ask() == 0
            logged(3)
            assert ask() == 3
        assert bench.notes == []

    def test_it_dies(self, tmp_path: Path) -> None:
        from benchmarks.harness import Bench
        from benchmarks.peers import peer

        bench = Bench(tmp_path, sys.executable)
        (tmp_path / "trackio").mkdir()
        (tmp_path / "trackio" / "bench.db").write_bytes(b"no database" * 100)
        with peer(bench, "survivors", "trackio") as ask:
            assert ask is not None
            assert ask() is None
        assert bench.notes == ["survivors was not measured: sqlite3.DatabaseError: file is not a database"]

    @pytest.mark.parametrize(
        "side", ["mlflow-search x.db 10", "mlflow-read 10", "tensorboard-read 10", "trackio-read 10"]
    )
    def test_its_library_is_missing(self, tmp_path: Path, side: str) -> None:
        from benchmarks.harness import Bench
        from benchmarks.peers import peer

        bare = tmp_path / "bare-python"
        bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
        bare.chmod(0o755)
        bench = Bench(tmp_path, str(bare))
        with peer(bench, *side.split()) as ask:
            assert ask is None
        assert len(bench.notes) == 1
        assert "was not measured: ModuleNotFoundError: No module named" in bench.notes[0]


#: Some of what the rows of each module are called in the table. Those about containers are measured in tests/docker.
LINES = {
    "writing": ["run.log, tight loop", "run.log, 200 a second", "points lost", "get_context in a job", "20 steps of"],
    "reading": ["a million points, read", "buckets of", "run.log to a reader", "loopback TCP"],
    "submitting": [
        "import traindock",
        "submit returns",
        "2,000 unchanged",
        "prepare an unchanged environment",
        "idle: memory",
    ],
    "listing": ["newest 50 of", "filter by a metric"],
    "registering": ["register a model"],
    "serving": ["a websocket frame", "newest 50 of", "server's memory", "quiet runs"],
    "long_lists": ["first list of", "groups by tag", "sparklines of 50 of", "the last page of a queue"],
    "cards": ["a pixel of the card", "to a drawn chart", "page's memory"],
    "container_runs": ["containers were not measured"],
    "container_environments": ["containers were not measured"],
}


#: Modules whose rows take the better part of a minute, whatever is measured: they start pages and servers.
IN_SOAK = ("cards", "serving")


def test_each_module_of_rows_is_tried() -> None:
    from benchmarks.__main__ import MODULES

    assert list(LINES) == list(MODULES)


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", [pytest.param(module, marks=[pytest.mark.soak] if module in IN_SOAK else []) for module in LINES]
)
def test_every_row_can_be_measured(module: str) -> None:
    from benchmarks.harness import ROWS

    import_module(f"benchmarks.{module}")
    rows = [name for name, measure in ROWS.items() if measure.__module__ == f"benchmarks.{module}"]
    assert rows
    command = [sys.executable, "-m", "benchmarks", "--quick", *rows]
    variables = {**os.environ, "TRAINDOCK_TEST_ENGINE": "unix:///nowhere/docker.sock"}
    done = subprocess.run(command, cwd=REPOSITORY, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line for line in LINES[module] if line not in done.stdout] == []


@pytest.mark.slow
def test_an_unknown_row_names_the_known_ones() -> None:
    command = [sys.executable, "-m", "benchmarks", "nonsense"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "log-tight" in done.stderr
