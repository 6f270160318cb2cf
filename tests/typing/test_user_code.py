"""The types that users see are the ones that the documentation says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import traindock

HERE = Path(__file__).parent


@pytest.mark.slow
def test_mypy_agrees_with_user_code(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    cache = request.config.cache.mkdir("mypy-user-code") if request.config.cache else tmp_path
    # As for a user: traindock is an installed package, found by its py.typed, and its inside is not reported.
    package = str(Path(traindock.__file__).parent.parent)
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = true\nfollow_imports = silent\nwarn_unused_ignores = true\n"
        "[mypy-torch.*,matplotlib.*,inotify_simple.*,pynvml.*]\nignore_missing_imports = true\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(tmp_path / "mypy.ini"), "--cache-dir", str(cache),
         str(HERE / "user_code.py")],
        env={**os.environ, "MYPYPATH": package, "MYPY_FORCE_COLOR": "0"}, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(traindock.__file__).parent / "py.typed").is_file()
