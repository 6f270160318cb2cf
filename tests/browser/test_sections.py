"""All sections of the sidebar by their fields and menus, a compute target by keys alone, and each way to a form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab, code, markdown
from tests.browser.pages import LabPage
from tests.browser.sidebars import SIDEBAR, Sidebar, choose, tab_to
from tests.conftest import Submit, wait_for

from traindock import Model, Workspace

#: Has a part of its own, which logs.
PARENT = """
    from traindock import Run
    run = Run.get_context()
    with run.child_run("part") as part:
        part.log("accuracy", 0.5)
"""


@pytest.fixture
def look_at(show: Show, lab: Lab, request: pytest.FixtureRequest) -> tuple[LabPage, Sidebar]:
    """A page with a notebook, and the sidebar beside it, which shows the workspace of the tests."""
    name = f"{request.node.name[5:25].strip('_')}.ipynb"
    lab.write(name, markdown("# Sections"))
    page = show(name)
    return page, Sidebar(page)


def test_runs_are_filtered_by_state_and_grouped_by_their_parent(look_at: tuple[LabPage, Sidebar], submit: Submit):
    parent = submit(PARENT, experiment="families")
    parent.wait_for_completion()
    submit("raise SystemExit(3)", experiment="families").wait_for_completion(raise_on_error=False)
    page, sidebar = look_at
    sidebar.filter("families")
    sidebar.choose("State", "Failed")
    sidebar.expect_names(["families #3"])
    expect(sidebar.row("families #3")).to_contain_text("Failed")
    sidebar.choose("State", "")

    sidebar.choose("Group by", "parent")
    family = sidebar.groups.filter(has_text=f"parts of families #{parent.number}")
    expect(family).to_have_text(re.compile(rf"parts of families #{parent.number} ?1$"))
    family.click()
    expect(sidebar.rows).to_have_count(1)
    assert page.violations(SIDEBAR) == []
    family.click()
    expect(sidebar.rows).to_have_count(0)
    sidebar.choose("Group by", "")


def test_experiments_are_sorted_and_their_menu_lists_runs_and_begins_one(
    look_at: tuple[LabPage, Sidebar], submit: Submit
):
    for experiment in ("zinnias", "zinnias", "asters"):
        submit("pass", experiment=experiment).wait_for_completion()
    page, sidebar = look_at
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sidebar.section("Experiments").click()
    lines = sidebar.locator.locator(".jp-Traindock-Experiment")
    names = lines.locator(".jp-Traindock-RunName")
    order = sidebar.locator.get_by_label("Sort experiments by")
    order.select_option("name")
    wait_for(lambda: (found := names.all_inner_texts()) and found == sorted(found), "experiments by their names")
    order.select_option("newest")
    expect(names.first).to_have_text("asters")
    sidebar.locator.get_by_label("Filter experiments by name").fill("zinnias")
    expect(lines).to_have_count(1)

    lines.first.click(button="right")
    sidebar.entry("Copy Name").click()
    wait_for(lambda: page.page.evaluate("navigator.clipboard.readText()") == "zinnias", "its name on the clipboard")
    lines.first.click(button="right")
    sidebar.entry("Show Its Runs").click()
    sidebar.expect_names(["zinnias #2", "zinnias #1"])
    lines.first.click(button="right")
    sidebar.entry("New Run…").click()
    expect(page.page.get_by_role("dialog")).to_be_visible()  # which file that is
    page.page.keyboard.press("Escape")


def test_models_are_filtered_and_sorted_and_opened_by_keys(look_at: tuple[LabPage, Sidebar], workspace: Workspace):
    for name in ("oak", "ash", "elm"):
        Model.register(workspace, __file__, f"tree-{name}")
    page, sidebar = look_at
    field = sidebar.locator.get_by_label("Filter models by name")
    field.fill("tree-")
    models = sidebar.locator.get_by_role("list", name="Models").get_by_role("listitem")
    names = models.locator(".jp-Traindock-ListName")
    expect(names).to_have_text(["tree-elm", "tree-ash", "tree-oak"])
    sidebar.locator.get_by_label("Order of models").select_option("name")
    expect(names).to_have_text(["tree-ash", "tree-elm", "tree-oak"])
    sidebar.locator.get_by_label("Order of models").focus()
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("Enter")
    expect(page.page.get_by_role("article", name="Model tree-elm")).to_be_visible()
    assert page.violations(SIDEBAR) == []


def test_a_compute_target_is_made_changed_and_deleted_by_keys(look_at: tuple[LabPage, Sidebar], workspace: Workspace):
    page, sidebar = look_at
    press, write = page.page.keyboard.press, page.page.keyboard.type
    sidebar.locator.get_by_role("button", name="New compute target…").focus()
    press("Enter")
    form = page.page.get_by_role("article", name="New compute target")
    expect(form.get_by_role("textbox", name="Name")).to_be_focused()
    write("by-keys")
    tab_to(page.page, form.get_by_role("radio", name="docker"))
    press("ArrowDown")
    expect(form.get_by_role("radio", name="local")).to_be_checked()
    tab_to(page.page, form.get_by_role("textbox", name="Max nodes"))
    write("2")
    tab_to(page.page, form.get_by_role("button", name="Create"))
    press("Enter")
    wait_for(lambda: "by-keys" in workspace.compute_targets, "the compute target")
    expect(form).to_have_count(0)  # which takes the focus with it
    target = sidebar.locator.get_by_role("region", name="Compute target by-keys")
    expect(target).to_contain_text("0 of 2 nodes busy")

    target.get_by_role("button", name="Actions of by-keys").focus()
    press("Enter")
    choose(page.page, "Change…")
    form = page.page.get_by_role("article", name="Compute target by-keys")
    expect(form.get_by_role("textbox", name="Max nodes")).to_have_value("2")
    tab_to(page.page, form.get_by_role("textbox", name="Max nodes"))
    press("ControlOrMeta+a")
    write("3")
    press("Enter")
    expect(target).to_contain_text("0 of 3 nodes busy")
    expect(form).to_have_count(0)
    assert workspace.compute_targets["by-keys"].settings["max_nodes"] == 3

    target.get_by_role("button", name="Actions of by-keys").focus()
    press("Enter")
    choose(page.page, "Delete…")
    dialog = page.page.get_by_role("dialog")
    expect(dialog).to_contain_text("by-keys")
    tab_to(page.page, dialog.get_by_role("button", name="Delete"))
    press("Enter")
    wait_for(lambda: "by-keys" not in workspace.compute_targets, "its end")
    expect(target).to_have_count(0)


@pytest.fixture
def project(lab: Lab) -> Path:
    """A folder with a script and a notebook."""
    folder = lab.folder / "ways-in"
    folder.mkdir()
    (folder / "train.py").write_text("print('trained')")
    lab.write("ways-in/train.ipynb", code("print('trained')"))
    return folder


@pytest.mark.soak
def test_a_shortcut_and_the_menus_open_the_form_of_a_script_and_of_a_notebook(show: Show, project: Path):
    page = show("ways-in/train.ipynb").page
    forms = page.locator(".jp-Traindock-Submit:visible")

    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Control+Alt+Enter")
    expect(forms).to_contain_text("train.ipynb")
    page.get_by_role("tab", name=re.compile("^Train train")).locator(".lm-TabBar-tabCloseIcon").click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu").get_by_text("Train This Notebook…", exact=True).click()
    expect(forms).to_contain_text("train.ipynb")
    page.get_by_role("tab", name=re.compile("^Train train")).locator(".lm-TabBar-tabCloseIcon").click()

    page.locator(".jp-DirListing-item").filter(has=page.get_by_text("train.py", exact=True)).dblclick()
    page.locator(".jp-FileEditor .cm-content").click()
    page.keyboard.press("Control+Alt+Enter")
    expect(forms).to_contain_text("train.py")
    page.get_by_role("tab", name=re.compile("^Train train")).locator(".lm-TabBar-tabCloseIcon").click()
    page.locator(".jp-FileEditor .cm-content").click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu").get_by_text("Train This Script…", exact=True).click()
    expect(forms).to_contain_text("train.py")
