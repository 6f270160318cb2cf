"""``Environment``: what a job needs to run, under a name, as notebooks define it."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from traindock.conda_dependencies import CondaDependencies
from traindock.docker_section import ContainerRegistry, DockerBuildContext, DockerSection, dockerfile_text
from traindock.errors import AttributeNotFoundException, UserErrorException
from traindock.images.conda import parse_conda
from traindock.images.pip_lists import read_requirements
from traindock.images.recipe import Recipe, parse_requirement

if TYPE_CHECKING:
    from traindock.workspace import Workspace

__all__ = [
    "CondaDependencies",
    "Environment",
    "PythonSection",
]

_NAME_LIMIT: Final = 255


@dataclass(slots=True)
class PythonSection:
    """Which Python a job runs on, and with which packages.

    Attributes:
        user_managed_dependencies: use the interpreter as it is, install nothing.
        interpreter_path: the interpreter to use as it is, or to build upon: on ``local`` one of this machine, in a
            container one of its image. None is the submitter's, or whichever the image has.
        conda_dependencies: the packages.
    """

    user_managed_dependencies: bool = False
    interpreter_path: str | None = None
    conda_dependencies: CondaDependencies = field(default_factory=CondaDependencies)


class _Absent:
    """What Azure ML's Environment has and this one has not; asking for it says what to use."""

    def __init__(self, instead: str) -> None:
        self._instead = instead

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeNotFoundException(f"{owner.__name__} has no {self._name}: {self._instead}")


_BY_FILE: Final = (
    "environments are kept as files: environment.python.conda_dependencies.save('env.yml') writes one, and "
    "Environment.from_conda_specification(name, 'env.yml') reads it"
)
_BY_RUN: Final = "it is built when a run needs it; environment.rebuild = True has it built anew"


