"""From a configuration to a published run. Whatever can never work is refused here, before anything is written."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from traindock import faultpoints, publishing, snapshot
from traindock.compute.kinds import backend
from traindock.compute_target import ComputeTarget
from traindock.errors import ExperimentExecutionException, UserErrorException
from traindock.git_facts import GitFacts
from traindock.images.pythons import on_this_machine
from traindock.names import check_strings, check_text, readable
from traindock.snapshot_checks import check_layout, check_script
from traindock.spec import RunSpec
from traindock.store.locations import absolute

if TYPE_CHECKING:
    from traindock.experiment import Experiment
    from traindock.images.recipe import Recipe
    from traindock.run import Run


@dataclass(frozen=True, slots=True)
class Request:
    """What any configuration object boils down to.

    Attributes:
        source_directory: the folder that is snapshot.
        recipe: what the script needs.
        environment_name: what the user calls that.
        compute_target: the compute target, or its name.
        script: path of a Python script in the folder, or None where ``command`` is given.
        command: a whole command line.
        arguments: what follows the script.
        environment_variables: added to the job's environment.
        gpus: devices for each node.
        node_count: nodes that run the script together.
        max_run_duration_seconds: after which the job is ended, or None.
    """

    source_directory: str
    recipe: Recipe
    compute_target: ComputeTarget | str
    environment_name: str = ""
    script: str | None = None
    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    gpus: int = 0
    node_count: int = 1
    max_run_duration_seconds: float | None = None


class Submittable(Protocol):
    """A configuration object that can be submitted."""

    def to_request(self, **options: Any) -> Request:
        """Return what is to be run; ``options`` are the extra arguments of :meth:`Experiment.submit`."""


def submit(
    experiment: Experiment,
    config: Submittable,
    *,
    tags: Mapping[str, str] | None = None,
    parent: str | None = None,
    display_name: str = "",
    **options: Any,
) -> Run:
    """Publish a run and start the dispatcher; see :meth:`Experiment.submit`."""
    if not callable(getattr(config, "to_request", None)):
        raise UserErrorException(
            f"{type(config).__name__} cannot be submitted: use a ScriptRunConfig, an Estimator or PyTorch"
        )
    workspace = experiment.workspace
    request = config.to_request(**options)
    target = ComputeTarget.of(workspace, request.compute_target)
    kind = backend(target.name, target.kind, target.settings)
    spec = checked_spec(request, target.name, interpreters_here=kind.interpreters_here)
    facts: dict[str, Any] = {
        "display_name": check_text("display_name", display_name, 256),
        "tags": check_strings("tag", tags or {}),
    }
    target.check_run(spec)
    publishing.check(workspace)
    source = Path(request.source_directory)
    with GitFacts(source) as git:
        taken = snapshot.take(source, layout=workspace.layout, limits=workspace.settings.snapshot)
        properties = git.properties()
    if spec.script is not None:
        check_script(taken, spec.script, source, workspace.layout.root)
    faultpoints.reached("submit.after-snapshot")
    for text in taken.warnings:
        print(f"Warning: {text}")  # noqa: T201
    return publishing.publish(
        experiment,
        replace(spec, snapshot=taken.id),
        parent=parent,
        properties=properties,
        warnings=taken.warnings,
        check=lambda layout: check_layout(taken, layout.work),
        **facts,
    )


def flatten_arguments(values: Sequence[Any], what: str = "arguments") -> tuple[str, ...]:
    """Return a command line's words as strings; lists, tuples and arrays within it are flattened.

    Raises:
        UserErrorException: a value is None or of a kind that cannot be an argument; the text names it.
    """
    listed = _as_list(values)
    if listed is None:
        raise UserErrorException(f"{what} are a list such as ['--epochs', 3], not {values!r:.80}")
    words: list[str] = []
    for value in listed:
        if (inner := _as_list(value)) is not None:
            words.extend(flatten_arguments(inner, what))
        elif isinstance(value, (str, Real, os.PathLike)):  # numpy's scalars are Real, too
            text = os.fsdecode(value) if isinstance(value, os.PathLike) else str(value)
            if "\0" in text:
                raise UserErrorException(f"{text!r} among the {what} holds a NUL character")
            words.append(text)
        else:
            hint = "a set has no order, use a list" if isinstance(value, Set) else "use strings, numbers or paths"
            raise UserErrorException(f"{value!r:.80} ({type(value).__name__}) cannot be one of the {what}: {hint}")
    return tuple(words)


def _as_list(value: Any) -> Sequence[Any] | None:
    """Return a list, a tuple or what numpy and pandas have for one as a sequence, and None for anything else."""
    if isinstance(value, (str, bytes, bytearray, memoryview, Real)):
        return None
    if isinstance(value, Sequence):
        return value
    listed = value.tolist() if callable(getattr(value, "tolist", None)) else None
    return listed if listed is None or isinstance(listed, list) else [listed]


def checked_spec(request: Request, target: str, *, interpreters_here: bool = True) -> RunSpec:
    """Return what is to be run, without its snapshot, once all that can be known at submit was checked.

    Args:
        request: what is asked for.
        target: name of the compute target.
        interpreters_here: whether it takes an interpreter for one of this machine, see ``compute.base.Backend``.

    Raises:
        UserErrorException: it can never work; a subclass and its text say why.
    """
    source = Path(request.source_directory)
    if not source.is_dir():
        raise ExperimentExecutionException(
            f"the source folder {str(source)!r} {'is no folder' if source.exists() else 'does not exist'} "
            f"(looked for in {absolute('.')})"
        )
    if (request.script is None) == (not request.command):
        raise ExperimentExecutionException("give either a script or a command to run")
    script = _script(source, request.script) if request.script is not None else None
    return RunSpec(
        snapshot="",
        script=script,
        command=request.command,
        arguments=request.arguments,
        compute_target=target,
        environment=(on_this_machine(request.recipe) if interpreters_here else request.recipe).to_json(),
        environment_name=request.environment_name,
        environment_variables=checked_variables(request.environment_variables),
        interpreter=sys.executable,
        gpus=request.gpus,
        node_count=request.node_count,
        max_run_duration_seconds=checked_limit(request.max_run_duration_seconds),
    )


def checked_limit(seconds: float | None) -> int | float | None:
    """Return how many seconds a job may take at most; None for no end.

    Raises:
        UserErrorException: it is no number above 0.
    """
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, Real) or not seconds > 0):
        raise UserErrorException(f"max_run_duration_seconds is a number of seconds above 0, not {seconds!r}")
    return None if seconds is None or seconds == math.inf else _plain(seconds)


def _plain(number: Real) -> int | float:
    """Return a number of numpy's, or of any other kind, as Python's own."""
    return int(number) if isinstance(number, Integral) else float(number)


def _script(source: Path, script: str) -> str:
    name = _name_in(source, script)
    if name.endswith(".ipynb"):
        raise ExperimentExecutionException(
            f"{name!r} is a notebook, and a run executes a script: make one of it with "
            f"`jupyter nbconvert --to script {name}`"
        )
    if not (source / name).is_file():
        scripts = sorted(path.name for path in source.glob("*.py") if path.is_file())
        there = f"; there are: {', '.join(map(readable, scripts[:10]))}" if scripts else ""
        what = f"{name!r} is no file" if (source / name).exists() else f"there is no script {name!r}"
        raise ExperimentExecutionException(f"{what} in the source folder {str(source)!r}{there}")
    return name


def _name_in(source: Path, script: str) -> str:
    """Return the path of the script in the source folder, clean; it may be given with that of the folder."""
    if not isinstance(script, str) or not script.strip() or "\0" in script:
        raise ExperimentExecutionException(
            f"{script!r} is no script: give its path in the source folder {str(source)!r}, such as 'train.py'"
        )
    path = Path(script)
    if path.is_absolute():
        real = Path(os.path.realpath(source))
        for own, folder in ((path, source), (path, real), (path.resolve(), real)):
            if own.is_relative_to(folder):
                path = own.relative_to(folder)
                break
    if path.is_absolute() or ".." in path.parts:
        raise ExperimentExecutionException(
            f"the script {script!r} is not in the source folder {str(source)!r}, of which alone the job gets a copy: "
            "name a folder that holds it"
        )
    return path.as_posix()


def checked_variables(given: Mapping[str, Any]) -> dict[str, str]:
    """Return environment variables for a job as strings.

    Raises:
        UserErrorException: a name or a value can be none, or is Traindock's own to set.
    """
    variables = {}
    for name, value in given.items():
        if not isinstance(name, str) or not re.fullmatch(r"[^=\0]+", name) or "\0" in str(value):
            raise UserErrorException(f"{name!r} = {value!r} cannot be an environment variable")
        if name == "CUDA_VISIBLE_DEVICES":
            raise UserErrorException(
                "CUDA_VISIBLE_DEVICES cannot be set for a run, since Traindock sets it to the GPUs that it leases for "
                "the run: leave it out, and ask for as many GPUs as the script uses (gpus=1, use_gpu=True, --gpu 1)"
            )
        if name.startswith("TRAINDOCK_"):
            raise UserErrorException(
                f"{name!r} cannot be set for a run, since by variables of such names a job finds its run: choose "
                "another name"
            )
        variables[name] = str(value)
    return variables
