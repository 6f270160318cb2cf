"""What a check of ``traindock doctor`` finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: what was looked at.
        level: how bad it is.
        message: what there is.
        advice: what to do; "" where nothing needs to be done.
    """

    check: str
    level: Literal["ok", "warn", "FAIL"]
    message: str
    advice: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as plain JSON values."""
        return {"check": self.check, "level": self.level, "message": self.message, "advice": self.advice}


def some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
