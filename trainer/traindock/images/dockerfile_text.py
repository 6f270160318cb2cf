"""Dockerfiles as text: which instructions there are. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

#: "<<WORD" of an instruction that takes the lines below it; "<<<" is the shell's own.
_HEREDOC: Final = re.compile(r"(?<!<)<<(-?)(?!<)([\"']?)([A-Za-z_][\w.]*)\2")
_WITH_HEREDOCS: Final = re.compile(r"(?:ONBUILD\s+)?(?:RUN|COPY|ADD)\s", re.IGNORECASE)
#: What may come before the first FROM, or is it.
_FIRST: Final = ("FROM", "ARG")


def instructions(text: str) -> Iterator[str]:
    """Yield the instructions of a Dockerfile, each as one line; comments, and lines that are input of one, left out."""
    lines = iter(text.splitlines())
    for line in lines:
        whole = line.strip()
        if not whole or whole.startswith("#"):
            continue
        while whole.endswith("\\"):
            more = next(lines, None)
            if more is None:
                break
            if more.strip() and not more.strip().startswith("#"):
                whole = f"{whole[:-1].rstrip()} {more.strip()}"
        yield whole
        for tabs, word in _heredocs(whole):
            for body in lines:
                if (body.lstrip("\t") if tabs else body).rstrip("\r") == word:
                    break


def has_heredoc(text: str) -> bool:
    """Whether an instruction takes the lines below it, which only some builders understand."""
    return any(_heredocs(line) for line in instructions(text))


def begins_like_one(text: str) -> bool:
    """Whether the first instruction is one that a Dockerfile can begin with."""
    return next((line.split()[0].upper() for line in instructions(text)), "") in _FIRST


def names_base(text: str) -> bool:
    """Whether there is a FROM, without which there is nothing to build upon."""
    return any(line.split()[0].upper() == "FROM" for line in instructions(text))


def _heredocs(line: str) -> list[tuple[str, str]]:
    if not _WITH_HEREDOCS.match(line):
        return []
    return [(tabs, word) for tabs, _, word in _HEREDOC.findall(line)]
