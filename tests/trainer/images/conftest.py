"""A shelf of invented packages, so that environments are built without a network."""

from __future__ import annotations

import io
import tarfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from traindock.images.uv import BuildSettings

#: A build backend that needs nothing but Python, so that uv builds source packages offline.
_BACKEND = """
import os, pathlib, time, zipfile

def _wheel(folder, name, version):
    file = f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(pathlib.Path(folder) / file, "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = {version!r}\\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return file

def build_sdist(folder, settings=None):
    raise NotImplementedError

def build_wheel(folder, settings=None, metadata=None):
"""


class Shelf:
    """A folder of packages for ``--find-links``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started = folder / "started"
        self.go = folder / "go"
        folder.mkdir(parents=True)

    @property
    def settings(self) -> BuildSettings:
        return BuildSettings(find_links=(str(self.folder),), offline=True)

    def wheel(self, name: str, version: str, *, tag: str = "py3-none-any", metadata: Sequence[str] = ()) -> Path:
        """A package that installs at once where ``tag`` fits."""
        module = name.replace("-", "_")
        info = f"{module}-{version}.dist-info"
        path = self.folder / f"{module}-{version}-{tag}.whl"
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata, ""]
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"{module}.py", f"version = {version!r}\n")
            wheel.writestr(f"{info}/METADATA", "\n".join(lines))
            wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
            wheel.writestr(f"{info}/RECORD", "")
        return path

    def source(self, name: str, version: str, build: str) -> None:
        """A source package; ``build`` are the lines that make its wheel, or fail to."""
        backend = _BACKEND + "".join(f"    {line}\n" for line in build.splitlines())
        project = (
            f'[project]\nname = "{name}"\nversion = "{version}"\n'
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        )
        information = f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n"
        files = {"backend.py": backend, "pyproject.toml": project, "PKG-INFO": information}
        with tarfile.open(self.folder / f"{name}-{version}.tar.gz", "w:gz") as archive:
            for file, text in files.items():
                member = tarfile.TarInfo(f"{name}-{version}/{file}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))

    def broken(self, name: str, version: str) -> None:
        """A source package whose build fails, as those do that need headers this machine has not."""
        self.source(name, version, 'raise SystemExit("The headers or library files could not be found for jpeg")')

    def slow(self, name: str, version: str = "1.0") -> None:
        """A source package whose build says that it has started, and then waits for ``go``."""
        lines = (
            f"pathlib.Path({str(self.started)!r}).write_text(str(os.getpid()))",
            f"while not os.path.exists({str(self.go)!r}): time.sleep(0.01)",
            f"return _wheel(folder, {name!r}, {version!r})",
        )
        self.source(name, version, "\n".join(lines))


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """An empty shelf, and a cache of uv's that no other test has seen."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def wait_until() -> Callable[[Callable[[], Any], str], Any]:
    """Wait for a condition, and fail with its name if it does not come true."""

    def wait(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"waited {seconds:.0f} s in vain for {what}")
            time.sleep(0.01)
        return value

    return wait
