"""Which files of a source folder stay at home: ``.amlignore`` or ``.gitignore``, and what is left out by default.

With an ``.amlignore`` in the source folder, the ``.amlignore`` files in it and below it count and no ``.gitignore``
does; otherwise the ``.gitignore`` files count. They are read as git reads them: patterns are relative to the file's
folder, deeper files win over shallower ones, later lines over earlier ones, and nothing inside a folder that is
left out can be brought back.

Left out by default are version control, virtual environments, caches, notebooks' and trainings' checkpoints, and
``./outputs`` and ``./logs``, which belong to the job. A line such as ``!checkpoints/`` in an ``.amlignore`` brings
a default back, if it names it: wildcards alone (``!*/``) do not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

AMLIGNORE: Final = ".amlignore"
GITIGNORE: Final = ".gitignore"

_LEFT_OUT: Final = frozenset(
    {
        *(".git", ".hg", ".svn", ".DS_Store", "node_modules"),
        *("__pycache__", ".cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox"),
        ".ipynb_checkpoints",
    }
)
_OF_THE_JOB: Final = frozenset({"outputs", "logs"})


class Verdict(Enum):
    """What ignore files say about a path."""

    LEFT_OUT = "left out"
    KEPT = "kept"  # a negated pattern names it, so that defaults do not apply either
    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The patterns that apply in one folder: those of its own ignore file and of the folders above it.

    Attributes:
        base: the folder's path below the source folder with a trailing slash; "" for the source folder.
        kind: the name of the ignore files that count.
        digest: changes whenever the patterns do, so that verdicts can be remembered; "" without any pattern.
        faults: lines of this folder's file that are no patterns.
    """

    base: str
    kind: str
    digest: str = ""
    faults: tuple[str, ...] = ()
    _lines: tuple[str, ...] = ()
    _spec: Any = None
    _above: IgnoreRules | None = None

    def within(self, base: str, content: bytes | None) -> IgnoreRules:
        """Return the rules for the folder ``base``, whose own ignore file holds ``content`` (None: it has none)."""
        if content is None:
            return self
        lines, faults = _readable_lines(content)
        if not lines:
            return self if not faults else IgnoreRules(base, self.kind, self.digest, faults, _above=self)
        from pathspec import GitIgnoreSpec

        digest = hashlib.sha256(
            "\0".join([self.digest, base, *lines]).encode("utf-8", "surrogateescape")
        ).hexdigest()
        return IgnoreRules(base, self.kind, digest, faults, lines, GitIgnoreSpec.from_lines(lines), self)

    def verdict(self, path: str) -> Verdict:
        """Judge ``path``, relative to the source folder and with a trailing slash if it is a folder."""
        rules: IgnoreRules | None = self
        while rules is not None:
            if rules._spec is not None:
                result = rules._spec.check_file(path[len(rules.base) :])
                if result.include:
                    return Verdict.LEFT_OUT
                if result.include is False:
                    line = rules._lines[result.index]
                    named = self.kind == AMLIGNORE and bool(line.strip("!*/ "))
                    return Verdict.KEPT if named else Verdict.UNSAID
            rules = rules._above
        return Verdict.UNSAID


def left_out_by_default(name: str, *, top: bool) -> bool:
    """Whether a file or folder of this name is left out unless an ``.amlignore`` says otherwise.

    Args:
        name: its own name.
        top: whether it lies directly in the source folder.
    """
    return name in _LEFT_OUT or (top and name in _OF_THE_JOB)


def is_environment_or_cache(names: Collection[str]) -> bool:
    """Whether a folder that holds these names is a virtual environment, a conda environment or a marked cache."""
    return "pyvenv.cfg" in names or "conda-meta" in names or "CACHEDIR.TAG" in names


def holds_checkpoints(name: str, names: Collection[str]) -> bool:
    """Whether a folder looks like weights that a training saved: so named, and without Python code in it."""
    return name == "checkpoints" and not any(entry.endswith(".py") for entry in names)


def _readable_lines(content: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split an ignore file as git does; return its patterns and the lines that are none."""
    from pathspec import GitIgnoreSpec

    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    lines, faults = [], []
    for line in text.split("\n"):
        line = line.removesuffix("\r")
        if not line.strip() or line.startswith("#"):
            continue
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            faults.append(line)
        else:
            lines.append(line)
    return tuple(lines), tuple(faults)
