"""The docs site: all of it is its own, and what is included is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY

pytest.importorskip("mkdocs")

FETCHED = re.compile(r"<(?:script|link|img|iframe)[^>]*?(?:src|href)=\"?(https?:[^\">\s]+)")


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", REPOSITORY / ".ci" / "docs_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    build(load_config(str(REPOSITORY / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


@pytest.mark.slow
class TestTheSite:
    def test_pages_fetch_nothing_from_elsewhere(self, site: Path) -> None:
        for page in site.glob("**/*.html"):
            assert FETCHED.findall(page.read_text()) == [], page

    def test_what_is_included_is_there(self, site: Path) -> None:
        architecture = (site / "architecture" / "index.html").read_text()
        contributing = (site / "contributing" / "index.html").read_text()
        assert ['id="the-rooms"' in architecture, 'id="commands"' in architecture] == [True, False]
        assert ['id="the-rooms"' in contributing, 'id="commands"' in contributing] == [False, True]
        assert "make tutorial" in (site / "tutorial" / "index.html").read_text()
        for page in site.glob("**/*.html"):
            assert "include-markdown" not in page.read_text().replace("mkdocs-include-markdown-plugin", ""), page

    def test_pictures_are_shown(self, site: Path) -> None:
        assert 'src="pictures/card-running.png"' in (site / "index.html").read_text()
        assert (site / "pictures" / "card-running.png").exists()


class TestLinksOutOfTheFolder:
    @pytest.mark.parametrize(
        ("link", "becomes"),
        [
            ("[x](../CHANGELOG.md)", "[x](changelog.md)"),
            ("[x](../README.md)", "[x](index.md)"),
            ("[x](../README.md#use-it)", "[x](tutorial.md#in-python)"),
            ("[x](../CONTRIBUTING.md)", "[x](contributing.md)"),
            ("[x](../CONTRIBUTING.md#tests-in-containers)", "[x](contributing.md#tests-in-containers)"),
            ("[x](../CONTRIBUTING.md#the-rooms)", "[x](architecture.md#the-rooms)"),
            ("[x](../LICENSE)", "x (`LICENSE` in the repository)"),
            ("[x](run-card.md#in-python)", "[x](run-card.md#in-python)"),
        ],
    )
    def test_lead_to_the_page_that_has_the_same(self, hooks: ModuleType, link: str, becomes: str) -> None:
        assert hooks.on_page_markdown(link) == becomes

    def test_the_headings_that_are_told_apart_are_there(self, hooks: ModuleType) -> None:
        text = (REPOSITORY / "CONTRIBUTING.md").read_text().partition("<!-- architecture begins -->")
        headings = {one.lower().replace(" ", "-") for one in re.findall(r"^##+ (.+)$", "".join(text), re.MULTILINE)}
        assert headings >= hooks.ABOUT_WORKING


def test_pages_that_the_navigation_does_not_name_follow_at_its_end(hooks: ModuleType, tmp_path: Path) -> None:
    for name in ("a.md", "magics.md", "new.md"):
        (tmp_path / name).touch()
    navigation = [{"A": "a.md"}, {"In": [{"Magics": "magics.md"}]}]
    found = hooks.on_config({"docs_dir": str(tmp_path), "nav": navigation})

    assert found["nav"] == [{"A": "a.md"}, {"In": [{"Magics": "magics.md"}]}, {"More": ["new.md"]}]
