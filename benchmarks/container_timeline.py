"""When scripts began and ended, by what they printed."""

from __future__ import annotations

from collections.abc import Iterable


def first_line(text: str) -> float:
    """Return the moment that a script printed first, in seconds since 1970."""
    return float(text.split(maxsplit=1)[0])


def idle_times(told: Iterable[str], slots: int) -> list[float]:
    """Return for how many milliseconds nothing ran in a slot before each script but the first of each slot.

    Whoever starts takes the slot that has been empty for the longest.

    Args:
        told: what each script printed: when it began and, last, when it ended, in seconds since 1970.
        slots: how many of them run at once.
    """
    spans = sorted((first_line(text), float(text.split()[-1])) for text in told)
    ends = sorted(end for _, end in spans)
    return [(begin - end) * 1e3 for (begin, _), end in zip(spans[slots:], ends, strict=False)]
