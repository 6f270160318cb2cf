"""What answers say of errors: never a path of the machine, nor a password."""

from __future__ import annotations

import errno
from http import HTTPStatus
from pathlib import Path

import pytest

from jupyterlab_traindock.errors import ApiError, invalid, of_exception
from traindock.errors import EnvironmentBuildException, StoreException

PLACES = {Path("/data/ann/mine"): "<workspace mine>"}


@pytest.mark.parametrize("error", [EnvironmentBuildException, StoreException, invalid])
def test_passwords_and_paths_are_left_out(error: type[Exception]) -> None:
    text = "/data/ann/mine/runs: /opt/python/bin/pip got 401 from https://ann:secret@packages.example/simple"

    answer = of_exception(error(text), PLACES)

    assert answer.message == "<workspace mine>/runs: …/pip got 401 from https://***@packages.example/simple"


def test_of_what_nobody_expects_only_the_kind_is_told() -> None:
    answer = of_exception(KeyError("/data/ann/mine: secret"), PLACES)

    assert (answer.status, answer.message) == (500, "an unexpected KeyError was raised")


def test_a_full_disk_is_told_whoever_meets_it() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/tmp/some/where")
    store = StoreException("cannot write")
    store.__cause__ = full

    answers = [of_exception(error, PLACES) for error in (full, store)]

    assert [(one.status, one.code) for one in answers] == [(HTTPStatus.INSUFFICIENT_STORAGE, "disk_full")] * 2
    assert "/tmp" not in answers[0].message


def test_each_answer_says_what_to_do() -> None:
    assert ApiError(HTTPStatus.CONFLICT, "of_no_advice", "x").document()["advice"]
