"""Exact pins that no longer install: which ones a failed install is to be blamed on, and what to ask for instead.

``pillow==5.4.1`` has wheels for the Pythons of its day, and its source asks for headers that few machines have. Such
a pin in an old notebook is worth more as "5.4.1 or newer", said aloud, than as a failed run. A version or a package
that never existed is another matter: that is a mistake, and stays an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from traindock.images.recipe import hashes, parse_requirement

#: Faults of the network or the disk, for which no pin is to blame.
_ELSEWHERE: Final = re.compile(
    r"failed to fetch|error sending request|request failed after|dns error|connection (?:refused|reset|timed out)|"
    r"operation timed out|no space left on device|disk quota exceeded|permission denied|invalid peer certificate",
    re.IGNORECASE,
)
#: How uv says that a pinned version itself does not install.
_DIRECTLY: Final = (
    r"failed to (?:download and )?build:? `?{name}==v?{version}",
    r"\b{name}==v?{version} has no (?:usable )?(?:wheels|source distribution)",
    r"\b{name}==v?{version} depends on python",
)
#: The same of something that it depends on.
_BY_DEPENDENCY: Final = (
    r"failed to (?:download and )?build.* was included because `{name}` \(v{version}\) depends on",
    r"has no (?:usable )?(?:wheels|source distribution).* you require {name}==v?{version}",
)
_BOXES: Final = re.compile(r"[\s│├╰─▶×]+")


def culprits(requirements: Iterable[str], output: Iterable[str]) -> tuple[str, ...]:
    """Which exact pins among ``requirements`` the failed install in ``output`` (uv's lines) is to be blamed on.

    Returns:
        Those whose version exists and yet does not install here, because there is no wheel for this Python or
        machine, it was made for another Python, or a source build failed: its own or, where no pin's own did, that of
        something it depends on. Empty where something else is to blame.
    """
    text = _BOXES.sub(" ", "\n".join(_own_words(output)))
    if _ELSEWHERE.search(text):
        return ()
    pins = {requirement: this for requirement in requirements if (this := _pin(requirement))}
    for blames in (_DIRECTLY, _BY_DEPENDENCY):
        if found := tuple(r for r, this in pins.items() if any(_said(blame, this, text) for blame in blames)):
            return found
    return ()


def relaxed(requirement: str) -> str:
    """``requirement`` with "this version or newer" in place of "exactly this version"."""
    return re.sub(r"===?", ">=", requirement, count=1)


def _pin(text: str) -> tuple[str, str] | None:
    """Patterns of the name and the version of an exact pin, or None for any other requirement."""
    requirement = parse_requirement(text)
    if requirement is None or requirement.url or hashes(text) or len(requirement.specifier) != 1:
        return None
    pin = next(iter(requirement.specifier))
    if pin.operator not in ("==", "===") or pin.version.endswith("*"):
        return None
    return re.sub(r"[-_.]+", "[-_.]+", requirement.name), rf"{re.escape(pin.version)}(?:\.0)*(?![\w.]*\w)"


def _said(blame: str, pin: tuple[str, str], text: str) -> bool:
    name, version = pin
    return re.search(blame.format(name=name, version=version), text, re.IGNORECASE) is not None


def _own_words(output: Iterable[str]) -> Iterator[str]:
    """Uv's lines, without what it quotes of a package's own build: that may say anything."""
    quoted = -1
    for line in output:
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent < quoted:
            quoted = -1
        if line.strip() in ("[stderr]", "[stdout]"):
            quoted = indent
        if quoted < 0:
            yield line
