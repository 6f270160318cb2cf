"""What users may say about models, in the forms that Azure ML took it, brought into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from traindock.errors import UserErrorException
from traindock.names import as_text, check_strings
from traindock.store.model_records import Description

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
