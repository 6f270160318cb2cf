"""A JupyterLab with jupyter-collaboration, where the server writes what several people edit, in its own time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab, markdown
from tests.conftest import REPOSITORY
from uv import find_uv_bin

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

SCRIPT = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--lr')\n"
#: Some whose pages do not ask the server to write a file at once, but take it for saved.
VERSIONS = (
    "jupyter-collaboration==4.0.*",
    "jupyter-collaboration-ui==2.0.*",
    "jupyter-docprovider==2.0.*",
    "jupyter-server-ydoc==2.0.*",
)
#: Seconds for which the server waits for further changes before it writes a file.
DELAY = 3


@pytest.fixture(scope="module")
def shared_lab(start_lab: Callable[..., Lab], tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A JupyterLab in an environment of its own, in which people edit together."""
    uv, python = find_uv_bin(), tmp_path_factory.mktemp("collaboration") / "bin" / "python"
    subprocess.run([uv, "venv", "--python", sys.executable, "--clear", str(python.parent.parent)], check=True)
    wanted = ["jupyterlab", *VERSIONS, "--editable", str(REPOSITORY)]
    subprocess.run([uv, "pip", "install", "--python", str(python), *wanted], check=True)
    options = [f"--YDocExtension.document_save_delay={DELAY}", f"--SQLiteYStore.db_path={python.parent / 'edits.db'}"]
    return start_lab(python=python, options=options)


def test_a_form_has_the_options_that_were_just_typed(show: Show, shared_lab: Lab) -> None:
    script = shared_lab.folder / "train.py"
    script.write_text(SCRIPT)
    shared_lab.write("start.ipynb", markdown("# Start"))
    shown = show("start.ipynb", shared_lab)
    shown.expected.append("500.*/api/kernels")  # jupyter-server's own list, while a kernel is being started
    page = shown.page
    page.locator(".jp-DirListing-item").filter(has=page.get_by_text("train.py", exact=True)).dblclick()
    editor = page.locator(".jp-FileEditor .cm-content")
    expect(editor).to_contain_text("--lr")
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("parser.add_argument('--momentum')\nparser.parse_args()\n")
    page.get_by_role("button", name="Train this script").click()

    expect(page.get_by_text("train.py was saved")).to_be_visible()
    assert "--momentum" in script.read_text()
    expect(page.locator(".jp-Traindock-Submit:visible").get_by_label("--momentum")).to_be_visible()
