"""The file that a cell becomes: its lines are numbered as in the notebook, so that a traceback leads there."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Final

#: In the place of the magic's line, which may hold what nobody is to see. The cell itself is UTF-8, whatever it says.
FIRST_LINE: Final = "# A cell of a notebook, its lines counted as there (coding: utf-8)."
#: What the cell's own file and the one with passed values are called.
SCRIPT: Final = "cell.py"
VALUES: Final = "notebook_values.py"


def lines_above(raw_cell: str) -> int:
    """Return how many blank lines a cell has above the magic's: IPython drops them."""
    blank = raw_cell[: len(raw_cell) - len(raw_cell.lstrip())]
    return blank.count("\n")


def numbered(body: str, above: int = 0) -> str:
    """Return the cell below the magic's line, with a comment in the place of that."""
    return "\n" * above + f"{FIRST_LINE}\n" + body


def with_values(source: str, names: Sequence[str], module: str) -> str:
    """Return the cell so that it begins by importing ``names`` from ``module``, without another line.

    Args:
        source: what :func:`numbered` returned, which has to parse.
        names: of variables; none leave the cell as it is.
        module: where they come from.
    """
    if not names:
        return source
    imports = f"from {module} import {', '.join(names)}"
    lines = source.split("\n")
    last = _prologue_end(source)
    if last is None:
        at = lines.index(FIRST_LINE)
        lines[at] = f"{imports}  {FIRST_LINE}"
        return "\n".join(lines)
    row, column = last
    line = lines[row - 1].encode()
    lines[row - 1] = f"{line[:column].decode()}; {imports}{line[column:].decode()}"
    return "\n".join(lines)


def _prologue_end(source: str) -> tuple[int, int] | None:
    """Return line and column (in bytes) where that ends which no import may come before: docstring, future imports."""
    end = None
    for number, node in enumerate(ast.parse(source).body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_text = docstring and isinstance(node.value.value, str)  # type: ignore[attr-defined]
        if not is_text and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            break
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        end = node.end_lineno, node.end_col_offset
    return end


def free_name(wanted: str, folder: Path | None) -> str:
    """Return ``wanted``, or a name like it that nothing in ``folder`` has."""
    path = Path(wanted)
    number = 1
    while folder is not None and _is_taken(folder, wanted):
        number += 1
        wanted = f"{path.stem}_{number}{path.suffix}"
    return wanted


def _is_taken(folder: Path, name: str) -> bool:
    # A package of that name would be imported in place of the module.
    return any((folder / each).exists() or (folder / each).is_symlink() for each in (name, Path(name).stem))
