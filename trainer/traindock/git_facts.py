"""What Git knows about a source folder: commit, branch, whether anything was changed, and where it came from."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Final

_SECONDS: Final = 2.0
_STATUS: Final = ("status", "--porcelain=v2", "--branch", "--untracked-files=no", "--no-ahead-behind")
_ORIGIN: Final = ("config", "--get", "remote.origin.url")


class GitFacts:
    """Asks Git about a folder, and lets the caller do something else until it has answered.

    Use it as a context manager: no process is left behind.

    Args:
        source: the folder; one that is in no repository costs nothing.
    """

    def __init__(self, source: Path) -> None:
        self._deadline = time.monotonic() + _SECONDS
        self._asked: list[subprocess.Popen[bytes]] = []
        here = source.resolve()
        if not any(os.path.exists(folder / ".git") for folder in (here, *here.parents)):  # noqa: PTH110
            return
        # No lock that a Git of the user's might stumble over, and no program that the repository names.
        environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        try:
            for words in (_STATUS, _ORIGIN):
                self._asked.append(
                    subprocess.Popen(
                        ["git", "-c", "core.fsmonitor=false", "-C", str(here), *words],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        env=environment,
                    )
                )
        except OSError:
            self._end()

    def __enter__(self) -> GitFacts:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def properties(self) -> dict[str, str]:
        """Return the facts under Azure ML's names; {} where Git is missing, slow, or knows nothing."""
        status, origin = [self._answer(process) for process in self._asked] or (None, None)
        if status is None:
            return {}
        heads = dict(re.findall(r"^# branch\.(oid|head) (.+)$", status, re.MULTILINE))
        found = {
            "azureml.git.commit": heads.get("oid", ""),
            "azureml.git.branch": heads.get("head", ""),
            "azureml.git.dirty": str(any(not line.startswith("#") for line in status.splitlines())),
            "azureml.git.repository_uri": re.sub(r"//[^/@]*@", "//", origin or ""),  # without a password
        }
        return {name: value for name, value in found.items() if value}

    def _answer(self, process: subprocess.Popen[bytes]) -> str | None:
        try:
            text, _ = process.communicate(timeout=max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None
        return text.decode("utf-8", "replace").strip() if process.returncode == 0 else None

    def _end(self) -> None:
        for process in self._asked:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._asked = []
