"""Looking for a text in a log, a bounded part of it at a time, so that one of gigabytes keeps nobody waiting."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from jupyterlab_traindock.managers.opened_file import PIECE, OpenedFile

#: Bytes that one look reads at most, and seconds after which it ends.
LOOK_BYTES: Final = 256 << 20
LOOK_SECONDS: Final = 0.5
#: Bytes of colours that may stand within what is looked for.
_COLOURS: Final = 512
_ESCAPES: Final = rb"(?:\x1b\[[0-9;]*m)*"


@dataclass(frozen=True)
class Place:
    """Where a search stands.

    Attributes:
        offset: where it goes on, in bytes.
        line: number of the line there, from 1.
        start: where that line begins, in bytes.
        told: whether that line was found already.
    """

    offset: int = 0
    line: int = 1
    start: int = 0
    told: bool = False

    @classmethod
    def parse(cls, cursor: str) -> Place:
        """Return the place that a cursor of :meth:`cursor` means."""
        offset, line, start, told = map(int, cursor.split("-"))
        return cls(offset, line, start, bool(told))

    def cursor(self) -> str:
        """Return it as text."""
        return f"{self.offset}-{self.line}-{self.start}-{int(self.told)}"


@dataclass(frozen=True)
class Hit:
    """A line that has the text.

    Attributes:
        line: its number, from 1.
        offset: where it begins, in bytes.
    """

    line: int
    offset: int


@dataclass(frozen=True)
class Looked:
    """What one look has found.

    Attributes:
        hits: the lines, in their order.
        place: where the next look goes on.
        more: whether there is something left to look at.
    """

    hits: list[Hit]
    place: Place
    more: bool


def look(file: OpenedFile, text: str, place: Place, most: int, clock: Callable[[], float] = time.monotonic) -> Looked:
    """Look for a text on from a place: for some lines, or some time, or to the end of the log.

    Neither case nor colours matter. A line that overwrote itself is one line, as the file has it.

    Args:
        file: the log.
        text: what is looked for.
        place: where to begin.
        most: how many lines at most.
        clock: tells the time in seconds.
    """
    finder = _Finder(text)
    deadline = clock() + LOOK_SECONDS
    stop = min(file.size, place.offset + LOOK_BYTES)
    hits: list[Hit] = []
    while place.offset < file.size and place.offset < stop and len(hits) < most and clock() < deadline:
        data = file.read(place.offset, min(place.offset + PIECE, file.size))
        last = not data or place.offset + len(data) >= file.size
        place, found, whole = _look_at(data, finder, place, most - len(hits))
        hits += found
        if last and whole:
            return Looked(hits, place, more=False)
    return Looked(hits, place, more=place.offset < file.size)


class _Finder:
    """Finds a text in bytes that were made lower case."""

    def __init__(self, text: str) -> None:
        # Each letter by itself: bytes are lowered as ASCII, which leaves their number as it is.
        letters = [_spellings(letter) for letter in text]
        self._plain = b"".join(one[0] for one in letters) if all(len(one) == 1 for one in letters) else None
        self._pattern = re.compile(_ESCAPES.join(b"(?:" + b"|".join(map(re.escape, one)) + b")" for one in letters))
        self.overlap = sum(max(map(len, one)) for one in letters) + _COLOURS

    def find(self, data: bytes, begin: int, *, coloured: bool) -> tuple[int, int] | None:
        """Return where the text begins and ends, from ``begin`` on; None where it is not."""
        if self._plain is not None and not coloured:
            at = data.find(self._plain, begin)
            return None if at < 0 else (at, at + len(self._plain))
        found = self._pattern.search(data, begin)
        return None if found is None else found.span()


def _spellings(letter: str) -> list[bytes]:
    if letter.isascii():
        return [letter.lower().encode()]
    forms = dict.fromkeys(form for form in (letter, letter.lower(), letter.upper()) if len(form) == 1)
    return [form.encode() for form in forms]


def _look_at(data: bytes, finder: _Finder, place: Place, most: int) -> tuple[Place, list[Hit], bool]:
    """Return where to go on, what was found in these bytes, and whether they were looked at to their end."""
    lowered = data.lower()
    coloured = b"\x1b" in data
    here = _Lines(data, place)
    hits: list[Hit] = []
    begin = 0
    while True:
        if here.told:
            begin = data.find(b"\n", begin) + 1
            if begin == 0:
                return here.place_at(len(data)), hits, True
        span = finder.find(lowered, begin, coloured=coloured)
        if span is None:
            break
        begin = span[1]
        hits.append(here.tell(span[0]))
        if len(hits) == most:
            return here.place_at(begin), hits, False
    # What ends in the bytes that come next may have begun in these.
    return here.place_at(max(begin, len(data) - finder.overlap)), hits, True


class _Lines:
    """Counts lines in bytes that begin at a place."""

    def __init__(self, data: bytes, place: Place) -> None:
        self._data = data
        self._base = place.offset
        self._at = place
        self._counted = 0

    @property
    def told(self) -> bool:
        """Whether the line that it stands in was found."""
        return self._at.told

    def tell(self, at: int) -> Hit:
        """Go on to byte ``at``, whose line was found."""
        self._at = replace(self.place_at(at), told=True)
        return Hit(self._at.line, self._at.start)

    def place_at(self, at: int) -> Place:
        """Go on to byte ``at``."""
        ends = self._data.count(b"\n", self._counted, at)
        if ends:
            start = self._base + self._data.rfind(b"\n", self._counted, at) + 1
            self._at = Place(self._base + at, self._at.line + ends, start)
        else:
            self._at = replace(self._at, offset=self._base + at)
        self._counted = at
        return self._at
