"""Names of Azure ML's curated environments, such as "AzureML-PyTorch-1.6-GPU", and what they stand for here.

Azure ML changed what is behind a name over the years; here a name stands for what it says: the framework's version and,
where it has one, the Python. A workspace's settings may give any name another meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from traindock.errors import UserErrorException
from traindock.images.frameworks import OLDEST_JOB_PYTHON

_PYTHON: Final = re.compile(r"(?:^|-)py(?:thon)?-?(3)\.?(\d{1,2})(?:-|$)")
_VERSION: Final = r"-?v?(\d+(?:\.\d+)+)?(?=-|$)"
#: What a name may begin with, and the packages that it stands for; a version in the name is that of the first.
_FAMILIES: Final[tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]] = tuple(
    (re.compile(rf"{name}{_VERSION}"), packages)
    for name, packages in (
        ("pytorch", ("torch", "torchvision")),
        ("tensorflow", ("tensorflow",)),
        ("(?:scikit-learn|sklearn)", ("scikit-learn", "numpy", "pandas")),
        ("lightgbm", ("lightgbm", "scikit-learn", "numpy", "pandas")),
        ("xgboost", ("xgboost", "scikit-learn", "numpy", "pandas")),
        ("tutorial", ("matplotlib", "numpy", "pandas", "scikit-learn")),
        ("minimal", ()),
        ("designer", ("numpy", "pandas")),
    )
)
_EXAMPLES: Final = "AzureML-PyTorch-1.6-GPU, AzureML-sklearn-1.0-ubuntu20.04-py38-cpu, acpt-pytorch-2.2-cuda12.1"


@dataclass(frozen=True, slots=True)
class CuratedEnvironment:
    """What a name stands for.

    Attributes:
        pip: pip requirements.
        python: version of Python, or None for any.
        image: the image that containers are built upon, or None for the workspace's.
    """

    pip: tuple[str, ...] = ()
    python: str | None = None
    image: str | None = None


def curated(name: str, own: Mapping[str, CuratedEnvironment]) -> CuratedEnvironment:
    """What a curated name stands for, in capital letters or small.

    Args:
        name: such as "AzureML-PyTorch-1.6-GPU".
        own: the workspace's own names, in small letters.

    Raises:
        UserErrorException: it stands for nothing; the text has examples.
    """
    small = str(name).strip().lower()
    if found := own.get(small):
        return found
    stripped = re.sub(r"^(?:azureml-)?(?:acpt-)?", "", small)
    if stripped != small or small.startswith("pytorch-"):
        for pattern, packages in _FAMILIES:
            if match := pattern.match(stripped):
                return CuratedEnvironment(tuple(_packages(packages, match)), _python(stripped))
    mine = f"; the workspace's own: {', '.join(sorted(own))}" if own else ""
    raise UserErrorException(
        f"there is no curated environment {name!r}. Known are names such as {_EXAMPLES}{mine}. Make your own with "
        "CondaDependencies.create(pip_packages=[…]), or name it in [curated_environments] of settings.toml"
    )


def from_table(name: str, table: object) -> CuratedEnvironment:
    """What a workspace's settings say that a name stands for.

    Raises:
        UserErrorException: they say something else; the text has an example.
    """
    from traindock.images.container_base import check_image_name
    from traindock.images.recipe import parse_requirement, python_specifier

    example = 'NAME = { pip = ["torch==2.2.*"], python = "3.10", image = "pytorch/pytorch:latest" }'
    if not isinstance(table, dict) or not set(table) <= {"pip", "python", "image"}:
        raise UserErrorException(f"{name} must be a table with pip, python or image, not {table!r}: {example}")
    values: dict[str, Any] = dict(table)
    pip = values.get("pip", [])
    if not isinstance(pip, list):
        raise UserErrorException(f"pip of {name} must be a list of texts, not {pip!r}: {example}")
    for text in pip:
        parse_requirement(text)
    if (python := values.get("python")) is not None:
        python_specifier(str(python))
    if (image := values.get("image")) is not None:
        check_image_name(image)
    return CuratedEnvironment(tuple(pip), None if python is None else str(python), image)


def _packages(names: tuple[str, ...], match: re.Match[str]) -> Iterator[str]:
    version = match[1]
    for number, name in enumerate(names):
        if number or version is None:
            yield name
        else:
            yield f"{name}=={version}.*" if version.count(".") == 1 else f"{name}=={version}"


def _python(name: str) -> str | None:
    """The Python in a name; one that no job can run on says nothing."""
    match = _PYTHON.search(name)
    if match is None or (int(match[1]), int(match[2])) < OLDEST_JOB_PYTHON:
        return None
    return f"{match[1]}.{match[2]}"
