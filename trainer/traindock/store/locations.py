"""Where this user's workspaces are: those in the data folder, and a list of those elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

from platformdirs import user_data_path

from traindock.store.events import locked
from traindock.store.files import canonical_json, read_json, write_json


class Locations:
    """The folders of this user's workspaces."""

    def __init__(self) -> None:
        self._data = user_data_path("traindock")
        self._home = self._data / "workspaces"
        self._list = self._data / "workspaces.json"

    def default(self, name: str) -> Path:
        """Return the folder in the data folder for a workspace of this name."""
        return self._home / name

    def free(self, name: str, strings: dict[str, str]) -> Path:
        """Return such a folder that no workspace of the same name with other Azure strings has taken."""
        root = self.default(name)
        if not (root / "workspace.json").exists():
            return root
        return self._home / f"{name}-{hashlib.sha256(canonical_json(strings)).hexdigest()[:6]}"

    def all(self) -> list[Path]:
        """Return all known folders that still hold a ``workspace.json``."""
        inside = sorted(self._home.iterdir()) if self._home.is_dir() else []
        known = dict.fromkeys([*inside, *self._elsewhere()])
        return [root for root in known if (root / "workspace.json").is_file()]

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
        except Exception:  # noqa: BLE001 (a list that is gone or damaged only means that nothing is listed)
            return []
        return [Path(entry) for entry in document if isinstance(entry, str)] if isinstance(document, list) else []

    def _change(self, add: Path | None = None, remove: Path | None = None) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        with locked(self._data / ".workspaces.lock"):
            known = [root for root in self._elsewhere() if root != remove]
            if add is not None and add not in known:
                known.append(add)
            write_json(self._list, [str(root) for root in known])
