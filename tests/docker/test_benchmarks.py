"""The rows of ``benchmarks`` about containers, measured a little on a real engine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.conftest import REPOSITORY, first_in_ci
from tests.docker.conftest import lacking

LINES = {
    "container-first-line": ["submit to the script's first line, container"],
    "container-queue": ["idle between"],
    "container-outputs": ["of outputs, written and sealed"],
    "container-stdout": ["each line at once", "in blocks", "last lines lost: 0"],
    "container-prepare-unchanged": ["the image's own", "built before"],
    "container-prepare-one-more": ["with one more package"],
}


@pytest.mark.slow
@pytest.mark.parametrize("row", first_in_ci(LINES))
def test_a_row_can_be_measured(row: str, engine_url: str, base_image: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", row],
        cwd=REPOSITORY,
        env={**os.environ, "TRAINDOCK_TEST_ENGINE": engine_url},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    if "no docker command" in done.stdout:
        lacking("there is no docker command to compare with")
    for line in LINES[row]:
        assert line in done.stdout
