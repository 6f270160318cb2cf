"""Conda requirements: what they are called on PyPI, and building with conda where PyPI has no counterpart.

Most of what people list under ``conda_packages`` is on PyPI under the same name, and uv installs it in a fraction
of the time. What is not (compilers, system libraries) needs conda, mamba or micromamba on PATH.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from traindock.errors import UserErrorException

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from traindock.images.recipe import Recipe

#: conda's name -> PyPI's name of the same thing.
ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dask-core": "dask",
        "faiss": "faiss-cpu",
        "matplotlib-base": "matplotlib",
        "msgpack-python": "msgpack",
        "opencv": "opencv-python-headless",
        "py-opencv": "opencv-python-headless",
        "py-xgboost": "xgboost",
        "py-xgboost-cpu": "xgboost",
        "pyqt": "pyqt5",
        "pytables": "tables",
        "python-graphviz": "graphviz",
        "pytorch": "torch",
        "pytorch-cpu": "torch",
        "pytorch-gpu": "torch",
        "ruamel_yaml": "ruamel.yaml",
        "tensorflow-gpu": "tensorflow",
        "torchaudio-cpu": "torchaudio",
        "torchvision-cpu": "torchvision",
    }
)

#: Not needed: PyPI's wheels bring their own, or it is part of every environment.
DROPPED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cpuonly": "the wheels of PyPI choose the device at run time",
        "cudatoolkit": "the wheels of PyPI bring their own CUDA libraries",
        "cuda-runtime": "the wheels of PyPI bring their own CUDA libraries",
        "cudnn": "the wheels of PyPI bring their own CUDA libraries",
        "nccl": "the wheels of PyPI bring their own CUDA libraries",
        "pip": "uv installs the packages",
        "pytorch-cuda": "the wheels of PyPI bring their own CUDA libraries",
        "pytorch-mutex": "the wheels of PyPI choose the device at run time",
    }
)

# fmt: off
#: Programs and libraries for which PyPI has nothing, or something else, under the same name.
NOT_ON_PYPI: Final = frozenset(
    {
        "binutils", "blas", "boost", "bzip2", "compilers", "cuda", "cuda-toolkit", "curl", "cxx-compiler",
        "ffmpeg", "fftw", "gcc", "gcc_linux-64", "gdal", "git", "glib", "graphviz", "gxx", "gxx_linux-64",
        "hdf5", "java-jdk", "jpeg", "libgcc", "libgcc-ng", "libgfortran", "libpng", "libsndfile",
        "libstdcxx-ng", "libtiff", "make", "mpi", "mpich", "ncurses", "nodejs", "openblas", "openjdk",
        "openmpi", "openssl", "perl", "postgresql", "r", "r-base", "r-essentials", "readline", "sox",
        "sqlite", "tk", "unzip", "wget", "xz", "zip", "zlib",
    }
)
# fmt: on

_CONDA: Final = re.compile(
    r"(?:(?P<channel>[\w.:/-]+)::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)\s*"
    r"(?:\[version=['\"]?(?P<bracket>[^'\"\]]+)['\"]?\]|(?P<spec>[=<>!~*\d ].*)?)"
)
_PIP_LIKE: Final = re.compile(r"(?:==|>=|<=|!=|~=|<|>)\s*[\w.*+!-]+(?:\s*,\s*(?:==|>=|<=|!=|~=|<|>)\s*[\w.*+!-]+)*")
_VERSION: Final = re.compile(r"[\w.+!]+(?:\.?\*)?")


@dataclass(frozen=True, slots=True)
class CondaRequirement:
    """One conda requirement.

    Attributes:
        name: lower case, in conda's spelling.
        channel: as in ``conda-forge::numpy``, or None.
        specifier: version bounds in pip's spelling, "" for any.
        text: the requirement in conda's spelling, without superfluous spaces.
    """

    name: str
    channel: str | None
    specifier: str
    text: str


@dataclass(frozen=True, slots=True)
class Translation:
    """Conda requirements in PyPI's words.

    Attributes:
        pip: requirements for pip.
        python: the Python version asked for, in pip's spelling, or None.
        notices: what was renamed or left out, and why.
        unknown: requirements for which only conda will do.
    """

    pip: tuple[str, ...]
    python: str | None
    notices: tuple[str, ...]
    unknown: tuple[str, ...]


def parse_conda(text: object) -> CondaRequirement:
    """Parse one conda requirement, such as "numpy=1.23", "conda-forge::pillow>=9" or "pytorch=1.6=py38_cuda".

    Raises:
        UserErrorException: it is none; the text names it.
    """
    match = _CONDA.fullmatch(text.strip()) if isinstance(text, str) and "\n" not in text.strip() else None
    if match is None:
        raise UserErrorException(f"{text!r} is no conda requirement: use a text such as 'numpy' or 'numpy=1.23'")
    version = (match["bracket"] or match["spec"] or "").strip()
    specifier = _specifier(version)
    if specifier is None:
        raise UserErrorException(
            f"{text!r}: the version {version!r} is not understood; use for example 'numpy>=1.23,<2'"
        )
    compact = re.sub(r"\s*([=<>!~,|]+)\s*", r"\1", match["bracket"] or version)
    if compact and not compact.startswith(("=", "<", ">", "!", "~")):
        compact = f"={compact}" if compact.endswith("*") else f"=={compact}"
    channel, name = match["channel"], match["name"].lower()
    return CondaRequirement(name, channel, specifier, (f"{channel}::" if channel else "") + name + compact)


def canonical_conda(text: str) -> str:
    """One spelling for all spellings of a conda requirement."""
    return parse_conda(text).text


def _specifier(version: str) -> str | None:
    """A conda version in pip's spelling, or None where pip has no words for it."""
    if not version or version == "*":
        return ""
    if _PIP_LIKE.fullmatch(version):
        return version.replace(" ", "")
    exact, _, rest = version.lstrip("=").strip().partition("=")
    exact = exact.strip()
    if not _VERSION.fullmatch(exact) or version.startswith(("<", ">", "!", "~")):
        return None
    if exact.endswith("*"):
        return f"=={exact.rstrip('*').rstrip('.')}.*"
    # "=1.2" means any 1.2; with a build string, with three parts, or without "=" one version is meant.
    fuzzy = version.startswith("=") and not version.startswith("==") and not rest and exact.count(".") < 2
    return f"=={exact}.*" if fuzzy else f"=={exact}"


