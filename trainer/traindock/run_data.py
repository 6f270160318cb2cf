"""What a run is given to learn from, as far as its arguments tell: paths that were there when it was submitted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

#: Most paths that are kept of a run.
MOST: Final = 100
# Far ahead, and still a date.
_LATEST: Final = 2.0**36

_NAMED: Final = re.compile(r"--?([A-Za-z][^=]*)(?:=(.*))?", re.DOTALL)
# Words for what a run writes, or is not to tell.
_APART: Final = re.compile(
    r"out|outputs?|output(?:dir|path)|save|logs?|logdir|tmp|temp|cache|checkpoints?|ckpt|results?|keys?|tokens?|certs?"
)


def named(words: Sequence[str]) -> list[tuple[str, str]]:
    """Read ``--lr 0.1 --quiet data.csv`` as names with values; what has no name is numbered, as views do it."""
    found: list[tuple[str, str]] = []
    place = at = 0
    while at < len(words):
        word, following = words[at], words[at + 1] if at + 1 < len(words) else None
        at += 1
        if (option := _NAMED.fullmatch(word)) is None:
            place += 1
            found.append((f"argument {place}", word))
        elif option[2] is not None:
            found.append((option[1], option[2]))
        elif following is not None and re.match("--?[A-Za-z]", following) is None:
            found.append((option[1], following))
            at += 1
        else:
            found.append((option[1], "yes"))
    return found


def found(
    arguments: Sequence[str], on_host: Callable[[str], Path | None], source: Path | None = None
) -> list[dict[str, Any]]:
    """Return the arguments that name files or folders which are there.

    Args:
        arguments: what follows the script.
        on_host: returns where on this machine an absolute path lies that the job names; None where it does not.
        source: the source folder, a copy of which the job works in; None where it is not there any more.

    Returns:
        For each the "name" of the argument, the "path" as it was given, its "kind" ("file" or "folder"), whether it is
        "in_source", its "size" in bytes, None for a folder, and when it was "modified", in seconds since 1970. What a
        run writes, such as ``--output-dir``, is left out.
    """
    facts = []
    for name, value in named(arguments):
        if any(_APART.fullmatch(word) for word in re.split("[^a-z0-9]+", name.lower())):
            continue
        absolute = value.startswith("/")
        inside = source is not None and value not in ("", ".") and not absolute and ".." not in Path(value).parts
        place = on_host(value) if absolute else source / value if source is not None and inside else None
        if place is None:
            continue
        try:
            status = place.stat()
        except (OSError, ValueError):
            continue
        folder = place.is_dir()
        facts.append(
            {
                "name": name,
                "path": value,
                "kind": "folder" if folder else "file",
                "in_source": not absolute,
                "size": None if folder else status.st_size,
                "modified": min(max(0.0, status.st_mtime), _LATEST - 1),
            }
        )
    return facts[:MOST]


def again(
    arguments: Sequence[str], on_host: Callable[[str], Path | None], before: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the same for a run that is submitted once more with what of its source folder there was then.

    Args:
        arguments: see :func:`found`.
        on_host: likewise.
        before: what was found for the run that it is made of.
    """
    given = set(named(arguments))
    kept = [fact for fact in before if fact.get("in_source") and (fact.get("name"), fact.get("path")) in given]
    return [*found(arguments, on_host), *kept][:MOST]


def readable(facts: object) -> list[dict[str, Any]]:
    """Return those of some facts that are as :func:`found` makes them; a record may hold anything."""
    kinds: dict[str, Any] = {
        "name": str,
        "path": str,
        "kind": str,
        "in_source": bool,
        "size": (int, type(None)),
        "modified": float,
    }
    return [
        {name: fact[name] for name in kinds}
        for fact in (facts if isinstance(facts, list) else ())
        if isinstance(fact, dict)
        and all(isinstance(fact.get(name), kind) for name, kind in kinds.items())
        and 0 <= fact["modified"] < _LATEST
    ]
