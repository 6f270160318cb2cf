"""What CI does on a machine of which nothing is known."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import REPOSITORY


def test_what_prepares_a_machine_needs_no_more_than_a_bare_python() -> None:
    done = subprocess.run([sys.executable, "-I", "-S", ".ci/engine"], cwd=REPOSITORY, capture_output=True, text=True)

    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "Bring up a container engine for the tests.")
