"""What users may say about models, in the forms that Azure ML took it, brought into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from traindock.errors import UserErrorException
from traindock.store.model_records import Description

#: ``{"key": "value"}``, or Azure ML's form: ``["key", ["other key", "value"]]``; a key alone stands for any value.
Filter: TypeAlias = Mapping[str, str | None] | Sequence[str | Sequence[str]] | str


def number(version: int | str) -> int:
    """Return the number of a version.

    Raises:
        UserErrorException: it is none.
    """
    try:
        return int(version)
    except (TypeError, ValueError):
        raise UserErrorException(f"{version!r} is no version of a model: use a number such as 1") from None


def fits(found: Mapping[str, str], wanted: Filter | None) -> bool:
    """Whether tags or properties have everything that a filter asks for."""
    if wanted is None:
        return True
    if isinstance(wanted, Mapping):
        return all(key in found and value in (None, found[key]) for key, value in wanted.items())
    for entry in [wanted] if isinstance(wanted, str) else wanted:
        key, value = (entry, None) if isinstance(entry, str) else (entry[0], entry[1] if len(entry) > 1 else None)
        if key not in found or value not in (None, found[key]):
            return False
    return True


def description(
    tags: Mapping[str, Any] | None,
    properties: Mapping[str, Any] | None,
    description: str | None,
    framework: str | None,
    framework_version: str | None,
) -> Description:
    """Collect what is said about a new version.

    Raises:
        UserErrorException: tags or properties are no mapping, or have names that cannot be.
    """
    return Description(
        strings("tag", tags or {}),
        strings("property", properties or {}),
        str(description or ""),
        str(framework or ""),
        str(framework_version or ""),
    )


def strings(what: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return tags or properties as strings.

    Raises:
        UserErrorException: they are no mapping, or have names that cannot be.
    """
    if not isinstance(values, Mapping):
        raise UserErrorException(f"give each {what} as {{name: value}}, not as {str(values)[:80]!r}")
    for name in values:
        if not isinstance(name, str) or not 0 < len(name) <= 500:
            raise UserErrorException(f"the name of a {what} is a text of 1 to 500 characters, not {str(name)[:80]!r}")
    return {name: value if isinstance(value, str) else str(value) for name, value in values.items()}


def datasets(given: Iterable[Any] | None) -> tuple[str, ...]:
    """Return names of data sets; Azure ML took (purpose, data set) pairs, names and ids do as well."""
    found = []
    for entry in given or ():
        data = entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry
        found.append(str(getattr(data, "id", None) or getattr(data, "name", None) or data))
    return tuple(found)
