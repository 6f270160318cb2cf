"""What a script imports, looked up in its source before it is sent: forgotten packages are told of in time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from traindock.images.recipe import Recipe

_TORCH: Final = ("torch", "torchvision")


def missing_torch(script: Path, recipe: Recipe, *, in_container: bool) -> str:
    """Return a note for people where ``script`` imports torch and the packages asked for do not name it, else "".

    A script that cannot be read or parsed gets none: whatever is wrong with it is told where it is sent or executed.

    Args:
        script: the file that the job starts with.
        recipe: the environment that is asked for.
        in_container: whether a Python that is used as it is would be an image's.
    """
    if recipe.framework or any(_is_torch(name) for name in names(recipe)):
        return ""
    if recipe.user_managed and (not in_container or _has_own_image(recipe)):
        return ""
    try:
        imported = _imported(ast.parse(script.read_bytes()))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    found = [name for name in _TORCH if name in imported]
    if not found:
        return ""
    if recipe.user_managed:
        return (
            f"{script.name} imports {found[0]}, and nothing is installed in its container unless you ask for it: add "
            f"--pip {found[0]} or --framework-version, or name an image that has it by --image"
        )
    return (
        f"{script.name} imports {found[0]}, which the packages asked for do not include: add --pip {found[0]} or "
        "--framework-version, unless one of them brings it along"
    )


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
