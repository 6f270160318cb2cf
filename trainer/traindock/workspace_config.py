"""Files that name a workspace: ours, and Azure ML's ``config.json`` as it is."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from traindock.errors import UserErrorException, WorkspaceException
from traindock.names import check_name
from traindock.store.locations import absolute

#: What the file may be called, the first before the second.
NAMES = ("config.json", "project.json")

#: Where in a folder it may be; "" is the folder itself.
_PLACES = (".traindock", ".azureml", "aml_config", "")

# What Azure ML's file holds, and what stands for a string that is not there; a name there must be.
_KEYS = {"subscription_id": "", "resource_group": "", "workspace_name": None}
_OURS = {"workspace_path", *_KEYS}


@dataclass(frozen=True, slots=True)
class WorkspaceConfig:
    """What such a file says.

    Attributes:
        path: folder of the workspace; None where the file names it by its strings only, as Azure ML's do.
        name: the workspace's name; "" where ``path`` says it all.
        strings: ``subscription_id`` and ``resource_group``, which tell workspaces of one name apart.
    """

    path: Path | None = None
    name: str = ""
    strings: dict[str, str] = field(default_factory=dict)


def find(start: Path, names: Sequence[str] = NAMES) -> Path | None:
    """Return the file nearest to ``start``: in it, or in a folder above; None where there is none."""
    for folder in (start, *start.parents):
        for place in _PLACES:
            for name in names:
                file = folder / place / name
                if not os.path.isfile(file):  # noqa: PTH113 (False where forbidden)
                    if os.path.isdir(file):  # noqa: PTH112 (likewise)
                        warnings.warn(f"{file} is a folder, which names no workspace: it is passed over", stacklevel=3)
                    continue
                if place or _looks_like_ours(file, nearest=folder == start):
                    return file
    return None


def load(file: Path) -> WorkspaceConfig:
    """Read one file.

    Raises:
        WorkspaceException: it cannot be read, or lacks something; the text names the file.
    """
    document = _read(file)
    path = document.get("workspace_path")
    if isinstance(path, str):
        try:
            return WorkspaceConfig(path=absolute(file.parent / Path(path).expanduser()).resolve())
        except (WorkspaceException, RuntimeError) as error:
            raise WorkspaceException(f"{file}: its workspace_path, {path!r:.80}, cannot be used: {error}") from None
    if path is not None:
        raise WorkspaceException(f"{file}: workspace_path is a text, the folder of a workspace, not {path!r:.80}")
    lacking = [key for key in _KEYS if not isinstance(document.get(key, _KEYS[key]), str)]
    if lacking:
        anybodys = not document and file.parent.name not in _PLACES
        another = ". If it is another program's, put one with these into .traindock/ beside it" if anybodys else ""
        raise WorkspaceException(
            f"{file} lacks {', '.join(lacking)}: a config.json needs the strings {', '.join(_KEYS)} "
            f'(or "workspace_path", the folder of a workspace){another}'
        )
    try:
        name = check_name("workspace", document["workspace_name"])
    except UserErrorException as error:
        raise WorkspaceException(f"{file}: {error}") from None
    return WorkspaceConfig(
        name=name, strings=texts(**{key: document.get(key) for key in ("subscription_id", "resource_group")})
    )


def write(file: Path, root: Path, *, name: str, subscription_id: str, resource_group: str) -> None:
    """Write a file that names the workspace in the folder ``root``; missing folders are made.

    Raises:
        WorkspaceException: the disk refuses.
    """
    document = {
        "subscription_id": subscription_id,
        "resource_group": resource_group,
        "workspace_name": name,
        "workspace_path": str(root),
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise WorkspaceException(f"cannot write {file}: {error.strerror}: give a folder of yours as path") from None


def file_name(name: object) -> str:
    """Return the name that a configuration file is to have.

    Raises:
        WorkspaceException: it can be none.
    """
    if not isinstance(name, str) or "/" in name or "\0" in name or name in ("", ".", ".."):
        raise WorkspaceException(f"{name!r:.80} is no file name: use one such as 'config.json'")
    return name


def texts(**given: object) -> dict[str, str]:
    """Return the strings by name, "" for those that are None.

    Raises:
        WorkspaceException: one is no string.
    """
    found = {}
    for key, value in given.items():
        if not isinstance(value, str | None):
            raise WorkspaceException(f"{key} is a text, not {value!r}")
        found[key] = value or ""
    return found


def _looks_like_ours(file: Path, *, nearest: bool) -> bool:
    """A bare ``config.json`` may belong to any program: it is ours if it has a name that only ours has.

    One that cannot be read, or says nothing, is ours where the search begins, since it is to be mended rather than
    stepped around.
    """
    try:
        document = json.loads(_text(file))
    except (OSError, ValueError, RecursionError):
        return nearest or _mentions_us(file)
    if document == {}:
        return nearest
    return isinstance(document, dict) and bool(_with_scope(document).keys() & _OURS)


def _mentions_us(file: Path) -> bool:
    try:
        content = file.read_bytes()
    except OSError:
        return False
    return any(f'"{key}"'.encode() in content for key in _OURS)


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(_text(file))
    except (OSError, ValueError, RecursionError) as error:
        raise WorkspaceException(f"{file} is no usable configuration: {error}") from None
    if not isinstance(document, dict):
        raise WorkspaceException(f"{file} is no usable configuration: it holds no JSON object")
    return _with_scope(document)


def _text(file: Path) -> str:
    return file.read_text("utf-8-sig")


def _with_scope(document: dict[str, Any]) -> dict[str, Any]:
    scope = document.get("Scope")
    return {**(_scope(scope) if isinstance(scope, str) else {}), **document}


def _scope(scope: str) -> dict[str, str]:
    """Take the three names out of an Azure resource path, whose own words may be spelt in any case."""
    parts = scope.strip("/").split("/")
    named = {word.lower(): value for word, value in zip(parts[::2], parts[1::2], strict=False)}
    pairs = {
        "subscription_id": named.get("subscriptions"),
        "resource_group": named.get("resourcegroups"),
        "workspace_name": named.get("workspaces"),
    }
    return {key: value for key, value in pairs.items() if value}
