"""What a widget keeps of a run for views that come later."""

from __future__ import annotations

from typing import Any

from traindock_widgets.run_digest import POINTS, RunDigest


def used(name: str, *values: float) -> dict[str, Any]:
    """What a message tells of a resource."""
    times = [float(at) for at in range(len(values))]
    return {"resources": {"series": [{"name": name, "times": times, "values": list(values), "steps": None}]}}


def test_what_the_job_uses_is_kept_apart_from_metrics() -> None:
    digest = RunDigest()
    digest.add(used("memory", 1.0, 2.0))
    digest.add(used("memory", 5.0))
    digest.add(used("cpu", 0.5))
    told = digest.message()
    found = {series["name"]: series["buckets"] for series in told["resources"]["series"]}
    assert (found["memory"]["last"], found["cpu"]["last"]) == ([1.0, 2.0, 5.0], [0.5])
    assert told["metrics"]["series"] == []
    assert digest.last_values() == {}


def test_of_a_long_run_the_peak_stays() -> None:
    digest = RunDigest()
    for at in range(20 * POINTS):
        digest.add(used("memory", 9.0 if at == 777 else 1.0))
    [series] = digest.message()["resources"]["series"]
    assert len(series["buckets"]["max"]) <= 2 * POINTS
    assert max(series["buckets"]["max"]) == 9.0