class Environment:
    """A named definition of what a job needs. Two are equal if their definitions are, whatever their names.

    Args:
        name: any text of up to 255 characters; it has no part in what is built.

    Attributes:
        python: interpreter and packages.
        docker: what container compute targets start from.
        environment_variables: for the job.
        rebuild: whether each run that is submitted with it has it built anew, from the newest packages that fit,
            instead of taking your own interpreter or what was built before. Later runs take the newest build.

    Raises:
        UserErrorException: the name is empty, too long, or has control characters.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name.strip() or len(name) > _NAME_LIMIT or not name.isprintable():
            raise UserErrorException(
                f"{name!r:.80} is no environment name: use 1 to {_NAME_LIMIT} printable characters"
            )
        self._name = name
        self.python = PythonSection()
        self.docker = DockerSection()
        self.environment_variables: dict[str, str] = {}
        self.rebuild = False
        # Of an image or a Dockerfile and nothing else, what is added later counts, though nobody says so.
        self._as_it_is_unless_packages = False

    list = _Absent(_BY_FILE)
    register = _Absent(_BY_FILE)
    save_to_directory = _Absent(_BY_FILE)
    load_from_directory = _Absent(_BY_FILE)
    build = _Absent(_BY_RUN)
    build_local = _Absent(_BY_RUN)
    get_image_details = _Absent(_BY_RUN)
    from_existing_conda_environment = _Absent(
        "use Environment.from_existing_interpreter(name, path), where path ends in bin/python of the conda environment"
    )

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self._name

    @classmethod
    def from_conda_specification(cls, name: str, file_path: str | Path) -> Environment:
        """Make an environment of a conda environment file.

        Raises:
            UserErrorException: the file is missing, no YAML, or no conda environment file; the text names it.
        """
        made = cls(name)
        made.python.conda_dependencies = CondaDependencies(file_path)
        made.environment_variables = made.python.conda_dependencies.variables
        return made

    @classmethod
    def from_pip_requirements(cls, name: str, file_path: str | Path, pip_version: str | None = None) -> Environment:
        """Make an environment of a requirements file.

        Args:
            name: what to call it.
            file_path: the requirements file.
            pip_version: accepted for old notebooks; packages are installed by uv.

        Raises:
            UserErrorException: the file is missing, or a line of it is not understood; the text names both.
        """
        made = cls(name)
        made.python.conda_dependencies._take(read_requirements(Path(file_path)))
        return made

    @classmethod
    def from_existing_interpreter(cls, name: str, interpreter_path: str | Path | None = None) -> Environment:
        """Make an environment of an interpreter and what is installed for it; nothing is built.

        Args:
            name: what to call it.
            interpreter_path: path of the interpreter; None is the one that runs this call.
        """
        made = cls(name)
        made.python.user_managed_dependencies = True
        made.python.interpreter_path = str(interpreter_path or sys.executable)
        return made

    @classmethod
    def from_docker_image(
        cls,
        name: str,
        image: str,
        container_registry: ContainerRegistry | None = None,
        conda_specification: str | Path | None = None,
        pip_requirements: str | Path | None = None,
    ) -> Environment:
        """Make an environment of an image; without packages, the image's own Python is used as it is.

        Args:
            name: what to call it.
            image: name of the image.
            container_registry: where it comes from, if not from where the engine looks by itself.
            conda_specification: conda environment file of packages to install upon it.
            pip_requirements: requirements file of packages to install upon it.

        Raises:
            UserErrorException: a name is not valid, a file is missing or not understood, or both files are given.
        """
        made = cls._upon_image(name, conda_specification, pip_requirements)
        made.docker.base_image = image
        made.docker.base_image_registry = container_registry or ContainerRegistry()
        made.docker.to_container_base()
        return made

    @classmethod
    def from_dockerfile(
        cls,
        name: str,
        dockerfile: str | Path,
        conda_specification: str | Path | None = None,
        pip_requirements: str | Path | None = None,
    ) -> Environment:
        """Make an environment of a Dockerfile; without packages, the image's own Python is used as it is.

        Args:
            name: what to call it.
            dockerfile: its text, or its path.
            conda_specification: conda environment file of packages to install upon it.
            pip_requirements: requirements file of packages to install upon it.

        Raises:
            UserErrorException: a file is missing or not understood, or both files are given.
        """
        made = cls._upon_image(name, conda_specification, pip_requirements)
        made.docker.base_dockerfile = dockerfile_text(dockerfile)
        return made

    @classmethod
    def from_docker_build_context(cls, name: str, docker_build_context: DockerBuildContext) -> Environment:
        """Make an environment of a folder with a Dockerfile and files; the image's own Python is used as it is.

        Raises:
            UserErrorException: the Dockerfile is missing.
        """
        made = cls._upon_image(name, None, None)
        made.docker.build_context = docker_build_context
        docker_build_context.text()
        return made

    @classmethod
    def _upon_image(
        cls, name: str, conda_specification: str | Path | None, pip_requirements: str | Path | None
    ) -> Environment:
        if conda_specification is not None and pip_requirements is not None:
            raise UserErrorException("conda_specification and pip_requirements are both given: give one of the two")
        if conda_specification is not None:
            return cls.from_conda_specification(name, conda_specification)
        if pip_requirements is not None:
            return cls.from_pip_requirements(name, pip_requirements)
        made = cls(name)
        made.python.user_managed_dependencies = made._as_it_is_unless_packages = True
        return made

    @classmethod
    def get(cls, workspace: Workspace, name: str, version: object = None, label: object = None) -> Environment:
        """Make an environment of one of Azure ML's curated names, such as "AzureML-PyTorch-1.6-GPU".

        A name stands for what it says: the framework's version and the Python. ``[curated_environments]`` in the
        workspace's settings.toml gives names another meaning. Your own environments are kept as files.

        Args:
            workspace: whose settings apply.
            name: in capital letters or small.
            version: accepted for old notebooks.
            label: accepted for old notebooks.

        Raises:
            UserErrorException: the name stands for nothing; the text has examples.
        """
        from traindock.images.curated import curated

        meant = curated(name, workspace.settings.curated_environments)
        made = cls(name)
        made.python.conda_dependencies = CondaDependencies.create(
            pip_packages=list(meant.pip), python_version=meant.python
        )
        made.docker.base_image = meant.image
        return made

    @classmethod
    def from_recipe(cls, name: str, recipe: Recipe) -> Environment:
        """Make an environment that means what ``recipe`` means; a framework becomes a package of it.

        Args:
            name: what to call it.
            recipe: what :meth:`to_recipe` gave.
        """
        made = cls(name)
        made.python.user_managed_dependencies = recipe.user_managed
        made.python.interpreter_path = recipe.interpreter
        made.python.conda_dependencies = packages = CondaDependencies.create(
            pip_indexurl=recipe.index_url,
            pip_packages=[*([recipe.framework] if recipe.framework else []), *recipe.pip],
            conda_packages=list(recipe.conda),
            python_version=recipe.python,
        )
        for option in recipe.pip_options:
            packages.set_pip_option(option)
        for bound in recipe.constraints:
            packages.add_pip_constraint(bound)
        for channel in recipe.channels:
            packages.add_channel(channel)
        made.environment_variables = dict(recipe.environment_variables)
        made.docker = DockerSection.from_container_base(recipe.container)
        return made

    def clone(self, new_name: str) -> Environment:
        """A copy under another name; changing one does not change the other."""
        made = Environment(new_name)
        made.python = copy.deepcopy(self.python)
        made.docker = copy.deepcopy(self.docker)
        made.environment_variables = dict(self.environment_variables)
        made.rebuild = self.rebuild
        made._as_it_is_unless_packages = self._as_it_is_unless_packages
        return made

    def to_recipe(self, framework: str | None = None) -> Recipe:
        """The definition as a value, for building.

        Packages of the Azure ML SDK are left out with a notice: Traindock's own part of a job takes their place.

        Args:
            framework: such as "torch==2.1.*", see :func:`traindock.images.frameworks.resolve`.

        Raises:
            UserErrorException: a package, a version or what it says of the container is malformed.
        """
        packages = self.python.conda_dependencies
        path = self.python.interpreter_path
        interpreter = None if path is None else str(path)
        container = self.docker.to_container_base()
        listed = [*packages.conda_packages, *packages.pip_packages]
        if self.python.user_managed_dependencies and not (self._as_it_is_unless_packages and listed):
            unused = [f"{', '.join(listed)} are not installed"] if listed else []
            unused += ["nothing is rebuilt"] if self.rebuild else []
            notice = tuple(f"{text}: the interpreter is used as it is" for text in unused)
            return Recipe(
                interpreter=interpreter,
                user_managed=True,
                environment_variables=self.environment_variables,
                container=container,
                notices=notice,
            )
        notices: list[str] = []
        conda = [c for c in packages.conda_packages if parse_conda(c).name != "python"]
        return Recipe(
            python=packages.get_python_version(),
            interpreter=interpreter,
            pip=tuple(_without_azure(packages.pip_packages, notices)),
            conda=tuple(_without_azure(conda, notices)),
            channels=tuple(packages.conda_channels),
            pip_options=tuple(packages.pip_options),
            constraints=tuple(packages.pip_constraints),
            index_url=packages.pip_index_url,
            framework=framework,
            built_after=time.time() if self.rebuild else None,
            environment_variables=self.environment_variables,
            container=container,
            notices=tuple(notices),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Environment) and self._definition() == other._definition()

    __hash__ = None  # type: ignore[assignment]  # it can be edited

    def _definition(self) -> tuple[Any, ...]:
        python = self.python
        return (
            python.user_managed_dependencies,
            python.interpreter_path,
            python.conda_dependencies._definition(),
            asdict(self.docker),
            {name: str(value) for name, value in self.environment_variables.items()},
        )

    def __repr__(self) -> str:
        return f"Environment({self._name!r}, {self.python.conda_dependencies!r})"


def _without_azure(packages: Iterable[str], notices: list[str]) -> list[str]:
    kept = []
    for text in packages:
        try:
            requirement = parse_requirement(text)
        except UserErrorException:  # a conda requirement has its own spelling
            name = parse_conda(text).name
        else:
            name = requirement.name if requirement is not None else ""
        name = name.lower().replace("_", "-")
        if name in ("azureml", "traindock") or name.startswith("azureml-"):
            notices.append(f"{text} is left out: Traindock's own part of every job takes its place")
        else:
            kept.append(text)
    return kept
