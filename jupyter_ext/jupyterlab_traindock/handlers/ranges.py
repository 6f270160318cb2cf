"""What requests say about parts of a file, and about the copy that they have already (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Final

from tornado.httputil import HTTPHeaders

_RANGE: Final = re.compile(r"bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.ASCII)


class UnsatisfiableRange(Exception):
    """The file has no byte of the range."""


def wanted_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte that a ``Range`` header asks for and the one behind the last.

    Args:
        header: the request's; None where it has none.
        size: of the file, in bytes.

    Returns:
        None where it asks for all: also by what makes no sense, and by several ranges, which a server need not serve.

    Raises:
        UnsatisfiableRange: the file has no such bytes.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, stop = max(0, size - int(found[2])), size
    else:
        start, stop = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= size or start >= stop:
        raise UnsatisfiableRange
    return start, stop


def is_known(headers: HTTPHeaders, etag: str, modified: int) -> bool:
    """Whether whoever asks has this content already.

    Args:
        headers: of the request.
        etag: of the content, with its quotes.
        modified: when it was changed last, in seconds since 1970.
    """
    tags = headers.get("If-None-Match")
    if tags is not None:
        known = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
        return "*" in known or etag.removeprefix("W/") in known
    since = _seconds(headers.get("If-Modified-Since"))
    return since is not None and modified <= since


def range_holds(headers: HTTPHeaders, etag: str, modified: int) -> bool:
    """Whether the range of a request is one of this content, and not of an older one whose rest would not fit to it.

    Args:
        headers: of the request.
        etag: of the content, with its quotes; a weak one never tells that nothing changed.
        modified: when it was changed last, in seconds since 1970.
    """
    condition = headers.get("If-Range")
    if condition is None:
        return True
    if etag.startswith("W/"):
        return False
    return condition.strip() == etag if '"' in condition else _seconds(condition) == modified


def _seconds(date: str | None) -> int | None:
    if date is None:
        return None
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
