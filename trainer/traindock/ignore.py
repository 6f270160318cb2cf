"""Which files of a source folder stay at home: ``.amlignore`` or ``.gitignore``, and what is left out by default.

With an ``.amlignore`` in the source folder, the ``.amlignore`` files in it and below it count and no ``.gitignore``
does; otherwise the ``.gitignore`` files count. They are read as git reads them: patterns are relative to the file's
folder, deeper files win over shallower ones, later lines over earlier ones, and nothing inside a folder that is
left out can be brought back. (Libraries that match such patterns on whole lists of files take a folder's patterns
for its files' too, and so differ from git where a line further down brings one back.)

Left out by default are version control, virtual environments, caches, notebooks' and trainings' checkpoints, and
``./outputs`` and ``./logs``, which belong to the job. A line such as ``!checkpoints/`` in an ``.amlignore`` brings
a default back, if it names it: wildcards alone (``!*/``) do not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Final

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
    """

    base: str
    kind: str
    digest: str = ""
    _patterns: tuple[_Pattern, ...] = ()
    _above: IgnoreRules | None = None

    def within(self, base: str, content: bytes) -> IgnoreRules:
        """Return the rules for the folder ``base``, whose own ignore file holds ``content``."""
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        patterns = tuple(filter(None, (_Pattern.parse(line, at) for at, line in enumerate(text.split("\n"), 1))))
        if not patterns:
            return self
        identity = f"{self.digest}\0{base}\0{self.kind}\0{text}"
        digest = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()
        return IgnoreRules(base, self.kind, digest, patterns, self)

    def verdict(self, path: str, *, folder: bool) -> Verdict:
        """Judge ``path``, relative to the source folder, none of whose parents is left out."""
        found = self._decisive(path, folder=folder)
        if found is None:
            return Verdict.UNSAID
        pattern = found[1]
        if not pattern.negated:
            return Verdict.LEFT_OUT
        return Verdict.KEPT if pattern.names and self.kind == AMLIGNORE else Verdict.UNSAID

    def decisive_line(self, path: str, *, folder: bool) -> str:
        """Name the ignore file and the line of it that decides on ``path``; "" if none does."""
        found = self._decisive(path, folder=folder)
        return f"line {found[1].line} of {found[0].base}{self.kind}" if found is not None else ""

    def _decisive(self, path: str, *, folder: bool) -> tuple[IgnoreRules, _Pattern] | None:
        rules: IgnoreRules | None = self
        while rules is not None:
            relative = path[len(rules.base) :]
            for pattern in reversed(rules._patterns):
                if pattern.matches(relative, folder=folder):
                    return rules, pattern
            rules = rules._above
        return None


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One line of an ignore file.

    Attributes:
        regex: matches the whole path, or the whole name if ``anywhere``.
        anywhere: whether it applies to names at any depth, having no slash but a last one.
        folders_only: whether it ends with a slash.
        negated: whether it starts with an exclamation mark.
        names: whether it holds more than wildcards.
        line: its number in the file, from 1 on.
    """

    regex: re.Pattern[str]
    anywhere: bool
    folders_only: bool
    negated: bool
    names: bool
    line: int

    @classmethod
    def parse(cls, line: str, number: int) -> _Pattern | None:
        text = _without_trailing_spaces(line.removesuffix("\r"))
        if not text or line.startswith("#"):
            return None
        negated = text.startswith("!")
        text = text.removeprefix("!")
        folders_only = text.endswith("/")
        text = text.removesuffix("/")
        anywhere = "/" not in text
        expression = _translate(text.removeprefix("/"))
        if not text or expression is None:
            return None
        return cls(re.compile(expression, re.DOTALL), anywhere, folders_only, negated, bool(text.strip("*/")), number)

    def matches(self, path: str, *, folder: bool) -> bool:
        if self.folders_only and not folder:
            return False
        return self.regex.fullmatch(path.rpartition("/")[2] if self.anywhere else path) is not None


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


def _without_trailing_spaces(line: str) -> str:
    """Drop spaces at the end, but for those after a backslash."""
    kept = line.rstrip(" ")
    if len(kept) < len(line) and (len(kept) - len(kept.rstrip("\\"))) % 2:
        kept += " "
    return kept


def _translate(pattern: str) -> str | None:
    """Return a regular expression for one of git's wildcard patterns; None if it can never match."""
    parts = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            end = at
            while end < len(pattern) and pattern[end] == "*":
                end += 1
            whole = end - at > 1 and (at == 0 or pattern[at - 1] == "/")
            if whole and end == len(pattern):
                parts.append(".*")
            elif whole and pattern[end] == "/":
                parts.append("(?:.*/)?")
                end += 1
            else:
                parts.append("[^/]*")
            at = end
        elif char == "?":
            parts.append("[^/]")
            at += 1
        elif char == "[":
            found = _translate_class(pattern, at + 1)
            if found is None:
                return None
            expression, at = found
            parts.append(f"(?!/){expression}")
        elif char == "\\":
            if at + 1 == len(pattern):
                return None
            parts.append(re.escape(pattern[at + 1]))
            at += 2
        else:
            parts.append(re.escape(char))
            at += 1
    return "".join(parts)


_CLASSES: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


def _translate_class(pattern: str, at: int) -> tuple[str, int] | None:
    """Translate ``[…]`` from behind its bracket; return the expression and where the pattern goes on."""
    negated = pattern[at : at + 1] in ("!", "^")
    at += negated
    items: list[str] = []
    low: str | None = None  # what a "-" that follows may start a range from
    start = at
    while at < len(pattern) and (pattern[at] != "]" or at == start):
        char = pattern[at]
        closing = pattern.find(":]", at + 2) if pattern.startswith("[:", at) else -1
        if closing >= 0:
            name = pattern[at + 2 : closing]
            if name not in _CLASSES:
                return None
            items.append(_CLASSES[name])
            low, at = None, closing + 2
            continue
        if char == "-" and low is not None and at + 1 < len(pattern) and pattern[at + 1] != "]":
            at += 1
            if pattern[at] == "\\":
                at += 1
            if at == len(pattern):
                return None
            if low <= pattern[at]:
                items.append(f"{re.escape(low)}-{re.escape(pattern[at])}")
            low = None
            at += 1
            continue
        if char == "\\":
            at += 1
            if at == len(pattern):
                return None
            char = pattern[at]
        items.append(re.escape(char))
        low = char
        at += 1
    if at == len(pattern):
        return None
    inside = "".join(items)
    if not inside:  # only ranges that run backwards
        return ("." if negated else "(?!)"), at + 1
    return (f"[^{inside}]" if negated else f"[{inside}]"), at + 1
