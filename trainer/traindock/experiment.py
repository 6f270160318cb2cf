"""An experiment: a named series of runs."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from traindock.errors import StoreException, UserErrorException
from traindock.names import check_name, check_strings, is_name
from traindock.store import events
from traindock.store.changes import Changes
from traindock.store.ownership import check_writable

if TYPE_CHECKING:
    from traindock.interactive import InteractiveRun
    from traindock.run import Run
    from traindock.workspace import Workspace


class Experiment:
    """The experiment of this name in ``workspace``, made on first use.

    Args:
        workspace: where.
        name: 3 to 36 letters, digits, ``_`` or ``-``, starting with a letter or digit.

    Raises:
        UserErrorException: the name is not allowed.
        StoreException: the disk refuses.
    """

    def __init__(self, workspace: Workspace, name: str) -> None:
        if not hasattr(workspace, "layout"):
            raise UserErrorException(f"{workspace!r:.80} is no workspace: Experiment(workspace, name)")
        self.name = check_name("experiment", name)
        self.workspace = workspace
        self._events = workspace.layout.experiment_events(name)
        if not self._events.exists():
            check_writable(workspace.layout)
            self._make_folder()
            self._record(lambda before: [] if before else [{"type": "created"}])

    def _make_folder(self) -> None:
        folder = self._events.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise StoreException(
                f"{folder} is no folder, so that the experiment {self.name!r} cannot be made: move what is there away"
            ) from None
        except OSError as error:
            raise StoreException(f"cannot make the experiment's folder {folder}: {error.strerror}") from error

    @classmethod
    def _named(cls, workspace: Workspace, name: object) -> Experiment:
        """Return the experiment that a run belongs to, without making it: to look at a run changes nothing.

        Raises:
            UserErrorException: the name is not allowed.
        """
        found = object.__new__(cls)
        found.name = check_name("experiment", name)
        found.workspace = workspace
        found._events = workspace.layout.experiment_events(found.name)
        return found

    def submit(
        self, config: Any, tags: Mapping[str, str] | None = None, *, display_name: str = "", **options: Any
    ) -> Run:
        """Submit a run and return it at once; it goes on without this process.

        Args:
            config: a ScriptRunConfig, a NotebookRunConfig or an estimator such as PyTorch.
            tags: free strings, to find the run again.
            display_name: a name for people.
            **options: for estimators "script_params", which replace or add to their own.

        Raises:
            UserErrorException: something in ``config`` cannot be done; a subclass and its text say what.
            StoreException: the disk is full or refuses.
        """
        from traindock.submit import submit

        if "parent" in options:
            raise UserErrorException("submit has no parent: use submit_child of the run that is to be it")
        return submit(self, config, tags=tags, display_name=display_name, **options)

    def start_logging(
        self,
        *,
        outputs: str | os.PathLike[str] | bool | None = "./outputs",
        snapshot_directory: str | os.PathLike[str] | None = ".",
        display_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> InteractiveRun:
        """Start a run that this process, a notebook's kernel for instance, logs into.

        End it by ``complete()`` or ``fail()``, or use it in a ``with`` block. ``Run.get_context()`` does not return
        it: outside of a job that is an offline run, whatever this process has started.

        Args:
            outputs: all files that lie in this folder when the run ends are copied into the run as ``outputs/…``; the
                folder need not exist. None or False: none are.
            snapshot_directory: the folder to keep a snapshot of; None: without.
            display_name: a name for people.
            tags: free strings, to find the run again.

        Raises:
            UserErrorException: there is no such snapshot folder.
            SnapshotException: it is too large.
            StoreException: the disk is full or refuses.
        """
        from traindock.interactive import start_logging

        return start_logging(
            self, outputs=outputs, snapshot_directory=snapshot_directory, display_name=display_name, tags=tags
        )

    def get_runs(
        self,
        type: str | None = None,  # noqa: A002 (Azure ML's name)
        tags: str | Mapping[str, str] | None = None,
        properties: str | Mapping[str, str] | None = None,
        include_children: bool = False,
        status: str | None = None,
    ) -> Iterator[Run]:
        """Return this experiment's runs, one after the other, the newest first; see :meth:`Run.list`."""
        from traindock.run import Run

        return Run.list(
            self, type=type, tags=tags, properties=properties, include_children=include_children, status=status
        )

    @staticmethod
    def list(
        workspace: Workspace,
        experiment_name: str | None = None,
        view_type: str = "ActiveOnly",
        tags: str | Mapping[str, str] | None = None,
    ) -> builtins.list[Experiment]:
        """Return the experiments of a workspace, by name.

        Args:
            workspace: where.
            experiment_name: only this one.
            view_type: "ActiveOnly", "ArchivedOnly" or "All".
            tags: only those with this tag, or with these tags and values (None: any value).

        Raises:
            UserErrorException: ``view_type`` is not one of the three, or ``tags`` can be none.
        """
        from traindock import run_query

        if view_type not in ("ActiveOnly", "ArchivedOnly", "All"):
            raise UserErrorException(f"view_type is 'ActiveOnly', 'ArchivedOnly' or 'All', not {view_type!r}")
        folder = workspace.layout.experiments
        names = sorted(
            entry.name
            for entry in folder.glob("*")
            if is_name("experiment", entry.name) and workspace.layout.experiment_events(entry.name).exists()
        )
        found = [Experiment(workspace, name) for name in names if experiment_name in (None, name)]
        if wanted := run_query.wanted("tags", tags):
            found = [experiment for experiment in found if _has(experiment.tags, wanted)]
        if view_type == "All":
            return found
        return [experiment for experiment in found if experiment.archived == (view_type == "ArchivedOnly")]

    @property
    def archived(self) -> bool:
        """Whether :meth:`archive` was called and :meth:`reactivate` was not."""
        return any(event["type"] == "archived" and event.get("value") for event in self._last("archived"))

    @property
    def tags(self) -> dict[str, str]:
        """Free strings."""
        tags: dict[str, str] = {}
        for event in events.read(self._events)[0]:
            if event["type"] == "tags":
                tags.update(event.get("set", {}))
                for name in event.get("remove", ()):
                    tags.pop(name, None)
        return tags

    def archive(self) -> None:
        """Leave the experiment out of lists; its runs stay."""
        self._record(lambda _: [{"type": "archived", "value": True}])

    def reactivate(self, new_name: str | None = None) -> None:
        """Undo :meth:`archive`.

        Args:
            new_name: accepted for old notebooks where it is None or the experiment's own.

        Raises:
            UserErrorException: it is another name.
        """
        if new_name not in (None, self.name):
            raise UserErrorException(f"the experiment {self.name!r} keeps its name: its runs are named after it")
        self._record(lambda _: [{"type": "archived", "value": False}])

    def refresh(self) -> None:
        """Do nothing: whatever is asked for is read then. Accepted for old notebooks."""

    def get_portal_url(self) -> str:
        """Return the URL of the experiment's folder on this machine."""
        return self._events.parent.as_uri()

    def tag(self, key: str, value: str | None = None) -> None:
        """Add a tag, or replace its value."""
        self.set_tags({key: "" if value is None else value})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags, or replace their values.

        Raises:
            UserErrorException: a name is empty or too long.
        """
        new = check_strings("tag", tags)
        self._record(lambda _: [{"type": "tags", "set": new}])

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Remove the tags of these names; names that are not there do not matter."""
        names = [tags] if isinstance(tags, str) else [str(name) for name in tags]
        self._record(lambda _: [{"type": "tags", "remove": names}])

    def _last(self, kind: str) -> builtins.list[events.Event]:
        return [event for event in events.read(self._events)[0] if event["type"] == kind][-1:]

    def _record(self, decide: Callable[[builtins.list[events.Event]], Iterable[events.Event]]) -> None:
        announce = Changes(self.workspace.layout).announce
        events.transact(self._events, decide, announce=lambda: announce(f"experiment/{self.name}"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Experiment):
            return NotImplemented
        return (self.workspace.id, self.name) == (other.workspace.id, other.name)

    def __hash__(self) -> int:
        return hash((self.workspace.id, self.name))

    def __repr__(self) -> str:
        return f"Experiment(Name: {self.name},\nWorkspace: {self.workspace.name})"

    def _repr_html_(self) -> str:
        return (
            "<table><tr><th>Experiment</th><th>Workspace</th></tr>"
            f"<tr><td>{escape(self.name)}</td><td>{escape(self.workspace.name)}</td></tr></table>"
        )


def _has(tags: Mapping[str, str], wanted: Mapping[str, str | None]) -> bool:
    return all(name in tags and value in (None, tags[name]) for name, value in wanted.items())
