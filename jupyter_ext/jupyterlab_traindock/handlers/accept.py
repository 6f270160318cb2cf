"""Which of several forms of an answer whoever asks wants."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from jupyterlab_traindock.errors import ApiError


def preferred(header: str | None, offered: Sequence[str]) -> str:
    """Return the media type that an ``Accept`` header asks for; of those it likes as much, the one it names itself.

    Args:
        header: the request's; None where it has none.
        offered: what there is, the usual one first.

    Raises:
        ApiError: 406, where it is none of them.
    """
    wishes = [wish for text in (header or "*/*").split(",") if (wish := _wish(text)) is not None]
    found = [(*_liked(kind, wishes), -place, kind) for place, kind in enumerate(offered)]
    quality, _, _, kind = max(found)
    if quality <= 0:
        raise ApiError(
            HTTPStatus.NOT_ACCEPTABLE,
            "not_acceptable",
            f"Accept is {header!r:.200}, and the answer is {' or '.join(offered)}",
            f"Ask for it with the header Accept: {offered[0]}.",
        )
    return kind


def _liked(kind: str, wishes: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """Return how much a media type is liked, 0 to 1, and how precisely it is named."""
    general = kind.partition("/")[0] + "/*"
    for precision, name in ((2, kind), (1, general), (0, "*/*")):
        for wish, quality in wishes:
            if wish == name:
                return quality, precision
    return 0.0, 0


def _wish(text: str) -> tuple[str, float] | None:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return None
    return (name, quality) if name else None
