"""What people read about how a job ended."""

from __future__ import annotations

import pytest

from traindock.dispatcher.endings import Ending, _error_text, with_lost_gpus
from traindock.states import Reason


@pytest.mark.parametrize(
    ("kind", "message", "line", "text"),
    [
        ("ValueError", "no such luck", 3, ": ValueError: no such luck (train.py, line 3)"),
        ("ValueError", "", 3, ": ValueError (train.py, line 3)"),
        (
            "SyntaxError",
            "'(' was never closed (train.py, line 2)",
            2,
            ": SyntaxError: '(' was never closed (train.py, line 2)",
        ),
        ("SyntaxError", "odd", 2, ": SyntaxError: odd (train.py, line 2)"),
        ("SystemExit", "train.py: error: no such data", 9, ": train.py: error: no such data"),
        ("SystemExit", "", 9, ": SystemExit (train.py, line 9)"),
    ],
)
def test_an_exception_is_told_with_its_place_once_and_a_text_to_leave_with_alone(
    kind: str, message: str, line: int, text: str
) -> None:
    assert _error_text({"error": {"type": kind, "message": message, "file": "train.py", "line": line}}) == text


@pytest.mark.parametrize(
    ("reason", "becomes"),
    [
        (Reason.EXITED_NONZERO, Reason.GPU_VANISHED),
        (Reason.LOST, Reason.GPU_VANISHED),
        (Reason.OUT_OF_MEMORY, Reason.OUT_OF_MEMORY),
        (Reason.FINISHED, Reason.FINISHED),
    ],
)
def test_a_run_that_failed_as_its_gpu_was_lost_says_so(reason: Reason, becomes: Reason) -> None:
    ending = Ending(reason, "how it ended", {"exit_code": 1})
    assert with_lost_gpus(ending, []) == ending
    told = with_lost_gpus(ending, ["GPU-1"])
    assert (told.reason, told.exit) == (becomes, ending.exit)
    assert ("GPU-1" in told.detail) == (becomes is Reason.GPU_VANISHED)
    assert "how it ended" in told.detail
