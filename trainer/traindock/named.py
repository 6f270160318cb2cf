"""Dictionaries that people look into by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from traindock.errors import NameNotFoundException

T = TypeVar("T")


class Named(dict[str, T]):
    """Objects by name.

    Args:
        kind: what they are, in the singular.
        items: the objects by name.

    Raises:
        NameNotFoundException: asked for by ``[name]``, none has it; the text names those there are.
    """

    def __init__(self, kind: str, items: Mapping[str, T]) -> None:
        super().__init__(items)
        self._kind = kind

    def __missing__(self, name: object) -> T:
        known = ", ".join(map(repr, sorted(self))) or "none yet"
        raise NameNotFoundException(f"there is no {self._kind} {name!r}; there are: {known}")
