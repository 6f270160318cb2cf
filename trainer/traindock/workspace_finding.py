"""From names, Azure's strings and files that hold them to the folders of workspaces, made where they are to be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traindock import workspace_config
from traindock.errors import TraindockError, WorkspaceException
from traindock.names import check_name, name_like
from traindock.store import identity
from traindock.store.identity import WorkspaceRecord
from traindock.store.layout import WorkspaceLayout
from traindock.store.locations import Locations


@dataclass(frozen=True, slots=True)
class Found:
    """A workspace's folder, and what it says of itself."""

    root: Path
    record: WorkspaceRecord


def known(**strings: str | None) -> list[Found]:
    """Return this user's workspaces that have these Azure strings; empty ones do not matter.

    Folders that are gone or damaged are left out.
    """
    return [
        each
        for each in at(Locations().all())
        if all(value in (None, "", getattr(each.record, key)) for key, value in strings.items())
    ]


def at(folders: Iterable[Path]) -> list[Found]:
    """Return this user's workspaces among ``folders``; those that are gone, damaged or of others are left out."""
    found = []
    for root in folders:
        try:
            found.append(Found(root, identity.load(root)))
        except (TraindockError, OSError):
            continue  # one broken workspace must not hide the others
    return found


def unreadable(folders: Iterable[Path]) -> dict[Path, str]:
    """Return those of ``folders`` that may hold a workspace of this user's, but cannot be read, each with why."""
    found = {}
    for root in folders:
        try:
            WorkspaceLayout(root).workspace_json.read_bytes()
            identity.load(root)
        except (FileNotFoundError, NotADirectoryError, WorkspaceException):
            continue  # there is none, or it is somebody else's
        except OSError as error:
            found[root] = error.strerror or str(error)
        except TraindockError as error:
            found[root] = str(error)
    return found


def only(name: str, **strings: str | None) -> Path | None:
    """Return the one workspace of this name and these Azure strings, or None where there is none.

    Raises:
        WorkspaceException: there are several; the text lists them.
    """
    found = [each for each in known(**strings) if each.record.name == name]
    exact = [
        each for each in found if all(getattr(each.record, key) == (value or "") for key, value in strings.items())
    ]
    if not found:
        return None
    if len(found) == 1 or len(exact) == 1:
        return (exact or found)[0].root
    places = "\n".join(
        f"    {str(each.root)!r} (subscription_id={each.record.subscription_id!r}, "
        f"resource_group={each.record.resource_group!r})"
        for each in found
    )
    raise WorkspaceException(
        f"there are {len(found)} workspaces named {name!r}: say which by its folder, or by subscription_id and "
        f"resource_group:\n{places}"
    )


def existing(root: Path, name: str) -> Path | None:
    """Return ``root`` if it is a workspace, which must have this name, or None if it is none.

    Raises:
        WorkspaceException: it has another name.
    """
    if not _is_one(root):
        return None
    record = identity.load(root)
    if record.name != name:
        raise WorkspaceException(f"{root} is a workspace already, and its name is {record.name!r}, not {name!r}")
    return root


def made(name: str, strings: Mapping[str, str], **more: Any) -> Path:
    """Make a workspace in the data folder, unless another process has just made the same one; return its folder.

    Raises:
        WorkspaceException: other workspaces are in its way.
        StoreException: the disk refuses, or what lies there is damaged.
    """
    locations = Locations()
    for root in (locations.default(name), locations.other(name, strings)):
        if _is_one(root):
            record = identity.load(root)  # one that is damaged is to be mended, not stepped around
            if record.name == name and all(getattr(record, key) == value for key, value in strings.items()):
                return root
            continue
        try:
            identity.create(root, name, **strings, **more)
        except WorkspaceException:
            if not _is_one(root):
                raise
            found = only(name, **strings)
            if found is not None:
                return found
        else:
            return root
    raise WorkspaceException(f"{root} holds another workspace: choose another name than {name!r}, or give a path")


def of_strings(name: str, **strings: object) -> Path:
    """Return the workspace that Azure's three strings name, made on first use."""
    checked = workspace_config.texts(**strings)
    return only(check_name("workspace", name), **checked) or made(name, checked)


def of_config(file: Path) -> Path:
    """Return the workspace that a configuration file names, made on first use where it names it by its strings.

    Raises:
        WorkspaceException: the file is no usable configuration, or names a folder without a workspace.
    """
    config = workspace_config.load(file)
    if config.path is None:
        return of_strings(config.name, **config.strings)
    try:
        identity.load(config.path)
    except WorkspaceException as error:
        raise WorkspaceException(f"{file} names a workspace that cannot be opened: {error}") from None
    return config.path


def default_name() -> str | None:
    """Return the name of the workspace that :func:`default` makes; None where it is named by its folder instead."""
    return None if Locations.chosen() else _usual_name()


def default() -> Path:
    """Return the user's default workspace, made on first use: see :meth:`traindock.Workspace.from_config`."""
    locations = Locations()
    root = locations.chosen()
    if root is None:
        name = check_name("workspace", _usual_name())
        # The one at home, whatever workspaces elsewhere are called too.
        if _is_one(locations.default(name)):
            return locations.default(name)
        elsewhere = [each.root for each in known() if each.record.name == name]
        return elsewhere[0] if len(elsewhere) == 1 else made(name, {})
    try:
        identity.create(root, name_like(root.name, "default"))
    except WorkspaceException:
        if not _is_one(root):
            raise
    return root


def present(start: Path) -> Path | None:
    """Return the workspace that :meth:`traindock.Workspace.from_config` would open, without making one.

    Raises:
        WorkspaceException: the file that names it is no usable configuration, or there are several of its name.
    """
    file = workspace_config.find(start)
    if file is not None:
        config = workspace_config.load(file)
        return config.path if config.path is not None else only(config.name, **config.strings)
    locations = Locations()
    name = _usual_name()
    root = locations.chosen() or locations.default(name)
    return root if _is_one(root) else only(name)


def _usual_name() -> str:
    return os.environ.get("TRAINDOCK_WORKSPACE") or "default"


def _is_one(root: Path) -> bool:
    return WorkspaceLayout(root).workspace_json.exists()
