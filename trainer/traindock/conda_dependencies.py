"""``CondaDependencies``: lists of conda and pip packages, as a value to edit and as the YAML file that conda reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from traindock.errors import UserErrorException
from traindock.images.conda import parse_conda
from traindock.images.pip_lists import PipList, parse_lines, read_text
from traindock.images.recipe import canonical_requirement, parse_requirement, python_specifier
from traindock.images.uv import mask

#: Name that the file gives to the environment; it means nothing.
_NAME: Final = "project_environment"
#: Where Traindock keeps them in the file; conda says that it leaves the section aside.
_CONSTRAINTS: Final = "pip_constraints"


class CondaDependencies:
    """Packages for conda and pip.

    Args:
        conda_dependencies_file_path: a conda environment file to start from.

    Raises:
        UserErrorException: the file is missing, no YAML, or no conda environment file; the text names it.
    """

    def __init__(self, conda_dependencies_file_path: str | Path | None = None) -> None:
        self._conda: list[str] = []
        self._pip: list[str] = []
        self._pip_options: list[str] = []
        self._constraints: list[str] = []
        self._channels: list[str] = []
        self._index_url: str | None = None
        self._variables: dict[str, str] = {}
        if conda_dependencies_file_path is not None:
            self._load(Path(conda_dependencies_file_path))

    @classmethod
    def create(
        cls,
        pip_indexurl: str | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_packages: Iterable[str] | None = None,
        python_version: str | None = None,
        pin_sdk_version: bool = True,
    ) -> CondaDependencies:
        """Make a list of packages.

        Args:
            pip_indexurl: package index in place of the workspace's.
            pip_packages: pip requirements.
            conda_packages: conda requirements.
            python_version: such as "3.10"; None takes the submitter's.
            pin_sdk_version: accepted for old notebooks; Traindock's part of a job always fits.

        Raises:
            UserErrorException: a requirement is malformed; the text names it.
        """
        made = cls()
        made._index_url = pip_indexurl
        for package in _list("conda_packages", conda_packages):
            made.add_conda_package(package)
        for package in _list("pip_packages", pip_packages):
            made.add_pip_package(package)
        if python_version is not None:
            made.set_python_version(python_version)
        return made

    def add_pip_package(self, pip_package: str) -> None:
        """Add a pip requirement, in place of an earlier one for the same package."""
        parse_requirement(pip_package)
        self.remove_pip_package(pip_package)
        self._pip.append(pip_package.strip())

    def remove_pip_package(self, pip_package: str) -> None:
        """Remove the requirement for a package, whatever its version; nothing happens if there is none."""
        name = _pip_name(pip_package)
        self._pip = [text for text in self._pip if _pip_name(text) != name]

    def add_conda_package(self, conda_package: str) -> None:
        """Add a conda requirement, in place of an earlier one for the same package."""
        parse_conda(conda_package)
        self.remove_conda_package(conda_package)
        self._conda.append(conda_package.strip())

    def remove_conda_package(self, conda_package: str) -> None:
        """Remove the requirement for a package, whatever its version; nothing happens if there is none."""
        name = parse_conda(conda_package).name
        self._conda = [text for text in self._conda if parse_conda(text).name != name]

    def add_channel(self, channel: str) -> None:
        """Add a conda channel behind the others."""
        if channel not in self._channels:
            self._channels.append(channel)

    def remove_channel(self, channel: str) -> None:
        """Remove a conda channel; nothing happens if there is none."""
        self._channels = [c for c in self._channels if c != channel]

    def set_pip_option(self, pip_option: str) -> None:
        """Add an option for pip, such as "--extra-index-url https://…".

        Raises:
            UserErrorException: it is not supported; the text lists those that are.
        """
        self._take(parse_lines([pip_option]))

    def set_python_version(self, version: str) -> None:
        """Set the Python version, such as "3.10".

        Raises:
            UserErrorException: it is no version.
        """
        python_specifier(str(version))
        text = str(version).strip()
        self.remove_conda_package("python")
        self._conda.insert(0, f"python{text}" if text[0] in "=<>!~" else f"python={text}")

    def get_python_version(self) -> str | None:
        """The Python version as it was given, such as "3.10" or ">=3.9", or None for the submitter's."""
        for text in self._conda:
            conda = parse_conda(text)
            if conda.name == "python":
                # one "=" with three parts means that release, and with two any release of that line
                plain = conda.specifier.removeprefix("==").removesuffix(".*")
                return (plain if conda.specifier.startswith("==") and "," not in plain else conda.specifier) or None
        return None

    @property
    def conda_packages(self) -> list[str]:
        """The conda requirements, python included."""
        return list(self._conda)

    @property
    def pip_packages(self) -> list[str]:
        """The pip requirements."""
        return list(self._pip)

    @property
    def pip_options(self) -> list[str]:
        """Options for pip, the index not included."""
        return list(self._pip_options)

    @property
    def pip_constraints(self) -> list[str]:
        """Bounds for whatever pip installs, as a constraints file has them."""
        return list(self._constraints)

    def add_pip_constraint(self, pip_constraint: str) -> None:
        """Add a bound for whatever pip installs, such as "numpy<2", without asking for the package."""
        if parse_requirement(pip_constraint) is None:
            raise UserErrorException(f"{pip_constraint!r} bounds no package: write 'name @ address'")
        if pip_constraint.strip() not in self._constraints:
            self._constraints.append(pip_constraint.strip())

    @property
    def pip_index_url(self) -> str | None:
        """Package index in place of the workspace's."""
        return self._index_url

    @property
    def conda_channels(self) -> list[str]:
        """The conda channels, the first is asked first."""
        return list(self._channels)

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that the file it was read from sets."""
        return dict(self._variables)

    def as_dict(self) -> dict[str, Any]:
        """The content as a conda environment file has it."""
        pip = [*([f"--index-url {self._index_url}"] if self._index_url else []), *self._pip_options, *self._pip]
        document: dict[str, Any] = {"name": _NAME, "dependencies": [*self._conda, *([{"pip": pip}] if pip else [])]}
        if self._constraints:
            document[_CONSTRAINTS] = list(self._constraints)
        if self._channels:
            document["channels"] = list(self._channels)
        if self._variables:
            document["variables"] = dict(self._variables)
        return document

    def serialize_to_string(self) -> str:
        """The content as the text of a conda environment file."""
        import yaml

        text: str = yaml.safe_dump(self.as_dict(), sort_keys=False, allow_unicode=True)
        return f"# A conda environment file, read by conda and by Traindock.\n{text}"

    def save(self, path: str | Path | None = None) -> str:
        """Write the content to a file.

        Args:
            path: the file, or a folder to put "conda_dependencies.yml" into; None takes the current folder.

        Returns:
            The path that was written.
        """
        target = Path(path) if path is not None else Path.cwd()
        if target.is_dir():
            target = target / "conda_dependencies.yml"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.serialize_to_string(), "utf-8")
        return str(target)

    def save_to_file(self, base_directory: str | Path, conda_file_path: str | Path | None = None) -> str:
        """Write the content to ``conda_file_path`` within ``base_directory``; returns the path within it."""
        name = Path(conda_file_path) if conda_file_path is not None else Path("conda_dependencies.yml")
        self.save(Path(base_directory) / name)
        return str(name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CondaDependencies) and self._definition() == other._definition()

    __hash__ = None  # type: ignore[assignment]  # it can be edited

    def __repr__(self) -> str:
        return mask(f"CondaDependencies(conda_packages={self._conda}, pip_packages={self._pip})")

    def _definition(self) -> tuple[Any, ...]:
        conda = frozenset(parse_conda(text).text for text in self._conda)
        pip = frozenset(canonical_requirement(text) for text in self._pip)
        bounds = frozenset(canonical_requirement(text) for text in self._constraints)
        return conda, pip, bounds, self._pip_options, self._channels, self._index_url, self._variables

    def _take(self, pip: PipList) -> None:
        for package in pip.packages:
            self.add_pip_package(package)
        for bound in pip.constraints:
            self.add_pip_constraint(bound)
        self._pip_options += [option for option in pip.options if option not in self._pip_options]
        self._index_url = pip.index_url or self._index_url

    def _load(self, path: Path) -> None:
        import yaml

        what = f"conda file {str(path)!r}"
        try:
            document = yaml.safe_load(read_text(path, "conda file"))
        except yaml.YAMLError as error:
            raise UserErrorException(f"{what} is no YAML: {error}") from error
        if not isinstance(document, dict):
            raise UserErrorException(f"{what} is no mapping with 'dependencies', but {document!r:.80}")
        for channel in _strings(what, "channels", document.get("channels")):
            self.add_channel(channel)
        for entry in _entries(what, "dependencies", document.get("dependencies")):
            if isinstance(entry, dict) and set(entry) == {"pip"}:
                self._take(parse_lines(_strings(what, "pip", entry["pip"]), path))
            elif isinstance(entry, str):
                self.add_conda_package(entry)
            else:
                raise UserErrorException(
                    f"{what}: {entry!r} among its dependencies is neither a text nor a pip section"
                )
        for bound in _strings(what, _CONSTRAINTS, document.get(_CONSTRAINTS)):
            self.add_pip_constraint(bound)
        variables = document.get("variables") or {}
        if not isinstance(variables, dict):
            raise UserErrorException(f"{what}: 'variables' must be a mapping, not {variables!r:.80}")
        self._variables = {str(name): str(value) for name, value in variables.items()}


def _entries(what: str, name: str, value: object) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise UserErrorException(f"{what}: {name!r} must be a list, not {value!r:.80}")
    return value


def _strings(what: str, name: str, value: object) -> list[str]:
    entries = _entries(what, name, value)
    for entry in entries:
        if not isinstance(entry, str):
            raise UserErrorException(f"{what}: {entry!r} among its {name} is no text")
    return entries


def _list(name: str, value: Iterable[str] | None) -> list[str]:
    if isinstance(value, str):
        raise UserErrorException(f"{name}={value!r} is one text where a list of texts is needed: [{value!r}]")
    return list(value or ())


def _pip_name(text: str) -> str:
    from packaging.utils import canonicalize_name

    requirement = parse_requirement(text)
    return text if requirement is None else canonicalize_name(requirement.name)
