"""What uv is told when it builds, and what it says of a failed install, as part of a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.trainer.images.test_relax import BUILD_FAILED, BUILD_FAILED_EARLIER_WORDS, NO_WHEEL

from traindock.errors import EnvironmentBuildException
from traindock.images.builder import _freeze, _Job, explanation, fail
from traindock.images.conda import Translation
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildLog, BuildSettings, Outcome

UNKNOWN = """\
Using Python 3.11.7 environment at: /envs/1
error: No solution found when resolving dependencies
  cause: Because nope was not found and you require nope, we can conclude that your requirements are unsatisfiable.

hint: Packages were unavailable because index lookups were disabled
"""
UNKNOWN_IN_EARLIER_WORDS = """\
  × No solution found when resolving dependencies:
  ╰─▶ Because nope was not found and you require
      nope, we can conclude that your requirements are unsatisfiable.
"""


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (
            UNKNOWN,
            "No solution found when resolving dependencies: Because nope was not found and you require nope, we can "
            "conclude that your requirements are unsatisfiable. hint: Packages were unavailable because index lookups "
            "were disabled",
        ),
        (
            UNKNOWN_IN_EARLIER_WORDS,
            "No solution found when resolving dependencies: Because nope was not found and you require nope, we can "
            "conclude that your requirements are unsatisfiable.",
        ),
        (
            BUILD_FAILED,
            "Failed to build `pillow==5.4.1`: The build backend returned an error: Call to "
            "`setuptools.build_meta:__legacy__.build_wheel` failed (exit status: 1); [stderr] connection refused, and "
            "numpy==1.0 has no wheels, says setup.py; hint: Build failures usually indicate a problem with the package "
            "or the build environment",
        ),
        (
            BUILD_FAILED_EARLIER_WORDS,
            "Failed to download and build `pillow==5.4.1`: The build backend returned an error: Call to "
            "`setuptools.build_meta:__legacy__.build_wheel` failed (exit status: 1); [stderr] "
            "RequiredDependencyException: jpeg",
        ),
        (
            "error: Failed to fetch: `https://a/simple/`\n  cause: dns error\n",
            "Failed to fetch: `https://a/simple/`: dns error",
        ),
        ("Resolved 1 package\nthe last word\n\n", "the last word"),
        ("", ""),
    ],
)
def test_its_lines_are_told_apart(output: str, text: str) -> None:
    assert explanation(output.split("\n")) == text


def test_sentences_of_one_cause_follow_each_other() -> None:
    assert "dependencies: Because you require numpy>=1 and six" in explanation(NO_WHEEL.splitlines())
    assert "can be used. And because tensorflow==1.15.0 has no wheels" in explanation(NO_WHEEL.splitlines())


def test_what_was_installed_is_listed_with_the_variables_of_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", "the-dispatchers")
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\necho "$UV_CACHE_DIR==$UV_DEFAULT_INDEX"\n')
    uv.chmod(0o755)
    settings = BuildSettings(index_url="https://mirror/simple", variables={"UV_CACHE_DIR": "the-submitters"})
    with BuildLog(tmp_path / "log") as log:
        job = _Job(Recipe(), Translation((), None, (), ()), tmp_path, log, lambda: False, settings, -1)
        listed = _freeze(job, str(uv))
    assert listed == ("the-submitters==https://mirror/simple",)


def test_the_cause_is_found_above_however_much_a_package_prints_as_it_is_built() -> None:
    output = (*BUILD_FAILED.splitlines(), *(f"         line {number}" for number in range(40)))
    with pytest.raises(EnvironmentBuildException, match=r"installed: Failed to build `pillow==5\.4\.1`: The build ba"):
        fail(Outcome(1, output), (), ())
