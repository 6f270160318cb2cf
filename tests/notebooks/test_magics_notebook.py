"""The tour of the magics: executed twice, it says the same, but for ids and times."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow

NOTEBOOK = REPOSITORY / "notebooks" / "magics.ipynb"


def at_home_in(folder: Path) -> dict[str, str]:
    """Return variables with which a process has a workspace of its own."""
    own = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("DATA", "CONFIG", "STATE")}
    return {**os.environ, **own, "TRAINDOCK_LEASE_DIR": str(folder / "leases")}


def execute(words: Sequence[str], folder: Path, home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=at_home_in(home), capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return done.stdout


def test_it_passes_nbvals_strict_comparison_with_another_execution(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    shutil.copy(NOTEBOOK, folder)
    execute(["nbconvert", "--to", "notebook", "--execute", "--inplace", NOTEBOOK.name], folder, tmp_path / "first")
    rules = Path(__file__).with_name("magics.sanitize")
    compare = ["pytest", "--nbval", "--nbval-sanitize-with", str(rules), "-q", "-p", "no:cacheprovider"]

    printed = execute([*compare, NOTEBOOK.name], folder, tmp_path / "second")

    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert f"{len(cells)} passed" in printed
