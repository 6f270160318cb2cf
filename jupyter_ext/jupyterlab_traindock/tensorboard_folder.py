"""What a TensorBoard is shown of a run's folder: folders of our own, with a link for each of its files.

TensorBoard goes through every link that it finds. A job may make any: one to ``/`` would have it read the whole disk,
and show files that are no part of the run. So it sees none of the run's own links, but those from one file of the
folder to another, which stand for that file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: Part of the name of each file that TensorBoard reads by itself.
EVENT_FILE: Final = "tfevents"
#: Of other files, which some of its pages show, so many; a run may leave very many.
MOST_OTHERS: Final = 2000


class ShownFolder:
    """A folder of a run, as TensorBoard sees it.

    Args:
        place: where that is to be; made by :meth:`refresh`.
        run: where the run is.
        folder: which of its folders. While its job is at work that is a link to the folder of this name in the job's
            working directory; one that leads anywhere else is shown as empty.
    """

    def __init__(self, place: Path, run: Path, folder: str) -> None:
        self._place = place
        self._source = run / folder
        # Only of the run itself is followed where it leads: what is in it may be the job's.
        root = Path(os.path.realpath(run))
        self._own = {root / folder, root / "work" / folder}
        self._links: dict[str, str] = {}

    def refresh(self) -> None:
        """Show what the folder has now."""
        found = dict(self._found())
        for name in self._links.keys() - found.keys():
            self._remove(self._place / name)
            del self._links[name]
        self._place.mkdir(parents=True, exist_ok=True)
        for name, target in found.items():
            if self._links.get(name) == target:
                continue
            link = self._place / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(target)
            self._links[name] = target

    def _remove(self, link: Path) -> None:
        link.unlink(missing_ok=True)
        for folder in link.parents:
            if folder == self._place or any(folder.iterdir()):
                return
            folder.rmdir()

    def _found(self) -> Iterator[tuple[str, str]]:
        """Yield the files that are shown: by which path, and where they are."""
        top = os.path.realpath(self._source)
        if Path(top) not in self._own:
            return
        others = 0
        for where, folders, names in os.walk(top):  # which follows no links to folders
            folders.sort()
            for name in sorted(names):
                path = os.path.join(where, name)  # noqa: PTH118 -- of many files, quickly
                target = os.path.realpath(path)
                if not target.startswith(f"{top}{os.sep}") or not os.path.isfile(target):  # noqa: PTH113
                    continue
                if EVENT_FILE not in name:
                    others += 1
                    if others > MOST_OTHERS:
                        continue
                # By the run's own folder, which stays where it is when the run ends and its files are moved.
                yield os.path.relpath(path, top), os.path.join(self._source, os.path.relpath(target, top))  # noqa: PTH118
