"""Moving the aliases of a model's versions, under the lock of the model's record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from traindock.errors import ModelAliasException, ModelNotFoundException
from traindock.names import check_name
from traindock.store import alias_history, events, model_records
from traindock.store.alias_history import Alias, AliasMove
from traindock.store.events import Event
from traindock.store.layout import WorkspaceLayout
from traindock.store.model_records import ModelVersion

#: Wherever an alias is, it may be moved.
ANYWHERE: Final = -1


def load(layout: WorkspaceLayout, model: str) -> dict[str, Alias]:
    """Return a model's aliases by name, sorted; none for an unknown model.

    Raises:
        UserErrorException: ``model`` can be no model's name.
    """
    recorded = _recorded(layout, model)
    return alias_history.fold(recorded, model_records.fold(model, recorded))


def history(layout: WorkspaceLayout, model: str, alias: str | None = None) -> list[AliasMove]:
    """Return what was done to a model's aliases, or to one of them, the newest first.

    Raises:
        UserErrorException: ``model`` can be no model's name, or ``alias`` no alias.
    """
    if alias is not None:
        check_name("alias", alias)
    found = alias_history.moves(_recorded(layout, model))
    return [move for move in reversed(found) if alias in (None, move.alias)]


def move(
    layout: WorkspaceLayout, model: str, alias: str, version: int, by: str, expected: int | None = ANYWHERE
) -> Alias:
    """Have an alias stand for a version from now on; where it does already, nothing is recorded.

    Args:
        layout: the workspace.
        model: name of the model.
        alias: its name; one that is new is made.
        version: which one.
        by: who wants it.
        expected: the version that it has to have yet, None for no such alias.

    Raises:
        UserErrorException: this can be no alias.
        ModelNotFoundException: there is no such version (any more).
        ModelAliasException: it has another version than ``expected``.
        StoreException: the disk refuses.
    """
    check_name("alias", alias)

    def decide(versions: dict[int, ModelVersion], aliases: dict[str, Alias]) -> Iterable[Event]:
        if version not in versions:
            raise ModelNotFoundException(f"model {model!r} has no version {version} (any more)")
        current = _check(model, alias, aliases.get(alias), expected)
        if current is None or current.version != version:
            yield alias_history.event_of(alias, version, by)

    return _transact(layout, model, decide)[alias]


def roll_back(layout: WorkspaceLayout, model: str, alias: str, by: str, expected: int | None = ANYWHERE) -> Alias:
    """Move an alias back to the version that it had before; of those that were deleted since, none counts.

    Args:
        layout: the workspace.
        model: name of the model.
        alias: its name.
        by: who wants it.
        expected: the version that it has to have yet.

    Raises:
        UserErrorException: this can be no alias.
        ModelNotFoundException: there is no such alias.
        ModelAliasException: it has had no other version that is there yet, or has another one than ``expected``.
        StoreException: the disk refuses.
    """
    check_name("alias", alias)

    def decide(_: dict[int, ModelVersion], aliases: dict[str, Alias]) -> Iterable[Event]:
        current = _there(layout, model, alias, aliases)
        _check(model, alias, current, expected)
        if current.previous is None:
            raise ModelAliasException(
                f"alias {alias!r} of model {model!r} cannot be rolled back: before version {current.version} it had "
                "none that is still there. Move it to a version that you name."
            )
        yield alias_history.event_of(alias, current.previous, by, rolled_back=True)

    return _transact(layout, model, decide)[alias]


def remove(layout: WorkspaceLayout, model: str, alias: str, by: str, expected: int | None = ANYWHERE) -> None:
    """Have an alias stand for nothing; its history stays.

    Args:
        layout: the workspace.
        model: name of the model.
        alias: its name.
        by: who wants it.
        expected: the version that it has to have yet.

    Raises:
        UserErrorException: this can be no alias.
        ModelNotFoundException: there is no such alias.
        ModelAliasException: it has another version than ``expected``.
        StoreException: the disk refuses.
    """
    check_name("alias", alias)

    def decide(_: dict[int, ModelVersion], aliases: dict[str, Alias]) -> Iterable[Event]:
        _check(model, alias, _there(layout, model, alias, aliases), expected)
        yield alias_history.event_of(alias, None, by)

    _transact(layout, model, decide)


def not_found(layout: WorkspaceLayout, model: str, alias: str) -> ModelNotFoundException:
    """Return what to raise where a model has no such alias: it says what became of it, and names those that it has."""
    there = ", ".join(f"{one.name} (version {one.version})" for one in load(layout, model).values()) or "none"
    last = next(iter(history(layout, model, alias)), None)
    told = ""
    if last is not None and last.version is None:
        told = f" any more: {last.by} removed it"
    elif last is not None:
        told = f" any more: version {last.version}, for which it stood, was deleted"
    return ModelNotFoundException(f"model {model!r} has no alias {alias!r}{told}. Its aliases: {there}")


def _recorded(layout: WorkspaceLayout, model: str) -> list[Event]:
    return events.read(layout.model_events(check_name("model", model)))[0]


def _there(layout: WorkspaceLayout, model: str, alias: str, aliases: dict[str, Alias]) -> Alias:
    found = aliases.get(alias)
    if found is None:
        raise not_found(layout, model, alias)
    return found


def _check(model: str, alias: str, current: Alias | None, expected: int | None) -> Alias | None:
    at = None if current is None else current.version
    if expected not in (ANYWHERE, at):
        now = "stands for nothing" if current is None else f"stands for version {current.version}, by {current.by}"
        wanted = "nothing" if expected is None else f"version {expected}"
        raise ModelAliasException(
            f"alias {alias!r} of model {model!r} {now}, and no longer for {wanted}: look at it again, then decide"
        )
    return current


def _transact(
    layout: WorkspaceLayout,
    model: str,
    decide: Callable[[dict[int, ModelVersion], dict[str, Alias]], Iterable[Event]],
) -> dict[str, Alias]:
    """Append the events that ``decide`` makes of versions and aliases, and return what aliases there are then."""
    recorded: list[Event] = []

    def decide_on(before: list[Event]) -> list[Event]:
        recorded.extend(before)
        versions = model_records.fold(model, before)
        return [*decide(versions, alias_history.fold(before, versions))]

    if not layout.model_events(check_name("model", model)).exists():
        raise ModelNotFoundException(f"there is no model {model!r} (any more)")
    recorded += model_records.transact(layout, model, decide_on)
    return alias_history.fold(recorded, model_records.fold(model, recorded))
