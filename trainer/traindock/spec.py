"""What was asked for: the part of a run that is fixed, and signed, at submit."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One run as it was submitted.

    Attributes:
        snapshot: id of the source folder's snapshot.
        script: path of the Python script within the snapshot, or None where there is ``command`` or ``notebook``.
        command: a whole command line in place of a script.
        notebook: path of a notebook within the snapshot, executed cell by cell, in place of a script.
        arguments: what follows the script; ``$NAME`` is expanded where the job runs.
        compute_target: name of the compute target.
        environment: the recipe of the environment, as ``images.recipe.Recipe.to_json`` gives it.
        environment_name: what the user called it; says nothing about its content.
        environment_variables: added to the job's environment.
        interpreter: the submitter's own Python, which may satisfy the recipe as it is.
        submitter: SHA-256 of the submitter's environment variables, see ``store.submitter``; "" for none.
        gpus: devices for each node.
        gpus_optional: run without them where the compute target has none.
        node_count: nodes that run the script together.
        max_run_duration_seconds: after which the job is ended, or None.
        type: the kind of run, as Azure ML named them.
    """

    snapshot: str
    compute_target: str
    environment: dict[str, Any]
    interpreter: str
    script: str | None = None
    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    notebook: str | None = None
    environment_name: str = ""
    submitter: str = ""
    environment_variables: dict[str, str] = field(default_factory=dict)
    gpus: int = 0
    gpus_optional: bool = False
    node_count: int = 1
    max_run_duration_seconds: float | None = None
    type: str = "traindock.scriptrun"

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> RunSpec:
        """Return the spec that :meth:`to_json` gave; fields of newer versions are left out."""
        known = {f.name for f in fields(cls)}
        values = {name: value for name, value in document.items() if name in known}
        for name in ("command", "arguments"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)
