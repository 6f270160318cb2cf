"""Compute targets as the user sees them: found by name, made from a configuration."""

from __future__ import annotations

import builtins
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, Final

from traindock.compute.changing import how_to_make
from traindock.errors import ComputeTargetException, UserErrorException
from traindock.names import check_name
from traindock.store import computes

if TYPE_CHECKING:
    from traindock.compute.base import Backend
    from traindock.compute_status import ComputeStatus
    from traindock.run import Run
    from traindock.spec import RunSpec
    from traindock.workspace import Workspace

_RESERVED = ("local", "amlcompute", "containerinstance")


@dataclass(frozen=True, slots=True)
class ProvisioningConfiguration:
    """What a new compute target is to be; made by a class's ``provisioning_configuration``."""

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)


class ComputeTarget:
    """The compute target of this name, as an object of its kind's own class.

    Args:
        workspace: where it is known.
        name: "local", or one made with :meth:`create`.

    Raises:
        ComputeTargetException: there is none; the text names those there are.
    """

    kind: ClassVar[str] = ""

    def __new__(cls, workspace: Workspace, name: str) -> ComputeTarget:
        """Find the target and return it as an object of its kind's class."""
        if not hasattr(workspace, "layout"):
            raise UserErrorException(f"{workspace!r:.80} is no workspace: ComputeTarget(workspace, name)")
        records = computes.load(workspace.layout)
        record = records.get(name) if isinstance(name, str) else None
        if record is None:
            known = ", ".join(repr(known) for known in records)
            raise ComputeTargetException(
                f"ComputeTargetNotFound: there is no compute target {name!r} in workspace {workspace.name!r}; "
                f"there are: {known}. Make one with ComputeTarget.create, or with 'traindock computes create'"
            )
        if record["kind"] not in _CLASSES:
            raise ComputeTargetException(_unknown_kind(name, record["kind"]))
        concrete = class_of(record["kind"])
        if not issubclass(concrete, cls):
            raise ComputeTargetException(f"compute target {name!r} is a {concrete.__name__}, not a {cls.__name__}")
        created = record["created"] or workspace.record.created
        return concrete._made(record["settings"], created, record["modified"] or created)

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.workspace = workspace
        self.name = name
        self._settings: dict[str, Any]
        self._created: float
        self._modified: float

    @classmethod
    def _made(cls, settings: Mapping[str, Any], created: float, modified: float) -> ComputeTarget:
        target = object.__new__(cls)
        target._settings, target._created, target._modified = dict(settings), created, modified
        return target

    @staticmethod
    def of(workspace: Workspace, target: ComputeTarget | str | None) -> ComputeTarget:
        """Return the compute target of a workspace that is meant by an object, a name, or None for "local".

        Raises:
            UserErrorException: it is neither.
            ComputeTargetException: there is none of this name, or the object is one of another workspace.
        """
        if target is None or isinstance(target, str):
            return ComputeTarget(workspace, target if target is not None else "local")
        if not isinstance(target, ComputeTarget):
            raise UserErrorException(f"{target!r:.80} is no compute target: give one, or its name")
        if target.workspace != workspace:
            raise ComputeTargetException(
                f"compute target {target.name!r} belongs to workspace {target.workspace.name!r} "
                f"({target.workspace.layout.root}), and the run to {workspace.name!r} ({workspace.layout.root}): use "
                f"one of its own, such as {next(iter(computes.load(workspace.layout)))!r}"
            )
        return ComputeTarget(workspace, target.name)

    @staticmethod
    def create(workspace: Workspace, name: str, provisioning_configuration: ProvisioningConfiguration) -> ComputeTarget:
        """Make a compute target; one of this name and kind with equal settings is returned as it is.

        A warning says what its owner should know, such as that this machine has less than a ``vm_size`` stands for.

        Raises:
            UserErrorException: the name is not allowed or reserved, or the configuration is none.
            ComputeTargetException: the name is taken by a target with other settings, or this machine cannot be what
                is described; :class:`EngineException`, one of these, where there is no engine that can be used.
        """
        if not isinstance(provisioning_configuration, ProvisioningConfiguration):
            raise UserErrorException(
                f"{provisioning_configuration!r:.200} is no configuration: use "
                "DockerCompute.provisioning_configuration(…) or LocalCompute.provisioning_configuration(…)"
            )
        if check_name("compute target", name).lower() in _RESERVED:
            raise UserErrorException(f"the name {name!r} is reserved: choose another one for the compute target")
        configuration = provisioning_configuration
        settings, now = dict(configuration.settings), time.time()

        def check_free(records: Mapping[str, computes.ComputeRecord]) -> None:
            old = records.get(name)
            if old is not None and (old["kind"], old["settings"]) != (configuration.kind, settings):
                raise ComputeTargetException(
                    f"there is a compute target {name!r} with other settings already "
                    f"({_difference(old, configuration)}): change it with its update(…), or "
                    "'traindock computes update', or choose another name"
                )

        def add(records: dict[str, computes.ComputeRecord]) -> None:
            check_free(records)
            made = {"kind": configuration.kind, "settings": settings, "created": now, "modified": now}
            records.setdefault(name, made)

        known = computes.load(workspace.layout)
        check_free(known)
        if name not in known:
            target = class_of(configuration.kind)._made(settings, now, now)
            target.__init__(workspace, name)  # type: ignore[misc]  # as Python does with what __new__ returns
            for notice in target.check():
                warnings.warn(notice, stacklevel=2)
        computes.change(workspace.layout, add)
        return ComputeTarget(workspace, name)

    @staticmethod
    def list(workspace: Workspace) -> builtins.list[ComputeTarget]:
        """Return all compute targets of a workspace; a warning names those that a newer version has made."""
        found = []
        for name, record in computes.load(workspace.layout).items():
            if record["kind"] in _CLASSES:
                found.append(ComputeTarget(workspace, name))
            else:
                warnings.warn(_unknown_kind(name, record["kind"]), stacklevel=2)
        return found

    @property
    def type(self) -> str:
        """The kind, for example "local"."""
        return self.kind

    @property
    def settings(self) -> dict[str, Any]:
        """What the target was made with."""
        return dict(self._settings)

    @property
    def created(self) -> float:
        """When it was made, in seconds since 1970."""
        return self._created

    @property
    def modified(self) -> float:
        """When it was made or last changed, in seconds since 1970."""
        return self._modified

    def check(self) -> tuple[str, ...]:
        """Check that the target can work as it is described.

        Returns:
            What its owner should know, in sentences; nothing for a target on this machine itself.

        Raises:
            ComputeTargetException: it cannot; the text says why and what to change.
        """
        return ()

    def check_run(self, spec: RunSpec) -> None:
        """Check, quickly and at submit, that a run could ever go on here.

        Raises:
            ComputeTargetException: it never can; the text has the numbers and what to change.
        """
        self.backend().check(spec, self.workspace.settings)

    @property
    def provisioning_state(self) -> str:
        """Always "Succeeded": a target that exists can be used."""
        return "Succeeded"

    def backend(self) -> Backend:
        """Return the object that plans and launches jobs on this target."""
        from traindock.compute.kinds import backend

        return backend(self.name, self.kind, self._settings)

    def wait_for_completion(
        self,
        show_output: bool = False,
        min_node_count: int | None = None,
        timeout_in_minutes: float = 25,
        is_delete_operation: bool = False,
    ) -> None:
        """Wait until the target can be used, which a target on this machine can be at once.

        Args:
            show_output: say that it can.
            min_node_count: accepted for old notebooks, as are the others.
            timeout_in_minutes: accepted for old notebooks.
            is_delete_operation: accepted for old notebooks.
        """
        if show_output:
            print(f"Compute target {self.name!r} ({self.kind}): {self.provisioning_state}")  # noqa: T201

    def get_active_runs(
        self,
        type: str | None = None,  # noqa: A002 (Azure ML's name)
        tags: str | Mapping[str, str] | None = None,
        properties: str | Mapping[str, str] | None = None,
        status: str | None = None,
    ) -> Iterator[Run]:
        """Return the runs on this target that have not ended, children included, the newest first.

        Args:
            type: see :meth:`Run.list`, as for the others.
            tags: only with these.
            properties: only with these.
            status: only in this state.
        """
        from traindock.run import Run

        found = Run.list_by_compute(self, type, tags, properties, status)
        return (run for run in found if not run.record.state.terminal)

    def get_status(self) -> ComputeStatus:
        """Return the nodes and their states, in Azure ML's words.

        Raises:
            ComputeTargetException: the target was deleted.
        """
        from traindock.compute_status import ComputeStatus

        self._check_there(computes.load(self.workspace.layout))
        return ComputeStatus(self)

    def update(self, **changes: Any) -> None:
        """Change settings; runs that have been launched keep the ones they had.

        Raises:
            ComputeTargetException: the target is "local", or gone.
            UserErrorException: a setting is unknown or has a value that is not allowed.
        """
        self._check_names(changes)

        def apply(records: dict[str, computes.ComputeRecord]) -> None:
            record = records[self.name]
            configuration = type(self).provisioning_configuration(**{**record["settings"], **changes})
            changed = type(self)._made(configuration.settings, self._created, time.time())
            changed.__init__(self.workspace, self.name)  # type: ignore[misc]  # as Python does with what __new__ returns
            for notice in changed.check():
                warnings.warn(notice, stacklevel=6)
            self._settings = record["settings"] = dict(configuration.settings)
            self._modified = record["modified"] = changed._modified

        self._edit("changed", apply)

    def delete(self) -> None:
        """Delete the target. Runs that wait for it will fail and say so.

        Raises:
            ComputeTargetException: the target is "local", or gone.
        """
        self._edit("deleted", lambda records: records.pop(self.name))

    def serialize(self) -> dict[str, Any]:
        """Return the target as plain values."""
        described = self.backend().describe(self.workspace.settings)
        return {"name": self.name, "kind": self.kind, "settings": self.settings, **described}

    @staticmethod
    def provisioning_configuration(**settings: Any) -> ProvisioningConfiguration:
        """Each kind's class has its own."""
        raise UserErrorException(
            "ComputeTarget has no configuration: use DockerCompute.provisioning_configuration(…) or "
            "LocalCompute.provisioning_configuration(max_nodes=…)"
        )

    @classmethod
    def configured(cls, **settings: Any) -> ProvisioningConfiguration:
        """Return ``provisioning_configuration(**settings)`` of this kind, for settings whose names come from elsewhere.

        Raises:
            UserErrorException: a setting is unknown, where the text names those there are, or its value is not allowed.
        """
        cls._check_names(settings)
        return cls.provisioning_configuration(**settings)

    @classmethod
    def _check_names(cls, settings: Mapping[str, Any]) -> None:
        known = tuple(signature(cls.provisioning_configuration).parameters)
        unknown = [name for name in settings if name not in known]
        if unknown:
            raise UserErrorException(f"{cls.__name__} has no {unknown[0]!r}: it has {', '.join(known)}")

    def _edit(self, done: str, edit: Callable[[dict[str, computes.ComputeRecord]], object]) -> None:
        if self.name == "local":
            raise ComputeTargetException(
                f"the compute target 'local' cannot be {done}: make one of your own, with ComputeTarget.create and "
                f"{how_to_make('local', max_nodes=...)}"
            )

        def apply(records: dict[str, computes.ComputeRecord]) -> None:
            self._check_there(records)
            edit(records)

        computes.change(self.workspace.layout, apply)

    def _check_there(self, records: Mapping[str, computes.ComputeRecord]) -> None:
        if self.name not in records:
            raise ComputeTargetException(
                f"the compute target {self.name!r} is gone, since somebody deleted it: make it again with "
                "ComputeTarget.create, or with 'traindock computes create'"
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ComputeTarget):
            return NotImplemented
        return (self.workspace, self.name) == (other.workspace, other.name)

    def __hash__(self) -> int:
        return hash((self.workspace, self.name))

    def __reduce__(self) -> tuple[Any, ...]:
        return ComputeTarget, (self.workspace, self.name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(workspace={self.workspace.name!r}, name={self.name!r})"

    def _repr_html_(self) -> str:
        return (
            "<table><tr><th>Compute target</th><th>Kind</th><th>Settings</th></tr>"
            f"<tr><td>{escape(self.name)}</td><td>{escape(self.kind)}</td>"
            f"<td>{escape(str(self._settings))}</td></tr></table>"
        )


class LocalCompute(ComputeTarget):
    """Processes of this machine, each in a cached virtual environment or in your own interpreter."""

    kind = "local"

    @staticmethod
    def provisioning_configuration(  # type: ignore[override]  # each kind has settings of its own
        max_nodes: int | None = None, gpu: str = "required"
    ) -> ProvisioningConfiguration:
        """Describe a local compute target.

        Args:
            max_nodes: how many runs it executes at once; by default half the processor cores, at least one.
            gpu: "required": a run with ``use_gpu=True`` is refused where the machine has no GPU; "optional": it
                runs without.

        Raises:
            UserErrorException: a value is not allowed.
        """
        if max_nodes is not None and (isinstance(max_nodes, bool) or not isinstance(max_nodes, int) or max_nodes < 1):
            raise UserErrorException(f"max_nodes is a number of 1 or more, not {max_nodes!r}")
        if gpu not in ("required", "optional"):
            raise UserErrorException(f"gpu is 'required' or 'optional', not {gpu!r}")
        return ProvisioningConfiguration("local", {"max_nodes": max_nodes, "gpu": gpu})


#: Where the class of each kind is; imported when it is first needed.
_CLASSES: Final = {"local": "traindock.compute_target:LocalCompute", "docker": "traindock.docker_compute:DockerCompute"}


def kinds() -> tuple[str, ...]:
    """Return the kinds of compute targets that there are."""
    return tuple(_CLASSES)


def class_of(kind: str) -> type[ComputeTarget]:
    """Return the class of one of :func:`kinds`.

    Raises:
        UserErrorException: it is none.
    """
    if kind not in _CLASSES:
        raise UserErrorException(f"there is no kind {kind!r} of compute targets: there are {', '.join(_CLASSES)}")
    module, _, name = _CLASSES[kind].partition(":")
    found: type[ComputeTarget] = getattr(import_module(module), name)
    return found


def _difference(old: computes.ComputeRecord, new: ProvisioningConfiguration) -> str:
    """Return in which settings a target differs from what is asked for under its name."""
    if old["kind"] != new.kind:
        return f"it is of the kind {old['kind']!r}, not {new.kind!r}"
    settings: dict[str, Any] = old["settings"]
    differing = [name for name in {**settings, **new.settings} if settings.get(name) != new.settings.get(name)]
    return ", ".join(f"{name} is {settings.get(name)!r}, not {new.settings.get(name)!r}" for name in differing)


def _unknown_kind(name: str, kind: str) -> str:
    known = ", ".join(sorted(_CLASSES))
    return (
        f"compute target {name!r} is of kind {kind!r}, which this version of Traindock does not know ({known}): "
        "upgrade with 'pip install -U traindock'"
    )
