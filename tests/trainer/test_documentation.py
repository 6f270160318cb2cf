"""What README and docs/ tell people to write: it is what the code takes."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY

import traindock
from traindock import DockerCompute
from traindock.cli.parsers import root_parser
from traindock.settings import load

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
LINKING = [*PAGES, REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "CHANGELOG.md"]
CONTAINERS = REPOSITORY / "docs" / "containers-and-gpus.md"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_is_python_and_takes_public_names(page: Path) -> None:
    for text in blocks(page, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module == "traindock":
                for name in node.names:
                    assert hasattr(traindock, name.name), name.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_are_those_of_settings_toml(page: Path, tmp_path: Path) -> None:
    for text in blocks(page, "toml"):
        (tmp_path / "settings.toml").write_text(text)
        load(tmp_path / "settings.toml")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_understood(page: Path) -> None:
    for line in "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines():
        if line.startswith("traindock "):
            root_parser().parse_args(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_the_page_on_containers_has_each_setting_of_a_target_and_no_other() -> None:
    known = set(inspect.signature(DockerCompute.provisioning_configuration).parameters)
    table = re.findall(r"^\| (`.+?) \|", CONTAINERS.read_text("utf-8").split("## What a job has")[0], re.MULTILINE)
    told = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    assert told == known - {"tags", "description"}
