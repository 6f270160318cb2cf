"""Exact pins that no longer install: which ones a failed install is to be blamed on, and what to ask for instead.

``pillow==5.4.1`` has wheels for the Pythons of its day, and its source asks for headers that few machines have. Such
a pin in an old notebook is worth more as "5.4.1 or newer", said aloud, than as a failed run. A version or a package
that never existed is another matter: that is a mistake, and stays an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from traindock.images.recipe import parse_requirement

#: Faults of the network or the disk, for which no pin is to blame.
_ELSEWHERE: Final = re.compile(
    r"failed to fetch|error sending request|request failed after|dns error|connection (?:refused|reset|timed out)|"
    r"operation timed out|no space left on device|disk quota exceeded|permission denied|invalid peer certificate",
    re.IGNORECASE,
)
_BOXES: Final = re.compile(r"[\s│├╰─▶×]+")


def culprits(requirements: Iterable[str], output: Iterable[str]) -> tuple[str, ...]:
    """Which exact pins among ``requirements`` the failed install in ``output`` (uv's lines) is to be blamed on.

    Returns:
        Those whose version exists and yet does not install here: no wheel for this Python or machine, made for
        another Python, or a source build that failed. Empty where something else is to blame.
    """
    lines = list(output)
    # a failed build quotes the builder's own words, indented: they are not uv's
    own = [line for line in lines if not line.startswith("      ")]
    text = _BOXES.sub(" ", "\n".join(own))
    if _ELSEWHERE.search(text):
        return ()
    return tuple(requirement for requirement in requirements if _blamed(requirement, text))


def relaxed(requirement: str) -> str:
    """``requirement`` with "this version or newer" in place of "exactly this version"."""
    return re.sub(r"===?", ">=", requirement, count=1)


def _blamed(text: str, output: str) -> bool:
    requirement = parse_requirement(text)
    if requirement is None or requirement.url or len(requirement.specifier) != 1:
        return False
    pin = next(iter(requirement.specifier))
    if pin.operator not in ("==", "===") or pin.version.endswith("*"):
        return False
    name = re.sub(r"[-_.]+", "[-_.]+", requirement.name)
    this = rf"`?{name}==v?{re.escape(pin.version)}(?:\.0)*`?(?![\w.])"
    blames = (
        rf"failed to (?:download and )?build:? {this}",
        rf"{this} has no (?:usable )?(?:wheels|source distribution)",
        rf"{this} depends on python",
        rf"{this} (?:cannot|can't) be (?:built|used)",
    )
    return any(re.search(blame, output, re.IGNORECASE) for blame in blames)
