"""JSON texts of answers, which are written in threads: a long one would hold up every other request."""

from __future__ import annotations

import json
from typing import Any

import orjson

from traindock.documents import plain


def of(value: Any) -> bytes:
    """Return the JSON text of any value, in which what JSON lacks is as :func:`traindock.documents.plain` has it."""
    return of_plain(plain(value))


def of_plain(document: Any) -> bytes:
    """Return the JSON text of a document that is made of what JSON has: to look through it would take longer than this.

    Args:
        document: what :func:`traindock.documents.plain` returns, or is known to be like that. A number that JSON lacks
            would come out as null.
    """
    try:
        return orjson.dumps(document)
    except TypeError:  # names of files that are not UTF-8; integers just beyond 64 bits
        return json.dumps(document, allow_nan=False).encode("ascii")
