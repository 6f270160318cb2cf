"""Where a job keeps what outlives it: the submitter's own home and caches, unless these cannot be written to.

Libraries put weights, fonts and compiled code there, and many fail, or fetch everything anew each time, where they
cannot. So what is unusable is replaced by a folder of the workspace.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from traindock.store.copying import storage_error

#: Variables that name a folder for caches: below the home that stands in for the user's, and where they are by default.
_CACHES: Final = {
    "XDG_CACHE_HOME": (".cache", ("HOME", ".cache")),
    "TORCH_HOME": (".cache/torch", ("XDG_CACHE_HOME", "torch")),
    "MPLCONFIGDIR": (".config/matplotlib", ("XDG_CONFIG_HOME", "matplotlib")),
}


def stand_ins(environment: Mapping[str, str], home: Path) -> tuple[dict[str, str], list[str]]:
    """Return what replaces the variables of a job that name folders it cannot write to, and a warning about each.

    Args:
        environment: the job's variables.
        home: the folder to use in place of what cannot be written to; made if needed.

    Raises:
        StoreException: the disk refuses to take that folder.
    """
    found: dict[str, str] = {}
    warnings: list[str] = []

    def replace(name: str, target: Path, why: str) -> None:
        try:
            target.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise storage_error(error, f"make {target}") from error
        found[name] = str(target)
        warnings.append(f"{why}, so the job gets {name}={target}")

    own = environment.get("HOME", "")
    if not _is_writable(own):
        replace("HOME", home, f"the home folder {own!r} cannot be written to" if own else "HOME is not set")
    for name, (below, (parent, default)) in _CACHES.items():
        given = environment.get(name)
        if given is not None:
            usable, what = _can_be_made(given), f"{name}={given}"
        else:
            base = found.get(parent) or environment.get(parent)
            place = Path(base, default) if base else None
            usable = place is None or not place.exists() or _is_writable(str(place))
            what = str(place)
        if not usable:
            replace(name, home / below, f"{what} cannot be written to")
    return found, warnings


def _is_writable(folder: str) -> bool:
    return Path(folder).is_absolute() and Path(folder).is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _can_be_made(folder: str) -> bool:
    if not Path(folder).is_absolute():  # it would be made below the dispatcher's own working directory
        return False
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return _is_writable(folder)
