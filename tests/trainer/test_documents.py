"""The JSON documents that the command line and HTTP have in common."""

from __future__ import annotations

import json
import math

import pytest

from traindock.documents import metrics_document, timestamp


def test_statistics_are_numbers_where_json_has_them_and_texts_elsewhere() -> None:
    found = metrics_document(
        {
            "loss": (0.5, 0.25, 2.0, 3),
            "diverged": (math.nan, -math.inf, math.inf, 4),
            "huge": (1.5e308, 1e308, 1.5e308, 2),  # finite, though their sum is not
        }
    )
    assert found == {
        "loss": {"last": 0.5, "min": 0.25, "max": 2.0, "count": 3},
        "diverged": {"last": "NaN", "min": "-Infinity", "max": "Infinity", "count": 4},
        "huge": {"last": 1.5e308, "min": 1e308, "max": 1.5e308, "count": 2},
    }
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1_764_381_234.5, "2025-11-29T01:53:54.500000Z"),
        (0.0, "1970-01-01T00:00:00.000000Z"),
        (None, None),
    ],
)
def test_times_have_microseconds_and_are_of_utc(seconds: float | None, text: str | None) -> None:
    assert timestamp(seconds) == text
