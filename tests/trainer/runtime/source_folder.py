"""A source folder whose scripts can be run with and without bootstrap.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traindock.runtime import script_host

BOOTSTRAP = Path(script_host.__file__).with_name("bootstrap.py")


@dataclass
class Result:
    out: str
    err: str
    code: int

    @classmethod
    def of(cls, done: subprocess.CompletedProcess[bytes]) -> Result:
        return cls(done.stdout.decode("utf-8", "backslashreplace"), done.stderr.decode(), done.returncode)


class Folder:
    """A source folder whose scripts can be run with and without bootstrap.py."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.error, self.lost = root.parent / "error.json", root.parent / "lost"
        root.mkdir()

    def write(self, name: str, text: str | bytes) -> str:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return name

    def plain(self, *words: str, python: str = sys.executable, **options: Any) -> Result:
        return Result.of(self._run([python, *words], **options))

    def ours(self, *words: str, python: str = sys.executable, **options: Any) -> Result:
        return Result.of(self._run(self.command(*words, python=python), **options))

    def command(self, *words: str, python: str = sys.executable) -> list[str]:
        return [python, str(BOOTSTRAP), "--error", str(self.error), "--lost", str(self.lost), *words]

    def _run(self, command: list[str], env: dict[str, str] | None = None, **options: Any) -> Any:
        environment = {**os.environ, **(env or {})}
        environment.pop("PYTHONUNBUFFERED", None)
        return subprocess.run(
            command,
            cwd=self.root,
            env=environment,
            capture_output=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            **options,
        )

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.error.read_text())
        return found
