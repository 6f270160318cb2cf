"""Estimators: a script, its parameters and the packages it needs, in one object, as Azure ML's v1 SDK had them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock.errors import TrainingException, UserErrorException
from traindock.script_run import (
    MAX_RUN_DURATION_SECONDS,
    caller_environment,
    check_environment,
    check_processes,
    count,
    resume_arguments,
    source_folder,
)
from traindock.submit import Request, flatten_arguments

if TYPE_CHECKING:
    from traindock.compute_target import ComputeTarget
    from traindock.environment import Environment
    from traindock.run import Run

_BACKENDS = ("mpi", "gloo", "nccl")


class Estimator:
    """A training script with its parameters, packages and compute target.

    Attributes may be changed until it is submitted.

    Args:
        source_directory: the folder to snapshot, by default the current one; the script is executed in a copy of it.
        compute_target: a compute target or its name.
        vm_size: accepted for old notebooks; without a compute target it stands for "local", with a notice.
        vm_priority: accepted for old notebooks.
        entry_script: path of the Python script in the source folder.
        script_params: names and values of the script's parameters, in order; an empty value makes a bare flag, a
            list several words.
        node_count: nodes that run the script together; only one can be had yet.
        process_count_per_node: processes on each node; only one can be had yet.
        distributed_backend: "mpi", "gloo" or "nccl".
        distributed_training: how several processes work together.
        use_gpu: whether each node needs a GPU; also together with ``environment_definition``.
        use_docker: accepted for old notebooks; the compute target decides.
        user_managed: use the submitting interpreter as it is.
        conda_packages: conda requirements.
        pip_packages: pip requirements.
        conda_dependencies_file_path: a conda file, in the source folder or elsewhere; also as
            ``conda_dependencies_file``.
        pip_requirements_file_path: a requirements file, in the source folder or elsewhere; also as
            ``pip_requirements_file``.
        environment_variables: added to the job's environment.
        environment_definition: an Environment, in place of all packages.
        inputs: not supported yet.
        resume_from: a run whose outputs folder is passed as ``--resume-from``.
        max_run_duration_seconds: after which the run ends as Failed, by default 30 days; None for no end.
        custom_docker_image: the image that container compute targets build upon; also as
            ``custom_docker_base_image``.
        shm_size: size of a container's shared memory, such as "2g".
        **ignored: registry and data store arguments of old notebooks, without effect.

    Raises:
        TrainingException: arguments are missing, unknown or contradict each other.
        UserErrorException: an argument's value is not allowed.
    """

    #: What the framework needs, as pip requirements; None for a plain Estimator.
    _framework: str | None = None

    def __init__(
        self,
        source_directory: str | os.PathLike[str] | None = None,
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
        resume_from: Run | None = None,
        max_run_duration_seconds: float | None = MAX_RUN_DURATION_SECONDS,
        custom_docker_image: str | None = None,
        shm_size: str | None = None,
        **ignored: Any,
    ) -> None:
        custom_docker_image = _either("custom_docker_image", custom_docker_image, "custom_docker_base_image", ignored)
        packages = {
            "conda_packages": conda_packages,
            "pip_packages": pip_packages,
            "conda_dependencies_file_path": _either(
                "conda_dependencies_file_path", conda_dependencies_file_path, "conda_dependencies_file", ignored
            ),
            "pip_requirements_file_path": _either(
                "pip_requirements_file_path", pip_requirements_file_path, "pip_requirements_file", ignored
            ),
        }
        _check_ignored(type(self).__name__, ignored)
        if entry_script is None:
            raise TrainingException("entry_script is missing: name the Python script in the source folder")
        node_count = count("node_count", node_count, 1, TrainingException)
        process_count_per_node = count("process_count_per_node", process_count_per_node, 1, TrainingException)
        if distributed_backend is not None and str(distributed_backend).lower() not in _BACKENDS:
            raise TrainingException(
                f"distributed_backend is one of {', '.join(_BACKENDS)}, not {distributed_backend!r}"
            )
        if max(node_count, process_count_per_node) > 1 and distributed_backend is None and distributed_training is None:
            several = f"{node_count=}" if node_count > 1 else f"{process_count_per_node=}"
            raise TrainingException(f"{several} needs distributed_backend or distributed_training, which say how")
        given = [name for name, value in packages.items() if value]
        docker = {"custom_docker_image": custom_docker_image, "shm_size": shm_size}
        if environment_definition is not None:
            check_environment(environment_definition)
            both = [*given, *(["user_managed"] if user_managed else []), *(name for name in docker if docker[name])]
            if both:
                raise TrainingException(f"environment_definition replaces {', '.join(both)}: give one or the other")
        if user_managed and given:
            raise UserErrorException(f"user_managed=True installs nothing: leave out {', '.join(given)}")
        if inputs:
            raise UserErrorException("inputs are not supported: pass paths in script_params")
        self.source_directory = source_folder(source_directory)
        self.compute_target = _target(compute_target, vm_size)
        self.entry_script = entry_script
        self.script_params = _params(script_params)
        self.node_count = node_count
        self.process_count_per_node = process_count_per_node
        self.distributed_training = distributed_training or distributed_backend
        self.use_gpu = bool(use_gpu)
        self.environment_variables = dict(environment_variables or {})
        self.resume_from = resume_from
        self.max_run_duration_seconds = max_run_duration_seconds
        if environment_definition is not None:
            self.environment = environment_definition
        else:
            self.environment = self._environment(user_managed, packages)
            self.environment.docker.base_image = custom_docker_image
            self.environment.docker.shm_size = shm_size or self.environment.docker.shm_size

    def to_request(
        self,
        script_params: Mapping[str, Any] | None = None,
        inputs: Sequence[Any] | None = None,
        source_directory_data_store: object = None,
        **options: Any,
    ) -> Request:
        """Return what is to be run.

        Args:
            script_params: replace or add to the estimator's own.
            inputs: not supported yet.
            source_directory_data_store: accepted for old notebooks.
            **options: none is known.

        Raises:
            TrainingException: ``options`` are given.
            RunConfigurationException: several processes are asked for.
            UserErrorException: a value is not allowed.
        """
        if options:
            raise TrainingException(f"submitting an estimator takes script_params, not {', '.join(sorted(options))}")
        if inputs:
            raise UserErrorException("inputs are not supported: pass paths in script_params")
        check_environment(self.environment)
        node_count = count("node_count", self.node_count, 1, TrainingException)
        if node_count == 1:  # more of them are the compute target's to refuse
            processes = getattr(self.distributed_training, "process_count_per_node", None)
            check_processes("process_count_per_node", processes or self.process_count_per_node)
        return Request(
            source_directory=self.source_directory,
            recipe=self.environment.to_recipe(self._framework),
            environment_name=self.environment.name,
            compute_target=self.compute_target,
            script=self.entry_script,
            arguments=_words({**self.script_params, **_params(script_params)}) + resume_arguments(self.resume_from),
            environment_variables={**self.environment.environment_variables, **self.environment_variables},
            gpus=int(self.use_gpu),
            node_count=node_count,
            max_run_duration_seconds=self.max_run_duration_seconds,
        )

    def _environment(self, user_managed: bool, packages: Mapping[str, Any]) -> Environment:
        from traindock.environment import Environment
        from traindock.images.pip_lists import read_requirements

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
            listed = read_requirements(Path(pip_file))
            if dependencies.pip_index_url and listed.index_url not in (None, dependencies.pip_index_url):
                raise TrainingException(
                    f"{conda_file!r} and {pip_file!r} name different package indexes: name one of them as "
                    "--extra-index-url"
                )
            dependencies._take(listed)
        for requirement in _listed("pip_packages", packages["pip_packages"]):
            dependencies.add_pip_package(requirement)
        for requirement in _listed("conda_packages", packages["conda_packages"]):
            dependencies.add_conda_package(requirement)
        return environment


class PyTorch(Estimator):
    """An Estimator whose environment has torch and torchvision.

    Args:
        source_directory: see :class:`Estimator`.
        framework_version: for example "2.1"; by default what your own interpreter has, or the newest. The
            matching torchvision, and an older numpy where the version needs one, come with it. "2.1.2+cu118" is a
            build that only an index of PyTorch's own has: name that in a requirements file or in the settings.
        **arguments: see :class:`Estimator`.

    Raises:
        TrainingException: there is no such version; the text lists those there are.
    """

    def __init__(
        self,
        source_directory: str | os.PathLike[str] | None = None,
        *,
        framework_version: str | None = None,
        environment_definition: Environment | None = None,
        user_managed: bool = False,
        **arguments: Any,
    ) -> None:
        from traindock.images.frameworks import resolve

        if framework_version is not None and not isinstance(framework_version, str):
            raise TrainingException(
                f"framework_version is a text such as '1.10', not {framework_version!r}: as a number, 1.10 is 1.1"
            )
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

    @staticmethod
    def get_supported_versions() -> list[str]:
        """Return what ``framework_version`` may be, oldest first; exact releases such as "2.1.2" may be named, too."""
        from traindock.images.frameworks import known_versions

        return list(known_versions())


# Arguments that only say something about Azure's own services.
_IGNORED = {
    "image_registry_details",
    "source_directory_data_store",
    "_enable_optimized_mode",
    "_disable_validation",
    "_show_lint_warnings",
    "_show_package_warnings",
}


def _check_ignored(name: str, given: Mapping[str, object]) -> None:
    unknown = sorted(set(given) - _IGNORED)
    if unknown:
        import difflib
        import inspect

        known = inspect.signature(Estimator.__init__).parameters
        near = [match for wrong in unknown for match in difflib.get_close_matches(wrong, known, 1)]
        meant = f": did you mean {', '.join(near)}?" if near else ""
        raise TrainingException(f"{name} has no argument {', '.join(unknown)}{meant}")


def _either(name: str, value: str | None, alias: str, given: dict[str, Any]) -> str | None:
    """Return what was given under the one or the other name, and take the other one out of ``given``."""
    other: str | None = given.pop(alias, None)
    if value and other and value != other:
        raise TrainingException(f"{name}={value!r} and {alias}={other!r} mean the same: give one of them")
    return value or other


def _listed(name: str, packages: Any) -> tuple[str, ...]:
    if isinstance(packages, (str, Mapping)) or not all(isinstance(package, str) for package in packages or ()):
        raise UserErrorException(f"{name} is a list of texts such as ['pillow'], not {packages!r:.80}")
    return tuple(packages or ())


def _target(target: ComputeTarget | str | None, vm_size: str | None) -> ComputeTarget | str:
    if target is not None:
        return target
    if vm_size is None:
        raise TrainingException(
            "compute_target is missing: give a compute target or its name, for example compute_target='local'"
        )
    print(f"vm_size={vm_size!r} names no machine here: the run goes to the compute target 'local'")  # noqa: T201
    return "local"


def _params(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return script parameters that can become words of a command line."""
    if params is not None and not isinstance(params, Mapping):
        raise UserErrorException(f"script_params is a dict such as {{'--epochs': 3}}, not {params!r:.80}")
    taken = dict(params or {})
    for name, value in taken.items():
        if not isinstance(name, str) or not name:
            raise UserErrorException(f"{name!r} among the script_params is no name of a parameter, such as '--epochs'")
        if value is None:
            raise UserErrorException(f"script_params[{name!r}] is None: use '' for a bare flag, or leave it out")
    _words(taken)
    return taken


def _words(params: Mapping[str, Any]) -> tuple[str, ...]:
    words: list[Any] = []
    for name, value in params.items():
        words.append(name)
        if not (isinstance(value, str) and value == ""):
            words.append(value)
    return flatten_arguments(words, "script_params")


def _find(source: str, name: str | None) -> str | None:
    """Files are looked for in the source folder first, as Azure ML did, then where they are."""
    if name is None:
        return None
    inside = os.path.join(source, name)  # noqa: PTH118 (an absolute name stays what it is)
    return inside if os.path.exists(inside) else name  # noqa: PTH110
