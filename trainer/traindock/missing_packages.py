"""What a script imports, looked up in its source before it is sent: forgotten packages are told of in time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from traindock.images.recipe import Recipe
    from traindock.submit import Request

_TORCH: Final = ("torch", "torchvision")


@dataclass(frozen=True, slots=True)
class Missing:
    """A script imports what its environment does not ask for.

    Attributes:
        script: the name of its file.
        module: what it imports.
        in_image: whether nothing is installed at all, and the Python of the usual image used as it is.
    """

    script: str
    module: str
    in_image: bool


def missing_torch(request: Request, *, in_container: bool) -> Missing | None:
    """Return that a script imports torch, or torchvision, and the packages asked for do not name it; else None.

    A script that cannot be read or parsed gets none: whatever is wrong with it is told where it is sent or executed.

    Args:
        request: what is to be run.
        in_container: whether a Python that is used as it is would be an image's.
    """
    if request.script is None:
        return None
    script = request.added.get(request.script) or Path(request.source_directory, request.script)
    recipe = request.recipe
    if recipe.framework or any(_is_torch(name) for name in names(recipe)):
        return None
    if recipe.user_managed and (not in_container or _has_own_image(recipe)):
        return None
    try:
        imported = _imported(ast.parse(script.read_bytes()))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found = [name for name in _TORCH if name in imported]
    return Missing(script.name, found[0], in_image=recipe.user_managed) if found else None


def _has_own_image(recipe: Recipe) -> bool:
    return recipe.container is not None and bool(recipe.container.image or recipe.container.dockerfile)


def _imported(tree: ast.Module) -> set[str]:
    """Top-level names of all modules that are imported anywhere."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def names(recipe: Recipe) -> Iterator[str]:
    """Yield the names of the packages that an environment asks for."""
    from traindock.images.conda import parse_conda
    from traindock.images.recipe import parse_requirement

    for text in recipe.pip:
        requirement = parse_requirement(text)
        # The name of a bare address shows only once it is fetched; its file mostly begins with it.
        yield requirement.name if requirement is not None else text.rstrip("/").rpartition("/")[2].partition("-")[0]
    for text in recipe.conda:
        yield parse_conda(text).name


def _is_torch(name: str) -> bool:
    return name.lower() in (*_TORCH, "pytorch", "pytorch-gpu", "pytorch-cpu")
