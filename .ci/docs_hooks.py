"""What `mkdocs.yml` cannot say: pages that are new, and links that lead out of the folder docs/.

The pages are also read on GitHub, and README, CONTRIBUTING and CHANGELOG are at the root there. In the site they are
pages of their own; what else lies outside of docs/ is no part of it, and such a link becomes the path's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: CONTRIBUTING is two pages of the site: these headings are on the first one.
ABOUT_WORKING = {"commands", "tests-in-a-browser", "tests-in-containers", "benchmarks-of-containers", "how-to-write-it"}
#: Where the parts of README are in the site.
README = {
    "": "index.md",
    "#try-it": "tutorial.md#in-the-notebook",
    "#use-it": "tutorial.md#in-python",
    "#how-it-works": "architecture.md",
    "#where-things-are-kept": "tutorial.md#where-things-are-kept",
    "#when-something-is-wrong": "troubleshooting.md#training-packages-and-the-rest",
}

LINK = re.compile(r"(!?)\[([^\]]*)\]\(\.\./([^)#\s]*)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """Let pages that the navigation does not name follow at its end."""
    there = {page.name for page in Path(config["docs_dir"]).glob("*.md")}
    if unnamed := sorted(there - set(_named(config["nav"]))):
        config["nav"].append({"More": unnamed})
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Have links out of docs/ lead to the page that has the same."""
    return LINK.sub(_link, markdown)


def _named(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        for what in entry.values():
            yield from _named(what) if isinstance(what, list) else [what]


def _link(found: re.Match[str]) -> str:
    picture, text, path, anchor = found[1], found[2], found[3], found[4] or ""
    if path == "README.md" and anchor in README:
        target = README[anchor]
    elif path == "CHANGELOG.md":
        target = f"changelog.md{anchor}"
    elif path == "CONTRIBUTING.md":
        page = "contributing.md" if not anchor or anchor[1:] in ABOUT_WORKING else "architecture.md"
        target = f"{page}{anchor}"
    else:
        return found[0] if picture else f"{text} (`{path}` in the repository)"
    return f"[{text}]({target})"
