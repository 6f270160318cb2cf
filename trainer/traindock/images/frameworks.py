"""Which versions of PyTorch there are, what goes with each, and which Pythons each was built for.

The table holds what PyPI has for Linux on x86-64. It answers without a network, so that a version that cannot run
on any Python at hand is refused when a run is submitted, and not after minutes in the build.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from traindock.errors import TrainingException

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from traindock.images.recipe import Recipe


class Release(NamedTuple):
    """One release of torch; ``oldest`` and ``newest`` are minor versions of Python 3 that both packages support."""

    torch: str
    torchvision: str
    oldest: int
    newest: int


#: Oldest first. The Python range is where torch and its torchvision both have wheels.
RELEASES: Final[tuple[Release, ...]] = (
    Release("1.0.0", "0.2.2", 5, 7),
    Release("1.0.1", "0.2.2", 5, 7),
    Release("1.1.0", "0.3.0", 5, 7),
    Release("1.2.0", "0.4.0", 5, 7),
    Release("1.3.0", "0.4.1", 5, 7),
    Release("1.3.1", "0.4.2", 5, 7),
    Release("1.4.0", "0.5.0", 5, 8),
    Release("1.5.0", "0.6.0", 5, 8),
    Release("1.5.1", "0.6.1", 5, 8),
    Release("1.6.0", "0.7.0", 6, 8),
    Release("1.7.0", "0.8.1", 6, 8),
    Release("1.7.1", "0.8.2", 6, 9),
    Release("1.8.0", "0.9.0", 6, 9),
    Release("1.8.1", "0.9.1", 6, 9),
    Release("1.9.0", "0.10.0", 6, 9),
    Release("1.9.1", "0.10.1", 6, 9),
    Release("1.10.0", "0.11.1", 6, 9),
    Release("1.10.1", "0.11.2", 6, 9),
    Release("1.10.2", "0.11.3", 7, 9),
    Release("1.11.0", "0.12.0", 7, 10),
    Release("1.12.0", "0.13.0", 7, 10),
    Release("1.12.1", "0.13.1", 7, 10),
    Release("1.13.0", "0.14.0", 7, 10),
    Release("1.13.1", "0.14.1", 7, 10),
    Release("2.0.0", "0.15.1", 8, 11),
    Release("2.0.1", "0.15.2", 8, 11),
    Release("2.1.0", "0.16.0", 8, 11),
    Release("2.1.1", "0.16.1", 8, 11),
    Release("2.1.2", "0.16.2", 8, 11),
    Release("2.2.0", "0.17.0", 8, 12),
    Release("2.2.1", "0.17.1", 8, 12),
    Release("2.2.2", "0.17.2", 8, 12),
    Release("2.3.0", "0.18.0", 8, 12),
    Release("2.3.1", "0.18.1", 8, 12),
    Release("2.4.0", "0.19.0", 8, 12),
    Release("2.4.1", "0.19.1", 8, 12),
    Release("2.5.0", "0.20.0", 9, 12),
    Release("2.5.1", "0.20.1", 9, 12),
    Release("2.6.0", "0.21.0", 9, 13),
    Release("2.7.0", "0.22.0", 9, 13),
    Release("2.7.1", "0.22.1", 9, 13),
    Release("2.8.0", "0.23.0", 9, 13),
    Release("2.9.0", "0.24.0", 10, 14),
    Release("2.9.1", "0.24.1", 10, 14),
    Release("2.10.0", "0.25.0", 10, 14),
    Release("2.11.0", "0.26.0", 10, 14),
    Release("2.12.0", "0.27.0", 10, 14),
    Release("2.12.1", "0.27.1", 10, 14),
    Release("2.13.0", "0.28.0", 10, 14),
    Release("2.14.0", "0.29.0", 10, 14),
    Release("2.14.1", "0.29.1", 10, 14),
    # From 0.29.2 on, torchvision's wheels fit every torch from 2.14 on and every Python from 3.10 on.
    Release("2.15.0", "0.29.2", 11, 15),
)

#: The first torch that was built for numpy 2; older ones fail on it at the first tensor-to-array conversion.
_NUMPY_2: Final = (2, 3)
_CEILING: Final = "numpy<2"
#: Versions that numpy below 2 has, and some more.
_OLD_NUMPYS: Final = tuple(f"1.{minor}.{patch}" for minor in range(27) for patch in range(20))

#: The oldest Python that Traindock's part inside a job runs on.
OLDEST_JOB_PYTHON: Final = (3, 8)


@dataclass(frozen=True, slots=True)
class FrameworkPackages:
    """What a framework version stands for.

    Attributes:
        framework: as a recipe names it, such as "torch==2.1.*"; "torch" for any version.
        requirements: pip requirements: torch, its torchvision, and a ceiling for numpy where there is one.
        oldest: oldest Python, as (3, minor), that has wheels; at least what jobs need.
        newest: newest Python that has wheels, or None for "no bound known".
        fits: whether the Python that was asked about lies between them.
    """

    framework: str
    requirements: tuple[str, ...]
    oldest: tuple[int, int]
    newest: tuple[int, int] | None
    fits: bool

    @property
    def python(self) -> str:
        """The range of Pythons in words, such as "3.8 to 3.11"."""
        oldest = ".".join(map(str, self.oldest))
        if self.newest is None:
            return f"{oldest} or newer"
        newest = ".".join(map(str, self.newest))
        return newest if newest == oldest else f"{oldest} to {newest}"


def known_versions() -> tuple[str, ...]:
    """The series that ``framework_version`` may name, oldest first: "1.0", "1.1" and so on."""
    return tuple(dict.fromkeys(_series(release.torch) for release in RELEASES))


def resolve(framework_version: str | None, python: tuple[int, int] = (3, 11)) -> FrameworkPackages:
    """Look up what belongs to a version of PyTorch.

    Args:
        framework_version: "1.13" for the newest 1.13, "1.13.1" for exactly that, None for whatever fits. A build of
            PyTorch's own indexes is named as "2.1.2+cu118", the newest such 2.1 as "2.1+cu118".
        python: the Python to answer ``fits`` for.

    Raises:
        TrainingException: there is no such version; the text lists those there are.
    """
    if framework_version is None:
        return FrameworkPackages(
            "torch", ("torch", "torchvision"), OLDEST_JOB_PYTHON, None, python >= OLDEST_JOB_PYTHON
        )
    text = str(framework_version).strip().removesuffix(".*")
    public, _, local = text.partition("+")
    releases = [r for r in RELEASES if public in (r.torch, _series(r.torch))]
    if not releases or not re.fullmatch(r"[\d.]+(\+[a-zA-Z0-9.]+)?", text):
        raise TrainingException(
            f"framework_version={framework_version!r} is not known. Known are {', '.join(known_versions())} "
            "and their exact releases, such as 2.1.2. Any other goes into pip_packages, as 'torch==…'"
        )
    if local:  # a range cannot name a build, so the newest of the range is meant
        releases = releases[-1:]
        text = f"{releases[0].torch}+{local}"
    exact = bool(local) or public == releases[0].torch
    found = _packages(f"torch=={text}" if exact else f"torch=={public}.*", releases, exact)
    fits = found.newest is None or found.oldest <= python <= found.newest
    return replace(found, fits=fits)


def _packages(torch: str, releases: list[Release], exact: bool) -> FrameworkPackages:
    """What goes with a torch that is one of ``releases``, or ``exact``ly the one."""
    # torchvision's own metadata pins its torch, so a range of it is enough to get the right one
    vision = f"=={releases[0].torchvision}" if exact else _range(releases)
    if releases[0].torchvision == "0.2.2":
        vision = "==0.2.2.*"  # its wheels carry the version 0.2.2.post3
    ceiling = [_CEILING] if _numbers(releases[-1].torch)[:2] < _NUMPY_2 else []
    oldest = (3, max(min(r.oldest for r in releases), OLDEST_JOB_PYTHON[1]))
    newest = (3, max(r.newest for r in releases))
    return FrameworkPackages(torch, (torch, f"torchvision{vision}", *ceiling), oldest, newest, fits=True)


def of_recipe(recipe: Recipe, pip: tuple[str, ...] = ()) -> FrameworkPackages | None:
    """The framework that a recipe names, or that its own pip requirements pin, or None. The pin wins.

    Args:
        recipe: what is to be built.
        pip: further requirements, such as those translated from conda's.
    """
    from packaging.requirements import Requirement

    from traindock.images.recipe import parse_requirement

    named = parse_requirement(recipe.framework) if recipe.framework is not None else None
    is_torch = named is not None and named.name == "torch"
    asked = [p for text in (*recipe.pip, *pip) if (p := parse_requirement(text)) and p.name.lower() == "torch"]
    if asked or is_torch:
        asked += [p for text in recipe.constraints if (p := parse_requirement(text)) and p.name.lower() == "torch"]
    if bounds := ",".join(str(p.specifier) for p in asked if p.specifier):
        return _within(Requirement(f"torch{bounds}")) or (resolve(None) if is_torch else None)
    if named is None or not is_torch:
        return None
    pinned = re.fullmatch(r"==\s*([\d.]+(?:\+[\w.]+)?(?:\.\*)?)", str(named.specifier))
    return resolve(pinned[1].removesuffix(".*") if pinned else None)


def requirements_of(recipe: Recipe, pip: tuple[str, ...] = ()) -> tuple[str, ...]:
    """All pip requirements of a recipe: the framework's, then the user's, which win where both name a package.

    Only the ceiling for numpy stays beside the user's own bounds, unless these leave nothing below it: a torch that
    was built for an older numpy takes no newer one, and "numpy>=1.20" does not ask for one.

    Args:
        recipe: what is to be built.
        pip: further requirements, such as those translated from conda's.
    """
    from packaging.utils import canonicalize_name

    from traindock.images.recipe import parse_requirement

    own = (*recipe.pip, *pip)
    framework = of_recipe(recipe, pip)
    if recipe.framework is None:
        wanted: tuple[str, ...] = (_CEILING,) if framework and _CEILING in framework.requirements else ()
    else:
        wanted = framework.requirements if framework else (recipe.framework,)
    parsed = [p for text in own if (p := parse_requirement(text)) is not None]
    # "pillow" or "torchvision" without a version says nothing against the framework's own choice of it
    named = {canonicalize_name(p.name) for p in parsed if p.specifier or p.url}
    parsed += [p for text in recipe.constraints if (p := parse_requirement(text)) is not None]
    numpy = canonicalize_name("numpy")
    if all(_may_be_old(p) for p in parsed if canonicalize_name(p.name) == numpy):
        named.discard(numpy)
    else:
        named.add(numpy)
    kept = [text for text in wanted if (p := parse_requirement(text)) is None or canonicalize_name(p.name) not in named]
    return (*kept, *own)


def _may_be_old(numpy: Requirement) -> bool:
    """Whether a requirement of numpy allows one below the ceiling."""
    return not numpy.url and any(numpy.specifier.filter(_OLD_NUMPYS))


def _within(requirement: Requirement) -> FrameworkPackages | None:
    """What the table says about a torch that was asked for as a package; None where it says nothing."""
    from packaging.specifiers import SpecifierSet

    public = SpecifierSet(re.sub(r"\+[\w.]+", "", str(requirement.specifier)))  # "2.0.1+cu117" is a 2.0.1
    releases = [r for r in RELEASES if public.contains(r.torch)]
    if not releases or releases[-1] is RELEASES[-1]:
        return None  # open to releases newer than the table
    exact = any(s.operator in ("==", "===") and not s.version.endswith("*") for s in requirement.specifier)
    return _packages(str(requirement), releases, exact)


def _range(releases: list[Release]) -> str:
    last = _numbers(releases[-1].torchvision)
    return f">={releases[0].torchvision},<{last[0]}.{last[1] + 1}"


def _series(version: str) -> str:
    return version.rsplit(".", 1)[0]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
