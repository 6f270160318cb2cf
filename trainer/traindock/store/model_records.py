"""Models and their versions as ``models/<name>/events.jsonl`` tells them.

A version is one event: it is there as a whole once its line is written, after all its contents are in the content
store, or not at all. The next number is decided under the lock of that file, so that no two registrations get the
same one, and the number of a deleted version is never given again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from traindock.errors import ModelAliasException, ModelNotFoundException, StoreException
from traindock.names import check_name, check_relative, is_name
from traindock.store import alias_history, events
from traindock.store.blobs import FileRecord
from traindock.store.changes import Changes
from traindock.store.copying import storage_error
from traindock.store.events import Event
from traindock.store.layout import WorkspaceLayout
from traindock.store.model_contents import Content

# What a damaged line may still tell: a number that was given, and what kind of event it was.
_NUMBER: Final = re.compile(rb'"version": ([0-9]{1,9})(?![0-9])')
_CONTENT: Final = re.compile(rb"[0-9a-f]{64}")
_KIND: Final = re.compile(rb'\{(?:"t": [-+.0-9e]+, )?"type": "([a-z]+)"')


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a version comes from; all empty for local files.

    Attributes:
        run_id: the run whose files it holds.
        experiment: that run's experiment.
        snapshot: id of the source folder's snapshot.
        environment: key of the environment that the run used.
        datasets: names or ids of data that the user declared.
    """

    run_id: str = ""
    experiment: str = ""
    snapshot: str = ""
    environment: str = ""
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """What the user says about a version when registering it."""

    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    framework: str = ""
    framework_version: str = ""


@dataclass(slots=True)
class ModelVersion:
    """One registered version; ``created`` in seconds since 1970, ``aliases`` sorted."""

    name: str
    version: int
    created: float
    content: Content
    lineage: Lineage
    tags: dict[str, str]
    properties: dict[str, str]
    description: str
    framework: str
    framework_version: str
    aliases: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.content.files.values())


def load(layout: WorkspaceLayout, name: str) -> dict[int, ModelVersion]:
    """Return the versions of a model that were not deleted, in order; none for an unknown model.

    Raises:
        UserErrorException: ``name`` can be no model's.
    """
    found, _ = events.read(layout.model_events(check_name("model", name)))
    return fold(name, found)


def names(layout: WorkspaceLayout) -> list[str]:
    """Return the names of all models that ever had a version, sorted; other folders there are passed over."""
    try:
        with os.scandir(layout.models) as entries:
            return sorted(
                entry.name for entry in entries if is_name("model", entry.name) and entry.is_dir(follow_symlinks=False)
            )
    except FileNotFoundError:
        return []


def contents_in(recorded: bytes) -> set[str]:
    """Return the contents that a model's record refers to: of the versions that are not deleted, and in damaged lines.

    Args:
        recorded: the file.
    """
    found: set[str] = set()
    whole: list[Event] = []
    for line, event in events.lines(recorded):
        if event is None:
            found.update(map(bytes.decode, _CONTENT.findall(line)))
        else:
            whole.append(event)
    for version in fold("model", whole).values():
        found.update(file.sha256 for file in version.content.files.values())
    return found


def damaged(layout: WorkspaceLayout, name: str) -> str:
    """Return what is to be said about lines of a model's record that cannot be read; "" if all can.

    Raises:
        UserErrorException: ``name`` can be no model's.
    """
    path = layout.model_events(check_name("model", name))
    count = events.damaged(path)
    if not count:
        return ""
    return f"{path} has lines that cannot be read ({count}), and with them perhaps versions or moves of aliases"


def fold(name: str, recorded: Iterable[Event]) -> dict[int, ModelVersion]:
    """Turn events into versions; events that make no sense are passed over."""
    versions: dict[int, ModelVersion] = {}
    deleted: set[int] = set()
    moved: list[Event] = []
    for event in recorded:
        try:
            number = event["version"]
            if event["type"] == "version":
                if number not in versions:
                    versions[number] = _version(name, event)
            elif event["type"] == "deleted":
                deleted.add(number)
            elif event["type"] == "alias":
                moved.append(event)
            else:
                _change(versions[number], event)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    there = {number: versions[number] for number in sorted(versions) if number not in deleted}
    for alias in alias_history.fold(moved, there).values():
        version = there[alias.version]
        version.aliases = (*version.aliases, alias.name)
    return there


def register(
    layout: WorkspaceLayout,
    name: str,
    content: Content,
    description: Description,
    lineage: Lineage,
    *,
    alias: str | None = None,
    by: str = "",
    request_id: str | None = None,
) -> ModelVersion:
    """Record the next version of a model; its contents must be in the store, synced.

    Args:
        layout: the workspace.
        name: the model.
        content: its files.
        description: what the user says about it.
        lineage: where it comes from.
        alias: is moved to it at once.
        by: who wants that.
        request_id: names the wish; one that was granted before is answered with the same version.

    Raises:
        UserErrorException: the name or the alias is not allowed.
        StoreException: the disk refuses, or damaged lines hide which numbers were given.
    """
    path = layout.model_events(check_name("model", name))
    if alias is not None:
        check_name("alias", alias)
    granted: list[Event] = []
    recorded: list[Event] = []

    def decide(before: list[Event]) -> Iterable[Event]:
        recorded.extend(before)
        if request_id is not None:
            granted.extend(e for e in before if e["type"] == "version" and e.get("request_id") == request_id)
        if not granted:
            number = _next_number(name, path)
            yield {
                "type": "version",
                "version": number,
                "root": content.root,
                "folder": content.folder,
                "files": {path: asdict(file) for path, file in content.files.items()},
                "lineage": asdict(lineage),
                "request_id": request_id,
                **asdict(description),
            }
            if alias is not None:
                yield alias_history.event_of(alias, number, by)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, f"make {path.parent}") from error
    new = transact(layout, name, decide)
    made = _version(name, [*granted, *new][0])
    aliases = alias_history.fold([*recorded, *new], [made.version]).values()
    made.aliases = tuple(one.name for one in aliases)
    return made


