"""Which names are allowed for what, checked in one place.

The rules for experiments and models are Azure ML v1's, so that old notebooks keep their names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from traindock.errors import UserErrorException

_EXPERIMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,35}")
_MODEL: Final = re.compile(r"[A-Za-z0-9][-._A-Za-z0-9]{0,254}")
_WORKSPACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,32}")
_COMPUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,22}[A-Za-z0-9]")
# As MLflow has it: "latest" and "v1" are left to those who mean the newest version, or a number.
_ALIAS: Final = re.compile(r"(?!(?i:latest|v[0-9]+)\Z)[A-Za-z][A-Za-z0-9_-]{0,254}")
_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,150}")

_RULES: Final[dict[str, tuple[re.Pattern[str], str]]] = {
    "experiment": (_EXPERIMENT, "3 to 36 letters, digits, _ or -, starting with a letter or digit"),
    "model": (_MODEL, "1 to 255 letters, digits, -, . or _, starting with a letter or digit"),
    "alias": (
        _ALIAS,
        "1 to 255 letters, digits, _ or -, starting with a letter, and neither 'latest' nor a number such as 'v1'",
    ),
    "workspace": (_WORKSPACE, "2 to 33 letters, digits, _ or -, starting with a letter or digit"),
    "compute target": (_COMPUTE, "2 to 24 letters, digits or -, starting with a letter, not ending with -"),
    "run id": (_RUN_ID, "letters, digits, _ or -, starting with a letter or digit"),
}


def check_name(kind: str, name: object) -> str:
    """Return ``name`` if it is allowed for ``kind``.

    Args:
        kind: "experiment", "model", "alias", "workspace", "compute target" or "run id".
        name: what the user gave.

    Raises:
        UserErrorException: it is no string, or breaks the rule, which the text quotes.
    """
    pattern, rule = _RULES[kind]
    if not isinstance(name, str) or not pattern.fullmatch(name):
        shown = repr(name)
        if len(shown) > 200:
            shown = f"{shown[:200]}… ({len(shown):,} characters)"
        raise UserErrorException(f"{shown} is no {kind} name: use {rule}")
    return name


def is_name(kind: str, name: str) -> bool:
    """Whether ``name`` is allowed for ``kind``, as :func:`check_name` has it."""
    return _RULES[kind][0].fullmatch(name) is not None


def name_like(text: str, default: str) -> str:
    """Return ``text`` as a name that workspaces may have, or ``default`` if too little of it is left."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:33].rstrip("-_")
    return name if _WORKSPACE.fullmatch(name) else default


def experiment_like(text: str) -> str:
    """Return ``text``, such as the name of a folder, as a name that experiments may have."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:36].rstrip("-_")
    return name if len(name) >= 3 else f"run-{name}" if name else "experiment"


def check_relative(name: object, what: str = "file name") -> str:
    """Return ``name`` as a clean relative path with forward slashes that stays inside its folder.

    Raises:
        UserErrorException: it is empty, absolute, holds a NUL, or leads out by "..".
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise UserErrorException(f"{name!r} is no {what}: use a relative path such as 'outputs/model.pt'")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise UserErrorException(f"{what} {name!r} leads out of the run: use a relative path without '..'")
    return str(path)


def readable(name: str) -> str:
    """Return a name as it is to be shown on a line: quoted where it holds what no line can."""
    return name if name.isprintable() else repr(name)


def check_strings(what: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return tags or properties with their values as strings, see :func:`as_text`.

    Args:
        what: "tag" or "property".
        values: names and values.

    Raises:
        UserErrorException: it is no mapping, a name is no text of 1 to 500 characters, or a value is a container.
    """
    if not isinstance(values, Mapping):
        raise UserErrorException(f"{what} names and values are given as a dict, not as {values!r:.80}")
    for name, value in values.items():
        if not isinstance(name, str) or not 0 < len(name) <= 500:
            raise UserErrorException(f"the name of a {what} is a text of 1 to 500 characters, not {str(name)[:80]!r}")
        if isinstance(value, Collection) and not isinstance(value, str):
            raise UserErrorException(
                f"the value of {what} {name!r} is a text or a number, not {value!r:.80} of type "
                f"{type(value).__name__}: give a {what} for each of its parts, or one text"
            )
    return {name: as_text(value) for name, value in values.items()}


def as_text(value: object) -> str:
    """Return the value of a tag or a property as it is kept: None as "", anything else as its text."""
    return "" if value is None else str(value)


def check_text(what: str, value: object, limit: int) -> str:
    """Return ``value`` if it is a text of at most ``limit`` characters.

    Raises:
        UserErrorException: it is not.
    """
    if not isinstance(value, str) or len(value) > limit:
        raise UserErrorException(f"{what} is a text of at most {limit} characters, not {str(value)[:80]!r}")
    return value
