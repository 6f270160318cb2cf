"""Telling the same only once, where an error and the log that it comes from are shown together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import Final

#: What is said twice may be as long as this, in characters; what is cut keeps its beginning.
_LONG: Final = 80
_KEPT: Final = 60


def without_repetition(text: str, shown: Iterable[str]) -> str:
    """Return a text whose long passages are cut where lines that are shown beside it have them in full.

    Args:
        text: such as what an exception said.
        shown: such as the last lines of the log that has its traceback.
    """
    for line in shown:
        for passage in (line.strip(), line.partition(": ")[2].strip()):
            start = text.find(passage[:_LONG]) if len(passage) >= _LONG else -1
            if start >= 0:
                pairs = zip(text[start:], passage, strict=False)
                same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
                text = f"{text[: start + _KEPT].rstrip()}…{text[start + same :]}"
    return text
