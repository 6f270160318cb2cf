"""The table of measurements: what is judged, and how."""

from __future__ import annotations

import subprocess
import sys
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


def test_sides_are_measured_in_turn_after_warming_up() -> None:
    from benchmarks.harness import interleaved

    order: list[str] = []

    def side(name: str) -> list[float]:
        order.append(name)
        return [float(len(order))]

    figures = interleaved({"a": lambda: side("a"), "b": lambda: side("b")}, 2)
    assert order == ["a", "b"] * 3
    assert figures == {"a": [3, 5], "b": [4, 6]}


def test_the_rows_about_metrics_can_be_measured() -> None:
    rows = ["killed", "chart-buckets", "live"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", *rows],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert "points lost" in done.stdout
    assert "loopback TCP" in done.stdout


def test_an_unknown_row_names_the_known_ones() -> None:
    command = [sys.executable, "-m", "benchmarks", "nonsense"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "log-tight" in done.stderr
