"""A run that writes for TensorBoard: its scalars in the card, and TensorBoard in a tab of JupyterLab."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab, code, markdown
from tests.browser.pages import COMING_UP
from tests.browser.scripts import submitting
from tests.browser.sidebars import Keys, Sidebar
from tests.conftest import Submit

from jupyterlab_traindock.managers import tensorboards
from traindock import Workspace

#: Writes for TensorBoard, and nothing for Traindock, until a file exists, the name of which it is given.
WRITING = """
    import math, sys, time
    from pathlib import Path
    from tensorboardX import SummaryWriter
    writer = SummaryWriter("logs", flush_secs=1)
    end = Path(sys.argv[1])
    step = 0
    while not end.exists():
        step += 1
        writer.add_scalar("loss/train", 2 * math.exp(-step / 150), step)
        time.sleep(0.01)
    writer.close()
"""

#: The same, of which there is an end.
WRITTEN = """
    from tensorboardX import SummaryWriter
    with SummaryWriter("logs") as writer:
        for step in range(20):
            writer.add_scalar("loss/train", 1 / (1 + step), step)
"""


pytestmark = pytest.mark.skipif(not tensorboards.installed(), reason="TensorBoard is not installed")


def test_scalars_are_in_the_card_while_the_run_goes_on_and_tensorboard_opens_in_a_tab(
    show: Show, lab: Lab, workspace: Workspace, tmp_path: Path
):
    pytest.importorskip("tensorboardX")
    end = tmp_path / "end"
    lab.write("tensorboard.ipynb", code(submitting(workspace.layout.root, WRITING, end)))
    page = show("tensorboard.ipynb")
    page.run_all()
    seen = page.card.wait_for_points("loss/train", 1)
    page.card.wait_for_points("loss/train", seen + 100)

    page.card.button("TensorBoard").click()
    frame = page.page.frame_locator("iframe[src*='/traindock/tensorboard/']")
    expect(frame.locator("card-view").get_by_text("loss/train").first).to_be_visible()
    expect(frame.locator("body")).to_have_css("font-family", re.compile("Roboto"))
    end.touch()

    page.page.reload(timeout=COMING_UP)
    expect(frame.locator("card-view").get_by_text("loss/train").first).to_be_visible()


@pytest.mark.soak
def test_runs_that_are_selected_in_the_sidebar_are_side_by_side_in_one_and_where_none_writes_for_it_that_is_said(
    show: Show, lab: Lab, submit: Submit
):
    pytest.importorskip("tensorboardX")
    runs = {name: submit(WRITTEN, experiment="boards") for name in ("ants", "bees")}
    runs["silent"] = submit("print('no events')", experiment="boards")
    for name, run in runs.items():
        run.display_name = name
        run.wait_for_completion()
    lab.write("boards.ipynb", markdown("# Boards"))
    page = show("boards.ipynb")
    sidebar = Sidebar(page)
    sidebar.filter("boards")

    sidebar.select("ants", "bees")
    sidebar.menu("bees", "Open 2 Runs in TensorBoard")
    frame = page.page.frame_locator("iframe[src*='/traindock/tensorboard/']")
    expect(frame.locator("card-view").get_by_text("loss/train").first).to_be_visible()
    for name in ("ants", "bees"):
        expect(frame.locator("runs-data-table").get_by_text(runs[name].id).first).to_be_visible()
    page.page.get_by_role("tab", name="TensorBoard: 2 runs").locator(".lm-TabBar-tabCloseIcon").click()

    Keys(sidebar).choose("silent", "Open in TensorBoard")
    expect(page.page.get_by_role("dialog")).to_contain_text("The run has written no event files:• silent")
    sidebar.answer("Ok")
