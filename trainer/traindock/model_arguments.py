"""What users may say about models, in the forms that Azure ML took it, brought into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from traindock.errors import ModelNotFoundException, UserErrorException
from traindock.names import as_text, check_strings
from traindock.store import model_records
from traindock.store.model_records import Description, ModelVersion

if TYPE_CHECKING:
    from traindock.workspace import Workspace

#: ``{"key": "value"}``, or Azure ML's form: ``["key", ["other key", "value"]]``; a key alone stands for any value.
Filter: TypeAlias = Mapping[str, str | None] | Sequence[str | Sequence[str]] | str


def number(version: int | str) -> int:
    """Return the number of a version.

    Raises:
        UserErrorException: it is none.
    """
    try:
        found = int(version)
        if isinstance(version, bool) or (not isinstance(version, str) and found != version):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise UserErrorException(f"{version!r} is no version of a model: use a number such as 1") from None
    return found


def name_and_number(model_id: object) -> tuple[str, int]:
    """Return the name and the version of an id.

    Raises:
        UserErrorException: it is not of the form ``name:version``.
    """
    name, colon, version = str(model_id).rpartition(":")
    if not colon:
        raise UserErrorException(
            f"{model_id!r} is no id of a model, which is 'name:version', for example '{model_id}:1': "
            f"give that, or name={model_id!r} for the newest version"
        )
    return name, number(version)


def fits(found: Mapping[str, str], wanted: Filter | None) -> bool:
    """Whether tags or properties have everything that a filter asks for."""
    if wanted is None:
        return True
    entries: Iterable[tuple[str, Any]]
    if isinstance(wanted, Mapping):
        entries = wanted.items()
    else:
        several = [wanted] if isinstance(wanted, str) else wanted
        each = [[entry] if isinstance(entry, str) else entry for entry in several]
        entries = [(entry[0], entry[1] if len(entry) > 1 else None) for entry in each]
    return all(key in found and (value is None or found[key] == as_text(value)) for key, value in entries)


def description(
    tags: Mapping[str, Any] | None,
    properties: Mapping[str, Any] | None,
    description: str | None,
    framework: str | None,
    framework_version: str | None,
) -> Description:
    """Collect what is said about a new version.

    Raises:
        UserErrorException: tags or properties are no mapping, or have names or values that cannot be.
    """
    return Description(
        check_strings("tag", tags or {}),
        check_strings("property", properties or {}),
        str(description or ""),
        str(framework or ""),
        str(framework_version or ""),
    )


def datasets(given: Iterable[Any] | None) -> tuple[str, ...]:
    """Return names of data sets; Azure ML took (purpose, data set) pairs, names and ids do as well."""
    found = []
    for entry in given or ():
        data = entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry
        found.append(str(getattr(data, "id", None) or getattr(data, "name", None) or data))
    return tuple(found)


def not_found(
    workspace: Workspace,
    name: str,
    known: Mapping[int, ModelVersion],
    version: int | None,
    filters: Mapping[str, object],
) -> ModelNotFoundException:
    """Return what to raise where no version fits: it names those there are.

    Args:
        workspace: where.
        name: of the model.
        known: all of its versions.
        version: the one that was asked for, if any.
        filters: what else was asked for, by name.
    """
    if known:
        there = ", ".join(str(number) for number in [*known][-20:])
        if version is not None and version not in known:
            return ModelNotFoundException(f"model {name!r} has no such version; it has: {there}")
        which = f"no version of model {name!r} fits" if version is None else f"model {name}:{version} does not fit"
        given = ", ".join(f"{key}={value!r:.200}" for key, value in filters.items() if value is not None)
        return ModelNotFoundException(f"{which} {given}; its versions are: {there}")
    hidden = model_records.damaged(workspace.layout, name)
    if hidden:
        return ModelNotFoundException(f"model {name!r} has no version that can be read: {hidden}")
    others = [other for other in model_records.names(workspace.layout) if model_records.load(workspace.layout, other)]
    there = f"; registered are: {', '.join(others[:20])}" if others else "; no model is registered yet"
    return ModelNotFoundException(f"there is no model {name!r} in workspace {workspace.name!r}{there}")
