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

from traindock import faultpoints, publishing, run_data, snapshot
from traindock.compute.kinds import backend
from traindock.compute_target import ComputeTarget
from traindock.errors import ExperimentExecutionException, UserErrorException
from traindock.git_facts import GitFacts
from traindock.images.pythons import on_this_machine
from traindock.names import check_strings, check_text, readable
from traindock.notebook_run import notebook_name, notebook_recipe
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
        script: path of a Python script in the folder, or None where there is ``command`` or ``notebook``.
        command: a whole command line.
        notebook: path of a notebook in the folder.
        arguments: what follows the script.
        environment_variables: added to the job's environment.
        gpus: devices for each node.
        node_count: nodes that run the script together.
        max_run_duration_seconds: after which the job is ended, or None.
        added: files that the snapshot has besides the folder's, or in their place: by their names in the folder, where
            they are read.
    """

    source_directory: str
    recipe: Recipe
    compute_target: ComputeTarget | str
    environment_name: str = ""
    script: str | None = None
    command: tuple[str, ...] = ()
    notebook: str | None = None
    arguments: tuple[str, ...] = ()
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    gpus: int = 0
    node_count: int = 1
    max_run_duration_seconds: float | None = None
    added: Mapping[str, Path] = field(default_factory=dict)


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
    request_id: str | None = None,
    **options: Any,
) -> Run:
    """Publish a run and start the dispatcher; see :meth:`Experiment.submit`.

    Args:
        experiment: whose run it is to be.
        config: what is to be run.
        tags: free strings.
        parent: id of the run that it is part of.
        display_name: a name for people.
        request_id: names the wish: one that was granted already is answered with the same run, whatever else is given.
        **options: extra arguments of ``config``.
    """
    if not callable(getattr(config, "to_request", None)):
        raise UserErrorException(
            f"{type(config).__name__} cannot be submitted: use a ScriptRunConfig, a NotebookRunConfig, an Estimator or "
            "PyTorch"
        )
    workspace = experiment.workspace
    if (granted := publishing.granted_before(workspace, request_id)) is not None:
        return granted
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
        taken = snapshot.take(source, layout=workspace.layout, limits=workspace.settings.snapshot, added=request.added)
        properties = git.properties()
    executed = spec.script if spec.script is not None else spec.notebook
    if executed is not None:
        check_script(taken, executed, source, workspace.layout.root)
    faultpoints.reached("submit.after-snapshot")
    for text in taken.warnings:
        print(f"Warning: {text}")  # noqa: T201
    return publishing.publish(
        experiment,
        replace(spec, snapshot=taken.id),
        parent=parent,
        properties=properties,
        warnings=taken.warnings,
        data=run_data.found(spec.arguments, kind.on_host, source),
        check=lambda layout: check_layout(taken, layout.work),
        request_id=request_id,
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
    if [request.script is not None, bool(request.command), request.notebook is not None].count(True) != 1:
        raise ExperimentExecutionException("give either a script, a command or a notebook to run")
    script = request.script
    if script is not None and script not in request.added:
        script = _script(source, script)
    notebook, recipe = None, request.recipe
    if request.notebook is not None:
        notebook = notebook_name(source, file_in(source, request.notebook, "notebook", "explore.ipynb"))
        recipe = notebook_recipe(recipe, interpreters_here=interpreters_here)
    return RunSpec(
        snapshot="",
        script=script,
        command=request.command,
        notebook=notebook,
        arguments=request.arguments,
        compute_target=target,
        environment=(on_this_machine(recipe) if interpreters_here else recipe).to_json(),
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
    name = file_in(source, script, "script", "train.py")
    if name.endswith(".ipynb"):
        raise ExperimentExecutionException(
            f"{name!r} is a notebook and no script: submit it as one, by "
            f"NotebookRunConfig({str(source)!r}, {name!r}) or `traindock submit {name}`"
        )
    path = source / name
    try:
        is_there, is_file = path.exists(), path.is_file()
    except OSError:  # a name that is too long for any file
        is_there = is_file = False
    if not is_file:
        scripts = sorted(path.name for path in source.glob("*.py") if path.is_file())
        there = f"; there are: {', '.join(map(readable, scripts[:10]))}" if scripts else ""
        what = f"{name!r} is no file" if is_there else f"there is no script {name!r}"
        raise ExperimentExecutionException(f"{what} in the source folder {str(source)!r}{there}")
    return name


def file_in(source: Path, script: str, what: str, example: str) -> str:
    """Return the path of a file in the source folder, clean; it may be given with that of the folder.

    Args:
        source: the folder.
        script: the path as it was given.
        what: what the file is to be, for errors.
        example: of such a path.

    Raises:
        ExperimentExecutionException: it is none, or leads out of the folder.
    """
    if not isinstance(script, str) or not script.strip() or "\0" in script:
        raise ExperimentExecutionException(
            f"{script!r} is no {what}: give its path in the source folder {str(source)!r}, such as {example!r}"
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
            f"the {what} {script!r} is not in the source folder {str(source)!r}, of which alone the job gets a copy: "
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