def translate(requirements: Iterable[str]) -> Translation:
    """Say the same in PyPI's words, as far as that is known without asking an index."""
    pip, notices, unknown = [], [], []
    python = None
    for text in requirements:
        conda = parse_conda(text)
        if conda.name == "python":
            python = conda.specifier or None
        elif conda.name in DROPPED or conda.name.startswith("_"):
            # "conda env export" lists _libgcc_mutex and the like, which only tie conda's own builds together.
            why = DROPPED.get(conda.name, "it means something to conda alone")
            notices.append(f"conda package {conda.text} is left out: {why}")
        elif conda.name in NOT_ON_PYPI:
            unknown.append(conda.text)
        else:
            name = ALIASES.get(conda.name, conda.name)
            pip.append(name + conda.specifier)
            renamed = "" if name == conda.name else f" as {name}"
            notices.append(f"conda package {conda.text} is taken from PyPI{renamed}")
    return Translation(tuple(pip), python, tuple(notices), tuple(unknown))


def find_conda(path: str | None = None) -> str | None:
    """Path of micromamba, mamba or conda, whichever is found first on ``path``, this process's PATH by default."""
    return next(filter(None, (shutil.which(name, path=path) for name in ("micromamba", "mamba", "conda"))), None)


def create_command(program: str, prefix: str, environment_file: str) -> list[str]:
    """The command that builds ``environment_file`` into the folder ``prefix``."""
    kind = program.rsplit("/", 1)[-1]
    verb = ["create"] if kind == "micromamba" else ["env", "create"]
    yes = ["--yes"] if kind != "conda" else []  # conda's own "env create" never asks
    return [program, *verb, *yes, "--prefix", prefix, "--file", environment_file]


def conda_python(specifier: SpecifierSet) -> str:
    """The requirement of a Python in conda's spelling, such as "python=3.10" for "==3.10.*"."""
    bounds = sorted(str(bound) for bound in specifier)
    lines = [bound for bound in bounds if bound.startswith("==")]
    if len(lines) == 1:  # it says all, what else there is only allows it
        exact = lines[0].removeprefix("==")
        return f"python={exact.removesuffix('.*')}" if exact.endswith(".*") else f"python=={exact}"
    return f"python{','.join(bounds)}"


def environment_yaml(recipe: Recipe, python: str, pip: Iterable[str], find_links: Iterable[str] = ()) -> str:
    """The recipe as a conda environment file. Indexes are not in it, since passwords are in their addresses.

    Args:
        recipe: its conda requirements and channels are used.
        python: the Python, in conda's spelling.
        pip: all pip requirements, the framework's included.
        find_links: places of further packages, besides the recipe's own.
    """
    import shlex

    import yaml

    conda = [parse_conda(text) for text in recipe.conda]
    packages: list[object] = [c.text for c in conda if c.name not in ("python", "pip")]
    options = [option.split(" ", 1) for option in recipe.pip_options if not option.startswith("--extra-index-url ")]
    options += [["--find-links", place] for place in find_links]
    # pip takes its options apart as a shell would
    pip_lines = [*(" ".join((name, *map(shlex.quote, value))) for name, *value in options), *pip]
    return yaml.safe_dump(
        {
            "channels": list(recipe.channels or ("conda-forge",)),
            "dependencies": [python, "pip", *packages, *([{"pip": pip_lines}] if pip_lines else [])],
        },
        sort_keys=False,
        allow_unicode=True,
    )


def check_conda(requirements: Iterable[str]) -> Translation:
    """Translate conda requirements, and insist that something here can provide those that PyPI has not.

    Raises:
        UserErrorException: there are such, and no conda; the text names them.
    """
    translation = translate(requirements)
    if translation.unknown and find_conda() is None:
        raise UserErrorException(missing_text(translation.unknown))
    return translation


def missing_text(names: Iterable[str]) -> str:
    """Why conda packages cannot be had, and what to do, for an exception."""
    return (
        f"PyPI has no counterpart of the conda packages {', '.join(names)}, and neither conda, mamba nor micromamba is "
        "on PATH: install micromamba, or leave them out and install them on this machine by other means"
    )
