"""Where this user's workspaces are: those in the data folder, and a list of those elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_data_path

from traindock.errors import StoreException, WorkspaceException
from traindock.store.events import locked
from traindock.store.files import canonical_json, read_json, write_json


def absolute(path: object) -> Path:
    """Return a path that a user gave, absolute, with ``~`` as a home folder; nothing needs to be there.

    Raises:
        WorkspaceException: it can be no path of this user's, or is relative while the current folder is gone.
    """
    try:
        found = Path(path).expanduser()  # type: ignore[arg-type]
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found.stat()
        return found.absolute()
    except FileNotFoundError:
        raise WorkspaceException(
            "the current folder is gone: change to another one (os.chdir, cd), or give an absolute path"
        ) from None
    except (TypeError, ValueError, RuntimeError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise WorkspaceException(f"{path!r:.80} is no path of yours: {why}") from None


class Locations:
    """The folders of this user's workspaces."""

    def __init__(self) -> None:
        self._data = user_data_path("traindock")
        self._home = self._data / "workspaces"
        self._list = self._data / "workspaces.json"

    def default(self, name: str) -> Path:
        """Return the folder in the data folder for a workspace of this name."""
        return self._home / name

    def other(self, name: str, strings: Mapping[str, str]) -> Path:
        """Return the folder for a workspace of these Azure strings where another one of its name has the first."""
        return self._home / f"{name}-{hashlib.sha256(canonical_json(dict(strings))).hexdigest()[:6]}"

    @staticmethod
    def chosen() -> Path | None:
        """Return the folder that the environment variable ``TRAINDOCK_WORKSPACE`` names; None where it is none."""
        named = os.environ.get("TRAINDOCK_WORKSPACE", "")
        return absolute(named) if "/" in named else None

    def all(self) -> list[Path]:
        """Return all known folders that still hold a ``workspace.json``."""
        return [root for root in self.listed() if os.path.isfile(root / "workspace.json")]  # noqa: PTH113 (False if forbidden)

    def listed(self) -> list[Path]:
        """Return all known folders, whatever has become of them."""
        inside = sorted(self._home.glob("[!.]*"))
        chosen = self.chosen()
        return list(dict.fromkeys([*inside, *self._elsewhere(), *([chosen] if chosen else [])]))

    def remember(self, root: Path) -> None:
        """Put a folder on the list, unless it lies in the data folder anyway."""
        if root.parent != self._home and root not in self._elsewhere():
            self._change(add=root)

    def forget(self, root: Path) -> None:
        """Take a folder off the list."""
        if root in self._elsewhere():
            self._change(remove=root)

    def _elsewhere(self) -> list[Path]:
        try:
            document = read_json(self._list)
        except (FileNotFoundError, StoreException):
            return []  # a list that is damaged only means that nothing is listed until it is written again
        return [Path(entry) for entry in document if isinstance(entry, str)] if isinstance(document, list) else []

    def _change(self, add: Path | None = None, remove: Path | None = None) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        with locked(self._data / ".workspaces.lock"):
            known = [root for root in self._elsewhere() if root != remove]
            if add is not None and add not in known:
                known.append(add)
            write_json(self._list, [str(root) for root in known])
