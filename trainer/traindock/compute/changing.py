"""How to change a compute target, told to those who write Python and to those at a terminal alike."""

from __future__ import annotations

import shlex
from types import EllipsisType


def how_to_change(name: str, **settings: str | int | list[str] | EllipsisType) -> str:
    """Return how to give a compute target other settings, such as "update(cpus=4) in Python, `traindock …`".

    Args:
        name: the target's.
        settings: what to set; an ellipsis stands for what only the user can know.
    """
    return (
        f"update({_python(settings)}) in Python, `traindock computes update {name} {_options(settings)}` at a terminal"
    )


def how_to_make(kind: str, **settings: str | int | list[str] | EllipsisType) -> str:
    """Return how to make a compute target with certain settings, in the same two ways.

    Args:
        kind: "docker" or "local".
        settings: as for :func:`how_to_change`.
    """
    of_kind = "" if kind == "docker" else f"--kind {kind} "
    return (
        f"{kind.capitalize()}Compute.provisioning_configuration({_python(settings)}) in Python, `traindock computes "
        f"create NAME {of_kind}{_options(settings)}` at a terminal"
    )


def _python(settings: dict[str, str | int | list[str] | EllipsisType]) -> str:
    return ", ".join(f"{name}={'…' if value is ... else repr(value)}" for name, value in settings.items())


def _options(settings: dict[str, str | int | list[str] | EllipsisType]) -> str:
    """Return settings as the command line has them, where those with several values are in the singular."""
    words: list[str] = []
    for name, value in settings.items():
        option = f"--{(name[:-1] if name == 'mounts' else name).replace('_', '-')}"
        for one in value if isinstance(value, list) else [value]:
            words += [option, "…" if one is ... else shlex.quote(str(one))]
    return " ".join(words)
