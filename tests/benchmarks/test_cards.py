from __future__ import annotations

import pytest
from benchmarks.cards import latencies


def test_a_value_that_came_with_the_next_one_is_late_and_not_left_out():
    sent = [0.0, 300.0, 600.0]
    drawn = [(0, 100.0), (2, 900.0)]
    assert latencies(sent, drawn) == [100.0, 600.0, 300.0]


def test_what_is_drawn_again_counts_from_when_it_was_seen_first():
    assert latencies([0.0], [(0, 50.0), (0, 70.0)]) == [50.0]


def test_a_value_that_was_never_drawn_is_no_figure():
    with pytest.raises(AssertionError, match="1 of 2 values were never drawn, 1 is the first"):
        latencies([0.0, 300.0], [(0, 100.0)])
