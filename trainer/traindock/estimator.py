"""Estimators: a script, its parameters and the packages it needs, in one object, as Azure ML's v1 SDK had them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from traindock.errors import TrainingException, UserErrorException
from traindock.script_run import MAX_RUN_DURATION_SECONDS, _count, caller_environment, source_folder, target_name
from traindock.submit import Request, flatten_arguments

if TYPE_CHECKING:
    from traindock.compute_target import ComputeTarget
    from traindock.environment import Environment

_BACKENDS = ("mpi", "gloo", "nccl")


class Estimator:
    """A training script with its parameters, packages and compute target.

    Args:
        source_directory: the folder to snapshot; the script is executed in a copy of it.
        compute_target: a compute target or its name.
        vm_size: accepted for old notebooks, where a compute target is given too.
        vm_priority: accepted for old notebooks.
        entry_script: path of the Python script in the source folder.
        script_params: names and values of the script's parameters, in order; an empty value makes a bare flag, a
            list several words.
        node_count: nodes that run the script together.
        process_count_per_node: processes on each node.
        distributed_backend: "mpi", "gloo" or "nccl".
        distributed_training: how several processes work together.
        use_gpu: whether each node needs a GPU.
        use_docker: accepted for old notebooks; the compute target decides.
        user_managed: use the submitting interpreter as it is.
        conda_packages: conda requirements.
        pip_packages: pip requirements.
        conda_dependencies_file_path: a conda file, in the source folder or elsewhere.
        pip_requirements_file_path: a requirements file, in the source folder or elsewhere.
        environment_variables: added to the job's environment.
        environment_definition: an Environment, in place of all packages.
        inputs: not supported yet.
        max_run_duration_seconds: after which the run ends as Failed.
        **ignored: docker and registry arguments of old notebooks, without effect on this compute target.

    Raises:
        TrainingException: arguments are missing or contradict each other.
        UserErrorException: an argument's value is not allowed.
    """

    #: What the framework needs, as pip requirements; None for a plain Estimator.
    _framework: str | None = None

    def __init__(
        self,
        source_directory: str | os.PathLike[str] | None,
        *,
        compute_target: ComputeTarget | str | None = None,
        vm_size: str | None = None,
        vm_priority: str | None = None,
        entry_script: str | None = None,
        script_params: Mapping[str, Any] | None = None,
        node_count: int = 1,
        process_count_per_node: int = 1,
        distributed_backend: str | None = None,
        distributed_training: Any = None,
        use_gpu: bool = False,
        use_docker: bool = True,
        user_managed: bool = False,
        conda_packages: Sequence[str] | None = None,
        pip_packages: Sequence[str] | None = None,
        conda_dependencies_file_path: str | None = None,
        pip_requirements_file_path: str | None = None,
        environment_variables: Mapping[str, str] | None = None,
        environment_definition: Environment | None = None,
        inputs: Sequence[Any] | None = None,
        max_run_duration_seconds: float | None = MAX_RUN_DURATION_SECONDS,
        **ignored: object,
    ) -> None:
        _check_ignored(type(self).__name__, ignored)
        if compute_target is None:
            raise TrainingException(
                "compute_target is missing: give a compute target or its name, for example compute_target='local'"
            )
        if entry_script is None:
            raise TrainingException("entry_script is missing: name the Python script in the source folder")
        _count("node_count", node_count, 1)
        _count("process_count_per_node", process_count_per_node, 1)
        if distributed_backend is not None and distributed_backend not in _BACKENDS:
            raise TrainingException(
                f"distributed_backend is one of {', '.join(_BACKENDS)}, not {distributed_backend!r}"
            )
        if node_count > 1 and distributed_backend is None and distributed_training is None:
            raise TrainingException(
                f"node_count={node_count} needs distributed_training, for example MpiConfiguration()"
            )
        packages = {
            "conda_packages": conda_packages,
            "pip_packages": pip_packages,
            "conda_dependencies_file_path": conda_dependencies_file_path,
            "pip_requirements_file_path": pip_requirements_file_path,
        }
        given = [name for name, value in packages.items() if value]
        if environment_definition is not None and (given or user_managed or self._framework is not None):
            both = ", ".join([*given, *(["user_managed"] if user_managed else [])]) or "framework_version"
            raise TrainingException(f"environment_definition replaces {both}: give one or the other")
        if user_managed and given:
            raise UserErrorException(f"user_managed=True installs nothing: leave out {', '.join(given)}")
        if inputs:
            raise UserErrorException("inputs are not supported: pass paths in script_params")
        self.source_directory = source_folder(source_directory)
        self.compute_target = compute_target
        self.entry_script = entry_script
        self.script_params = dict(script_params or {})
        self.node_count = node_count
        self.process_count_per_node = process_count_per_node
        self.distributed_training = distributed_training or distributed_backend
        self.use_gpu = bool(use_gpu)
        self.environment_variables = dict(environment_variables or {})
        self.max_run_duration_seconds = max_run_duration_seconds
        self.environment = environment_definition or self._environment(user_managed, packages)
        _script_arguments(self.script_params)

    def to_request(self, script_params: Mapping[str, Any] | None = None, **options: Any) -> Request:
        """Return what is to be run.

        Args:
            script_params: replace or add to the estimator's own.
            **options: none is known.

        Raises:
            TrainingException: ``options`` are given.
        """
        if options:
            raise TrainingException(f"submitting an estimator takes script_params, not {', '.join(sorted(options))}")
        return Request(
            source_directory=self.source_directory,
            recipe=self.environment.to_recipe(self._framework),
            environment_name=self.environment.name,
            compute_target=target_name(self.compute_target),
            script=self.entry_script,
            arguments=_script_arguments({**self.script_params, **(script_params or {})}),
            environment_variables={**self.environment.environment_variables, **self.environment_variables},
            gpus=int(self.use_gpu),
            node_count=self.node_count,
            max_run_duration_seconds=self.max_run_duration_seconds,
        )

    def _environment(self, user_managed: bool, packages: Mapping[str, Any]) -> Environment:
        from traindock.environment import Environment

        if user_managed:
            return caller_environment()
        name = type(self).__name__.lower()
        conda_file = _find(self.source_directory, packages["conda_dependencies_file_path"])
        pip_file = _find(self.source_directory, packages["pip_requirements_file_path"])
        if conda_file is not None:
            environment = Environment.from_conda_specification(name, conda_file)
        else:
            environment = Environment(name)
        dependencies = environment.python.conda_dependencies
        if pip_file is not None:
            listed = Environment.from_pip_requirements(name, pip_file).python.conda_dependencies
            for option in listed.pip_options:
                dependencies.set_pip_option(option)
            for requirement in listed.pip_packages:
                dependencies.add_pip_package(requirement)
        for requirement in packages["pip_packages"] or ():
            dependencies.add_pip_package(requirement)
        for requirement in packages["conda_packages"] or ():
            dependencies.add_conda_package(requirement)
        return environment


class PyTorch(Estimator):
    """An Estimator whose environment has torch and torchvision.

    Args:
        source_directory: see :class:`Estimator`.
        framework_version: for example "2.1"; by default what your own interpreter has, or the newest. The
            matching torchvision, and an older numpy where the version needs one, come with it.
        **arguments: see :class:`Estimator`.

    Raises:
        TrainingException: there is no such version; the text lists those there are.
    """

    DEFAULT_VERSION: str | None = None

    def __init__(
        self,
        source_directory: str | os.PathLike[str] | None,
        *,
        framework_version: str | None = None,
        environment_definition: Environment | None = None,
        user_managed: bool = False,
        **arguments: Any,
    ) -> None:
        from traindock.images.frameworks import resolve

        resolved = resolve(framework_version)
        self.framework_version = framework_version
        if environment_definition is None and not user_managed:
            self._framework = resolved.framework
        elif framework_version is not None:
            other = "environment_definition" if environment_definition is not None else "user_managed=True"
            raise TrainingException(f"{other} replaces framework_version: give one or the other")
        super().__init__(
            source_directory,
            environment_definition=environment_definition,
            user_managed=user_managed,
            **arguments,
        )


# Arguments that only say something about Azure's images; the next compute targets may know some of them.
_IGNORED = {
    "custom_docker_base_image",
    "custom_docker_image",
    "image_registry_details",
    "conda_dependencies_file",
    "pip_requirements_file",
    "source_directory_data_store",
    "shm_size",
    "resume_from",
    "_enable_optimized_mode",
    "_disable_validation",
    "_show_lint_warnings",
    "_show_package_warnings",
}


def _check_ignored(name: str, given: Mapping[str, object]) -> None:
    unknown = sorted(set(given) - _IGNORED)
    if unknown:
        raise TrainingException(f"{name} has no argument {', '.join(unknown)}")


def _script_arguments(params: Mapping[str, Any]) -> tuple[str, ...]:
    words: list[Any] = []
    for name, value in params.items():
        words.append(name)
        if value is None:
            raise UserErrorException(f"script_params[{name!r}] is None: use '' for a bare flag, or leave it out")
        if value != "":
            words.append(value)
    return flatten_arguments(words, "script_params")


def _find(source: str, name: str | None) -> str | None:
    """Files are looked for in the source folder first, as Azure ML did, then where they are."""
    if name is None:
        return None
    inside = os.path.join(source, name)  # noqa: PTH118 (an absolute name stays what it is)
    return inside if os.path.exists(inside) else name  # noqa: PTH110
