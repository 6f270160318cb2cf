"""Arguments and records of child runs, inside and outside of a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from traindock.errors import UserErrorException
from traindock.runtime import context
from traindock.runtime.children import ChildRun, child_tags, described, ends_well, failure
from traindock.runtime.context import JobRun, Run


@pytest.mark.parametrize(
    ("arguments", "tags"),
    [
        ((3,), [{}, {}, {}]),
        ((None, "fold", [1, None]), [{"fold": "1"}, {"fold": ""}]),
        ((2, "fold", ("a", "b")), [{"fold": "a"}, {"fold": "b"}]),
        ((100,), [{}] * 100),
    ],
)
def test_children_are_counted_or_named_by_a_tag(arguments: tuple[Any, ...], tags: list[dict[str, str]]) -> None:
    assert child_tags(*arguments) == tags


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (0,),
        (-1,),
        (101,),
        (10**12,),
        ("3",),
        (True,),
        (2.0,),
        (None, "fold"),
        (None, None, [1]),
        (None, "", [1]),
        (None, "fold", "abc"),
        (None, "fold", []),
        (3, "fold", [1, 2]),
        (None, "fold", range(101)),
    ],
)
def test_anything_else_is_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(UserErrorException, match="create_children"):
        child_tags(*arguments)


def test_outside_of_a_job_children_are_offline_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_current", None)
    monkeypatch.chdir(tmp_path)
    run = Run.get_context()
    children = run.create_children(tag_key="fold", tag_values=[1, 2])
    assert [child.get_tags() for child in children] == [{"fold": "1"}, {"fold": "2"}]
    assert all(child.parent is run for child in children)
    with pytest.raises(UserErrorException):
        run.create_children()


def test_an_error_is_described_by_type_text_and_last_lines() -> None:
    def deep(level: int) -> None:
        if level:
            deep(level - 1)
        raise KeyError("no such key")

    with pytest.raises(KeyError) as caught:
        deep(200)
    found = described(caught.value)
    assert (found["type"], found["message"]) == ("KeyError", "'no such key'")
    assert found["traceback"][-1] == "KeyError: 'no such key'"
    assert len(found["traceback"]) <= 40


def test_an_error_that_cannot_be_shown_is_still_named() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert described(Odd())["type"] == "Odd"


def test_a_failure_is_a_text_or_an_exception() -> None:
    assert failure("no data", "E1") == {"type": "E1", "message": "no data"}
    assert failure(None, None) == {"type": "", "message": ""}
    assert failure(ValueError("bad"), None)["type"] == "ValueError"
    assert failure(ValueError("bad"), 7)["type"] == "7"


def test_only_no_error_and_exit_0_end_well() -> None:
    good = [None, SystemExit(), SystemExit(0)]
    bad = [SystemExit(1), SystemExit("text"), KeyboardInterrupt(), ValueError()]
    assert [ends_well(error) for error in good] == [True] * 3
    assert [ends_well(error) for error in bad] == [False] * 4


def test_everything_a_child_can_do_its_parent_can_name(tmp_path: Path) -> None:
    """A subprocess that gets a child's variables finds the child, and its requests name it."""
    variables = {
        "TRAINDOCK_RUN_ID": "child",
        "TRAINDOCK_JOB_RUN_ID": "job",
        "TRAINDOCK_METRICS_DIR": str(tmp_path / "metrics"),
        "TRAINDOCK_REQUESTS_DIR": str(tmp_path / "requests"),
    }
    for kind in (JobRun, ChildRun):
        kind(variables).tag("a", "b")
    sent = [path.read_text() for path in (tmp_path / "requests").glob("*.json")]
    assert len(sent) == 2
    assert all('"run": "child"' in text for text in sent)
