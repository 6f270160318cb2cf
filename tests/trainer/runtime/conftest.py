"""What tests of what runs within jobs share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.trainer.runtime.source_folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A source folder."""
    return Folder(tmp_path / "source")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if (
        sys.platform != "linux"
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "traindock-test", str(folder)], capture_output=True
        ).returncode
    ):
        pytest.skip("may not mount a small tmpfs here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
