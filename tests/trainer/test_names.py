"""Which names are allowed for what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from traindock.errors import UserErrorException
from traindock.names import check_name, check_relative, check_strings, check_text, experiment_like

ALLOWED = {
    "experiment": ["abc", "0ab", "a" * 36, "pytorch-hymenoptera", "a_b"],
    "model": ["m", "pt-dnn", "a.b_c-d", "0", "x" * 255],
    "workspace": ["ws", "w" * 33, "0-_"],
    "compute target": ["gpu-cluster", "ab", "x" * 24],
    "run id": ["tests_1700000000_0a1b2c3d", "a", "HD_1-2", "x" * 151],
}
REFUSED = {
    "experiment": ["ab", "a" * 37, "-abc", "_abc", "abc!", "a.bc", "äbc"],
    "model": ["", "-m", ".m", "a b", "x" * 256, "a/b"],
    "workspace": ["w", "w" * 34, "-ab", "a.b"],
    "compute target": ["a", "x" * 25, "1ab", "ab-", "a_b"],
    "run id": ["", "-a", ".a", "a.b", "x" * 152, "a\n"],
}
NEVER = [None, 5, b"abc", ["abc"], "", "abc\n", "a\0bc", "../abc", "/abc"]


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in ALLOWED.items() for name in names])
def test_names_that_are_allowed_are_returned(kind: str, name: str) -> None:
    assert check_name(kind, name) == name


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in REFUSED.items() for name in (*names, *NEVER)]
)
def test_others_are_refused_with_the_rule(kind: str, name: Any) -> None:
    with pytest.raises(UserErrorException, match=f"no {kind} name: use .*letters"):
        check_name(kind, name)


def test_a_name_of_a_million_characters_is_cut_in_the_text() -> None:
    with pytest.raises(UserErrorException) as caught:
        check_name("model", "x" * 1_000_000)
    assert len(str(caught.value)) < 500
    assert "1,000,002 characters" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "clean"),
    [("a", "a"), ("a/b.py", "a/b.py"), ("./a", "a"), ("a//b/", "a/b"), ("ä b\n", "ä b\n"), ("a/..b", "a/..b")],
)
def test_relative_names_are_cleaned(name: str, clean: str) -> None:
    assert check_relative(name) == clean


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../a", "a/../../b", "a/..", "a\0b", None, 5, b"a"])
def test_names_that_lead_out_are_refused(name: Any) -> None:
    with pytest.raises(UserErrorException, match="relative path"):
        check_relative(name, "script")


def test_tags_and_properties_become_strings() -> None:
    assert check_strings("tag", {"a": 1, "b": None, "c": "x", "d": True}) == {"a": "1", "b": "", "c": "x", "d": "True"}


@pytest.mark.parametrize("values", [{"": "x"}, {5: "x"}, {"x" * 501: ""}, "abc", ["abc"], None])
def test_what_can_be_no_tags_is_refused(values: Any) -> None:
    with pytest.raises(UserErrorException, match="tag"):
        check_strings("tag", values)


@pytest.mark.parametrize("value", [{"b": 1}, [1], (1,), {1}, b"x", np.array([1.0])])
def test_containers_are_no_values_of_tags(value: Any) -> None:
    with pytest.raises(UserErrorException, match=f"the value of tag 'a' is a text .* of type {type(value).__name__}"):
        check_strings("tag", {"a": value})


@pytest.mark.parametrize(("value", "kept"), [(np.float64(0.5), "0.5"), (np.int8(3), "3"), (Path("a/b"), "a/b")])
def test_other_values_of_tags_are_kept_as_their_texts(value: Any, kept: str) -> None:
    assert check_strings("tag", {"a": value}) == {"a": kept}


def test_texts_have_a_limit() -> None:
    assert check_text("description", "x" * 10, 10) == "x" * 10
    for wrong in ("x" * 11, None, 5):
        with pytest.raises(UserErrorException, match="description is a text of at most 10 characters"):
            check_text("description", wrong, 10)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("digits", "digits"),
        ("my project", "my-project"),
        ("a", "run-a"),
        ("--x--", "run-x"),
        ("猫", "experiment"),
        ("", "experiment"),
        ("a" * 80, "a" * 36),
        ("." * 3 + "hidden", "hidden"),
    ],
)
def test_an_experiment_is_called_like_a_folder_made_valid(folder: str, name: str) -> None:
    assert experiment_like(folder) == name
    check_name("experiment", name)
