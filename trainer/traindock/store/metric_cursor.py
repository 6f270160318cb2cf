"""Cursors: where a follower of metrics has got to, as a text that outlives reader, kernel and server.

They are made of byte offsets and record numbers per file; nobody outside of this module looks into them.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any, Final

from traindock.errors import UserErrorException

_CURSOR: Final = "m1."


def encoded(places: dict[str, Any]) -> str:
    """Return the cursor for ``places``: by writer, [offset in its records, {file number: records read}]."""
    packed = zlib.compress(json.dumps(places, separators=(",", ":")).encode(), 1)
    return _CURSOR + base64.urlsafe_b64encode(packed).decode()


def decoded(cursor: str | None) -> dict[str, Any]:
    """Return the places that :func:`encoded` was given; None stands for the beginning.

    Raises:
        UserErrorException: the text is no cursor.
    """
    if cursor is None:
        return {}
    refused = UserErrorException(f"{cursor[:80]!r} is no cursor of metrics: use what since() returned, or None")
    if not cursor.startswith(_CURSOR) or len(cursor) > 1 << 24:
        raise refused
    try:
        unpacker = zlib.decompressobj()
        packed = base64.b64decode(cursor[len(_CURSOR) :], altchars=b"-_", validate=True)
        places = json.loads(unpacker.decompress(packed, 1 << 26))
    except (ValueError, RecursionError, binascii.Error, zlib.error) as error:
        raise refused from error
    if not isinstance(places, dict) or not all(_is_place(place) for place in places.values()):
        raise refused
    return places


def _is_place(place: Any) -> bool:
    """Whether this is what a cursor holds for a writer: an offset in bytes, and records read by file."""
    if not isinstance(place, list) or len(place) != 2 or not isinstance(place[1], dict):
        return False
    return all(type(number) is int and 0 <= number < 1 << 56 for number in (place[0], *place[1].values()))
