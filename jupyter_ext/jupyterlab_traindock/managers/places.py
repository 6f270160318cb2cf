"""Files and folders that a request names: below the server's root, and nowhere else."""

from __future__ import annotations

import os
from http import HTTPStatus
from pathlib import Path

from jupyterlab_traindock.errors import ApiError


def below_root(root: Path | None, path: str, what: str) -> Path:
    """Return where on the disk the file browser's ``path`` is, links followed; it need not be there.

    Args:
        root: the server's root folder, or None where its contents are no folder of this machine.
        path: as the file browser has it.
        what: the part of the request that has it.

    Raises:
        ApiError: 403, where that is not below the root.
    """
    if root is None:
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "forbidden",
            f"{what}: {path!r} is on no disk of this server, as all that its file browser shows",
            "Send the files with the request.",
        )
    root = Path(os.path.realpath(root))
    place = None if "\0" in path else Path(os.path.realpath(root / path.lstrip("/")))
    if place is None or not place.is_relative_to(root):
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "forbidden",
            f"{what}: {path!r} is not below the server's root folder",
            "Name it as the file browser shows it, or send the files with the request.",
        )
    return place