def change(
    layout: WorkspaceLayout, name: str, version: int, decide: Callable[[ModelVersion], Iterable[Event]]
) -> ModelVersion:
    """Append the events that ``decide`` makes of a version as it is, and return what it is then.

    Raises:
        ModelNotFoundException: there is no such version (any more).
    """
    changed: list[ModelVersion] = []

    def decide_on(before: list[Event]) -> list[Event]:
        current = fold(name, before).get(version)
        if current is None:
            raise ModelNotFoundException(f"model {name!r} has no version {version} (any more)")
        new = [{**event, "version": version} for event in decide(current)]
        changed.append(fold(name, [*before, *new])[version])
        return new

    if not layout.model_events(name).exists():
        raise ModelNotFoundException(f"there is no model {name!r} (any more)")
    transact(layout, name, decide_on)
    return changed[0]


def delete(layout: WorkspaceLayout, name: str, version: int) -> None:
    """Delete a version; its contents stay in the store, see ``store.releasing``.

    Raises:
        ModelNotFoundException: there is no such version (any more).
        ModelAliasException: aliases stand for it.
    """

    def decide(before: list[Event]) -> list[Event]:
        found = fold(name, before).get(version)
        if found is None:
            raise ModelNotFoundException(f"model {name!r} has no version {version} (any more)")
        if found.aliases:
            raise ModelAliasException(
                f"model {name}:{version} cannot be deleted: its alias {', '.join(map(repr, found.aliases))} would "
                "stand for nothing. Move it to another version, or remove it, first."
            )
        return [{"type": "deleted", "version": version}]

    transact(layout, name, decide)


def transact(layout: WorkspaceLayout, name: str, decide: Callable[[list[Event]], Iterable[Event]]) -> list[Event]:
    """Append what ``decide`` makes of a model's events so far, durably, announced; see :func:`events.transact`."""
    return events.transact(
        layout.model_events(name),
        decide,
        durable=True,
        announce=lambda: Changes(layout).announce(f"model/{name}"),
    )


def _next_number(name: str, path: Path) -> int:
    """Return a number greater than all that were given, be it in lines that cannot be read any more.

    Raises:
        StoreException: some of these lines do not even tell how many numbers that may be.
    """
    highest = torn = unknown = 0
    for line, event in events.lines(path.read_bytes()):
        if event is not None:
            numbers = [number for number in [event.get("version")] if isinstance(number, int)]
            counts = event["type"] == "version"
        else:
            numbers = [int(digits) for digits in _NUMBER.findall(line)]
            kind = _KIND.match(line)
            counts = kind is not None and kind[1] == b"version"
            if not numbers and (kind is None or counts):
                cut_short = line.startswith(b'{"t') and line.isascii() and line.decode().isprintable()
                torn, unknown = torn + cut_short, unknown + (not cut_short)
        if counts and numbers:  # numbers ascend: whatever cannot be read before this line is less
            torn = unknown = 0
        highest = max(highest, *numbers, 0)
    if unknown:
        raise StoreException(
            f"{path} is damaged: {unknown} of its lines cannot be read, so that model {name!r} might get a version "
            "number that it has given already. Restore the file from a backup, or register under another name."
        )
    return highest + torn + 1


def _version(name: str, event: Event) -> ModelVersion:
    number, lineage = event["version"], event["lineage"]
    if not isinstance(number, int) or number < 1:
        raise ValueError(f"{number!r} is no version")
    files = {check_relative(path): FileRecord(**entry) for path, entry in event["files"].items()}
    if "/" in event["root"] or event["root"] in ("", ".", ".."):
        raise ValueError(f"{event['root']!r} is no name")
    return ModelVersion(
        name=name,
        version=number,
        created=float(event["t"]),
        content=Content(event["root"], bool(event["folder"]), files),
        lineage=Lineage(**{**lineage, "datasets": tuple(lineage["datasets"])}),
        tags=dict(event["tags"]),
        properties=dict(event["properties"]),
        description=str(event["description"]),
        framework=str(event["framework"]),
        framework_version=str(event["framework_version"]),
    )


def _change(version: ModelVersion, event: Event) -> None:
    if event["type"] == "tags":
        for tag in event.get("remove", ()):
            version.tags.pop(tag, None)
        version.tags.update(event.get("set", {}))
    elif event["type"] == "properties":
        for key, value in event["add"].items():
            version.properties.setdefault(key, value)
    elif event["type"] == "description":
        version.description = str(event["value"])
    elif event["type"] == "framework":
        version.framework, version.framework_version = str(event["value"]), str(event["framework_version"])
