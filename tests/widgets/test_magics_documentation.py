"""What docs/ and the tour tell people to write in cells: it is what the magics take."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import nbformat
import pytest
from tests.conftest import REPOSITORY

from traindock_widgets.magics import cell_options, cell_script, cell_syntax, grammar

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
TOUR = REPOSITORY / "notebooks" / "magics.ipynb"
MAGICS = REPOSITORY / "docs" / "magics.md"


def cells_of(page: Path) -> list[str]:
    """Return the cells with magics that a page or a notebook shows."""
    if page.suffix == ".ipynb":
        return [cell.source for cell in nbformat.read(page, as_version=4).cells if cell.source.startswith("%")]
    return re.findall(r"^```ipython\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def understand(line: str) -> None:
    words = shlex.split(line)
    if words[0] == "%traindock" and words[1] != "help":
        grammar.parser().parse_args(words[1:])


@pytest.mark.parametrize("page", [page for page in [*PAGES, TOUR] if cells_of(page)], ids=lambda page: page.name)
def test_cells_are_understood(page: Path) -> None:
    for cell in cells_of(page):
        first, _, body = cell.partition("\n")
        if first.startswith("%%traindock"):
            cell_options.parse(shlex.split(first)[1:])
            cell_syntax.check(cell_script.numbered(body))
            ast.parse(body)
        else:
            for line in cell.splitlines():
                understand(line)


def test_the_page_on_magics_has_each_verb() -> None:
    table = MAGICS.read_text("utf-8").split("| verb |")[1]
    told = set(re.findall(r"`([a-z]+)", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line[:2])))
    assert {verb for verb, _, _ in grammar.VERBS} | {"help"} <= told


def test_the_page_on_magics_has_only_options_that_there_are() -> None:
    table = MAGICS.read_text("utf-8").split("| option |")[1].split("\n\n")[0]
    told = set(
        re.findall(r"`(--[a-z-]+)", "".join(line.split("|")[1] for line in table.splitlines() if line[:1] == "|"))
    )
    known = {name for action in cell_options.parser()._actions for name in action.option_strings}
    assert told <= known
    assert {"--experiment", "--compute", "--pip", "--gpus", "--name", "--arg", "--wait", "--var", "--with"} <= told
