"""What a log says at length is not said again beside it."""

from __future__ import annotations

from traindock.repetition import without_repetition

LONG = "a sentence of an error that goes on and on, " * 4 + "until its end"


def test_a_long_passage_keeps_its_beginning() -> None:
    found = without_repetition(f"exit code 1: {LONG} (train.py, line 3)", ["before", f"  {LONG}"])
    assert found == f"exit code 1: {LONG[:60].rstrip()}… (train.py, line 3)"


def test_it_may_stand_behind_a_word_that_the_log_adds_or_be_longer_there() -> None:
    for line in (f"cause: {LONG}", f"{LONG} and more", f"OSError: {LONG} and more"):
        assert without_repetition(f"it failed: {LONG}", [line]) == f"it failed: {LONG[:60].rstrip()}…"


def test_what_is_short_or_not_shown_stays() -> None:
    for text, line in (("it failed: no such bee", "no such bee"), (f"it failed: {LONG}", LONG.upper()), ("", LONG)):
        assert without_repetition(text, [line, "", ": "]) == text
