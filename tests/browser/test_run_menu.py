"""The menu of a run by keys alone, each entry of it; and tabs that are there again after a reload."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab, code
from tests.browser.pages import COMING_UP
from tests.browser.scripts import STEADY
from tests.browser.sidebars import Keys, Sidebar
from tests.conftest import Submit, wait_for

from traindock import Workspace

#: Leaves a file, and ends.
SHORT = """
    from pathlib import Path
    from traindock import Run
    Run.get_context().log("accuracy", 0.9)
    Path("outputs/model.pt").write_text("weights")
"""


@pytest.mark.timeout(600)
def test_each_entry_of_the_menu_of_a_run_is_chosen_by_keys(
    show: Show, lab: Lab, submit: Submit, workspace: Workspace, tmp_path: Path
):
    ended = submit(SHORT, experiment="by-keys")
    ended.wait_for_completion()
    going_on = submit(STEADY, tmp_path / "never", experiment="by-keys")
    lab.write("by-keys.ipynb", code("first = 1"))
    page = show("by-keys.ipynb")
    page.expected.append("404")  # there is no such model yet
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sidebar = Sidebar(page)
    sidebar.filter("by-keys")
    expect(sidebar.row("by-keys #2")).to_contain_text("Running")
    dialog = page.page.get_by_role("dialog")
    keys = Keys(sidebar)

    keys.choose("by-keys #2", "Stop…")
    keys.tab_to(dialog.get_by_role("button", name="Stop"))
    keys.press("Enter")
    expect(sidebar.row("by-keys #2")).to_contain_text("Canceled")

    keys.choose("by-keys #1", "Tags…")
    keys.tab_to(dialog.get_by_label("Tag to set"))
    keys.type("stage")
    keys.tab_to(dialog.get_by_label("Its value"))
    keys.type("best")
    keys.tab_to(dialog.get_by_role("button", name="Apply"))
    keys.press("Enter")
    wait_for(lambda: ended.get_tags().get("stage") == "best", "the tag")

    keys.choose("by-keys #1", "Insert Code into Notebook")
    expect(page.page.locator(".jp-CodeCell").nth(1)).to_contain_text("run = Run.get(")

    keys.choose("by-keys #1", "Copy Id")
    wait_for(lambda: page.page.evaluate("navigator.clipboard.readText()") == ended.id, "its id on the clipboard")

    keys.choose("by-keys #1", "Register Model…")
    expect(dialog.get_by_label("Name", exact=True)).to_be_focused()
    keys.type("by-keys-model")
    keys.press("Enter")  # takes a name that is offered, and closes nothing
    keys.tab_to(dialog.get_by_role("button", name="Close"))
    keys.tab_to(dialog.get_by_label("Name", exact=True))
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("by-keys-model")
    keys.tab_to(dialog.get_by_role("button", name="Register").last)
    keys.press("Enter")
    wait_for(lambda: "by-keys-model" in workspace.models, "the model")
    keys.press("Escape")
    expect(dialog).to_have_count(0)

    keys.choose("by-keys #1", "Resubmit")
    expect(sidebar.row("by-keys #3")).to_contain_text("Completed")

    keys.choose("by-keys #3", "Resubmit with Changes…")
    form = page.page.locator(".jp-Traindock-Submit:visible")
    submits = form.get_by_role("button", name=re.compile("^Submit"))
    expect(submits).to_be_enabled()
    keys.tab_to(submits)
    keys.press("Enter")
    expect(sidebar.row("by-keys #4")).to_contain_text("Completed")

    keys.choose("by-keys #4", "Open")
    tab = page.page.locator(".jp-Traindock-RunTab:visible")
    expect(tab.locator(".td-name")).to_have_text("by-keys #4")
    expect(tab.locator(".td-state")).to_have_text("Completed")

    keys.choose("by-keys #4", "Delete…")
    expect(dialog).to_contain_text("Delete 1 run?")
    keys.tab_to(dialog.get_by_role("button", name="Delete"))
    keys.press("Enter")
    sidebar.expect_names(["by-keys #3", "by-keys #2", "by-keys #1"])
    assert going_on.get_status() == "Canceled"


def test_tabs_of_runs_and_of_a_comparison_are_there_again_after_a_reload(show: Show, lab: Lab, submit: Submit):
    for _ in range(2):
        submit(SHORT, experiment="kept-tabs").wait_for_completion()
    lab.write("kept-tabs.ipynb", code("first = 1"))
    page = show("kept-tabs.ipynb")
    sidebar = Sidebar(page)
    sidebar.filter("kept-tabs")
    sidebar.select("kept-tabs #1", "kept-tabs #2")
    sidebar.menu("kept-tabs #1", "Open")
    sidebar.menu("kept-tabs #1", "Compare 2 Runs")
    names = ("kept-tabs #1", "kept-tabs #2", "2 runs")
    for name in names:
        expect(page.page.get_by_role("tab", name=name)).to_be_visible()
    lab.wait_for_kept("traindock-comparisons:")

    page.page.reload()

    for name in names:
        tab = page.page.get_by_role("tab", name=name)
        tab.click(timeout=COMING_UP)
        shown = page.page.locator(".jp-Traindock-RunTab:visible .td-card")
        expect(shown).to_contain_text("kept-tabs #1" if name == "2 runs" else name)
        expect(shown).to_contain_text("Comparison of 2 runs" if name == "2 runs" else "Completed")
