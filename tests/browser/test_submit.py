"""Scripts, folders and notebooks are submitted by a form, from wherever a person looks at them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from textwrap import dedent

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab, code, markdown
from tests.browser.pages import Card, LabPage
from tests.browser.scripts import last_run
from tests.conftest import REPOSITORY, Submit, make_workspace

from traindock import Environment, Run, Workspace
from traindock.store.locations import Locations

TRAIN = dedent("""
    import argparse
    from traindock import Run

    parser = argparse.ArgumentParser()
    parser.add_argument("data", help="folder with images")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("--amp", action="store_true", help="mixed precision")
    parser.add_argument("--hub_token")
    options = parser.parse_args()
    run = Run.get_context()
    for epoch in range(options.epochs):
        run.log("loss", options.lr / (epoch + 1))
    print(vars(options))
""")
IN_A_LOOP = """
import argparse
parser = argparse.ArgumentParser()
for name in open("names.txt"):
    parser.add_argument(name)
print(parser.parse_args())
"""
#: What forms have in their lower edge, while there is a plan.
SUBMIT = "Submit"


@pytest.fixture
def project(lab: Lab, request: pytest.FixtureRequest) -> Path:
    """A folder with scripts, which the file browser of ``page`` shows."""
    folder = lab.folder / f"project-{request.node.name[5:25].strip('_')}"
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text(TRAIN)
    (folder / "loop.py").write_text(IN_A_LOOP)
    (folder / "broken.py").write_text("def train(:\n")
    return folder


@pytest.fixture
def opened(show: Show, lab: Lab, project: Path) -> LabPage:
    """A page whose file browser shows the folder."""
    lab.write(f"{project.name}/start.ipynb", markdown("# Start"))
    found = show(f"{project.name}/start.ipynb")
    item(found.page, "train.py").wait_for()
    return found


@pytest.fixture
def page(opened: LabPage) -> Page:
    """The page itself."""
    return opened.page


def item(page: Page, name: str) -> Locator:
    """Return a file of the file browser."""
    return page.locator(".jp-DirListing-item").filter(has=page.get_by_text(name, exact=True))


def form(page: Page) -> Locator:
    """Return the form that is seen."""
    return page.locator(".jp-Traindock-Submit:visible")


def open_from_menu(page: Page, name: str) -> Locator:
    """Choose "Train…" in the context menu of a file."""
    item(page, name).click(button="right")
    page.locator(".lm-Menu").get_by_text("Train…", exact=True).click()
    found = form(page)
    found.wait_for()
    return found


def execute(page: Page, command: str, **arguments: str) -> None:
    """Execute one of JupyterLab's commands, as menus and shortcuts do."""
    page.evaluate("([name, args]) => void jupyterapp.commands.execute(name, args)", [command, arguments])


def submit_and_wait(page: Page, workspace: Workspace, state: str = "Completed") -> Run:
    """Press the button, and wait for the end of the run whose tab that opens."""
    form(page).get_by_role("button", name=SUBMIT, exact=True).click()
    card = page.locator(".td-card:visible").filter(has=page.locator(".td-state"))
    card.wait_for()
    Card(card).wait_for_state(state, seconds=90)
    return last_run(workspace)


def test_a_script_is_submitted_from_the_file_browser(opened: LabPage, page: Page, workspace: Workspace) -> None:
    filled = open_from_menu(page, "train.py")
    expect(filled.get_by_label("--lr")).to_have_attribute("placeholder", "0.01")
    expect(filled.get_by_label("Experiment")).to_have_value(re.compile("^project-"))
    filled.get_by_label("--lr").fill("fast")
    plan = filled.get_by_role("region", name="Plan")
    expect(plan).to_contain_text("data: The script needs it.")
    filled.get_by_role("button", name=SUBMIT, exact=True).click()
    # what is wrong is said beside its field, where the cursor is
    expect(filled.get_by_label(re.compile("^data"))).to_be_focused()
    expect(filled.get_by_label("--lr")).to_have_accessible_description("A number.")
    filled.get_by_label(re.compile("^data")).fill("my images")
    filled.get_by_label("--lr").fill("0.5")
    filled.get_by_label("--optimizer").select_option("adam")
    filled.get_by_label("--amp").check()
    filled.get_by_label("Experiment").fill("x")
    filled.get_by_label("Display name").fill("first try")
    expect(plan).to_contain_text("Experiment: Use 3 to 36 letters")
    expect(filled.get_by_label("Experiment")).to_have_accessible_description(re.compile("3 to 36 letters"))
    filled.get_by_label("Experiment").fill("ants")
    expect(plan).to_contain_text("python train.py 'my images' --lr=0.5 --optimizer=adam --amp")
    expect(plan).to_contain_text("4 files")
    assert opened.violations() == []
    # so is what the server refuses, and nothing is lost
    opened.expected.append("422")
    filled.get_by_role("button", name="Add a variable").click()
    filled.get_by_label("Name of variable 1").fill("CUDA_VISIBLE_DEVICES")
    expect(plan).to_contain_text(re.compile("A run of this would be refused: .*cannot be set for a run"))
    filled.get_by_role("button", name="Submit", exact=True).click()
    expect(filled.get_by_role("group", name="Environment variables")).to_contain_text("cannot be set for a run")
    expect(filled.get_by_label("Name of variable 1")).to_be_focused()
    filled.get_by_label("Name of variable 1").fill("SEED")
    filled.get_by_label("Value of variable 1").fill("7")
    # nobody has to wait for the plan: a submit makes the one that is missing

    run = submit_and_wait(page, workspace)
    assert run.experiment.name == "ants"
    assert run.record.spec.environment_variables["SEED"] == "7"
    assert run.display_name == "first try"
    assert list(run.record.spec.arguments) == ["my images", "--lr=0.5", "--optimizer=adam", "--amp"]
    assert run.get_metrics()["loss"][-1] == 0.25


@pytest.mark.soak
def test_fields_look_the_same_where_the_style_of_cards_comes_in_once_more(page: Page) -> None:
    field = open_from_menu(page, "train.py").get_by_label("Experiment")
    looks = "one => [getComputedStyle(one).borderTopColor, getComputedStyle(one).backgroundColor]"
    before = field.evaluate(looks)
    page.add_style_tag(path=REPOSITORY / "widgets/traindock_widgets/static/widget.css")
    assert field.evaluate(looks) == before


def test_a_script_is_submitted_by_keyboard_alone(page: Page, workspace: Workspace) -> None:
    item(page, "broken.py").locator(".jp-DirListing-itemText").click()
    page.keyboard.press("ArrowDown")  # loop.py
    page.keyboard.press("ArrowDown")  # start.ipynb
    page.keyboard.press("ArrowDown")  # train.py
    page.keyboard.press("Control+Alt+Enter")
    filled = form(page)
    expect(filled.get_by_label("Workspace")).to_be_visible()
    reach(page, "Workspace")
    reach(page, re.compile("^data"))
    page.keyboard.type("by hand")
    reach(page, "--epochs")
    page.keyboard.type("1")
    reach(page, SUBMIT, most=60)
    page.keyboard.press("Enter")
    card = page.locator(".td-card:visible").filter(has=page.locator(".td-state"))
    Card(card).wait_for_state("Completed", seconds=90)
    assert list(last_run(workspace).record.spec.arguments) == ["by hand", "--epochs=1"]


def reach(page: Page, name: str | re.Pattern[str], most: int = 30) -> None:
    """Press Tab until a field or a button of the form has the focus."""
    found = form(page).get_by_label(name).or_(form(page).get_by_role("button", name=name, exact=True)).first
    for _ in range(most):
        if found.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {name}")


def test_an_editor_is_saved_first_and_what_was_filled_in_is_there_after_a_reload(
    page: Page, project: Path, lab: Lab
) -> None:
    item(page, "train.py").dblclick()
    page.locator(".jp-FileEditor .cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("# changed")
    page.get_by_role("button", name="Train this script").click()
    filled = form(page)
    expect(page.get_by_text("train.py was saved")).to_be_visible()  # for some seconds
    filled.get_by_label("--lr").fill("0.25")
    assert (project / "train.py").read_text().endswith("# changed")

    filled.get_by_label("--hub_token").fill("hf_0123456789")
    filled.get_by_label("Other arguments").fill("--more 1")
    lab.wait_for_kept("--more 1")
    page.reload()
    expect(filled.get_by_label("--lr")).to_have_value("0.25")
    expect(filled.get_by_label("Other arguments")).to_have_value("--more 1")
    expect(filled.get_by_label("--hub_token")).to_have_value("")
    # the same in a form that is opened anew
    page.get_by_role("tab", name="Train train.py").locator(".lm-TabBar-tabCloseIcon").click()
    expect(open_from_menu(page, "train.py").get_by_label("--lr")).to_have_value("0.25")


@pytest.mark.soak
def test_a_form_has_the_options_of_a_script_that_is_changed_and_trained_again(page: Page, project: Path) -> None:
    item(page, "train.py").dblclick()
    train = page.get_by_role("button", name="Train this script")
    train.click()
    filled = form(page)
    filled.get_by_label(re.compile("^data")).fill("images")
    filled.get_by_label("--lr").fill("0.25")
    (project / "train.py").write_text(TRAIN.replace('"--lr"', '"--dropout", "--rate"'))
    page.get_by_role("tab", name="train.py", exact=True).click()
    train.click()
    expect(filled.get_by_label("--dropout")).to_be_visible()
    expect(filled.get_by_label(re.compile("^data"))).to_have_value("images")
    expect(filled).to_contain_text("Not sent, since the script has no such options now: --lr=0.25.")
    filled.get_by_label("--dropout").fill("0.5")
    expect(filled.get_by_role("region", name="Plan")).to_contain_text("python train.py images --dropout=0.5")


@pytest.fixture
def theirs(workspace: Workspace, tmp_path: Path) -> Workspace:
    """One more workspace, behind that which pages show first."""
    made = make_workspace(tmp_path / "workspace", name="zoo-theirs")
    Locations().remember(made.layout.root)
    return made


@pytest.mark.soak
def test_a_form_stays_in_its_workspace_and_experiment_over_a_reload(
    theirs: Workspace, page: Page, workspace: Workspace, lab: Lab
) -> None:
    execute(page, "traindock:train", experiment="bees")
    dialog = page.locator(".jp-Dialog")
    dialog.locator(".jp-DirListing-item", has_text="train.py").click()
    dialog.get_by_role("button", name="Select").click()
    filled = form(page)
    expect(filled.get_by_label("Workspace")).to_have_value(workspace.id)
    filled.get_by_label("Workspace").select_option(label=theirs.name)
    lab.wait_for_kept(f'new-run-bees-[^"]*": {{"data": {{[^}}]*"workspace": "{theirs.id}"')
    page.reload()
    expect(filled.get_by_label("Experiment")).to_have_value("bees")
    expect(filled.get_by_label("Workspace")).to_have_value(theirs.id)
    expect(filled).to_contain_text(f"The sidebar shows “{workspace.name}”.")


@pytest.mark.soak
def test_scripts_are_chosen_from_launcher_and_palette_and_told_of_where_they_cannot_be_read(
    opened: LabPage, page: Page, project: Path
) -> None:
    execute(page, "launcher:create")
    page.locator(".jp-LauncherCard", has_text="Train a Script").click()
    dialog = page.locator(".jp-Dialog")
    dialog.locator(".jp-DirListing-item", has_text="loop.py").click()
    dialog.get_by_role("button", name="Select").click()
    # options that are made in a loop cannot be told: all is said as arguments
    expect(form(page)).to_contain_text("loop")
    expect(form(page).get_by_label("Arguments", exact=True)).to_be_visible()

    execute(page, "apputils:activate-command-palette")
    page.keyboard.type("train a script")
    page.keyboard.press("Enter")
    dialog.locator(".jp-DirListing-item", has_text="broken.py").click()
    dialog.get_by_role("button", name="Select").click()
    expect(form(page)).to_contain_text(re.compile("line 1", re.IGNORECASE))

    opened.expected.append("404")
    (project / "train.py").unlink()
    execute(page, "traindock:train-file", path=f"{project.name}/train.py")  # the file browser may have noticed by now
    expect(form(page)).to_contain_text("there is no file")
    (project / "train.py").write_text(TRAIN)
    form(page).get_by_role("button", name="Try again").click()
    expect(form(page).get_by_label("--lr")).to_be_visible()


@pytest.mark.soak
def test_a_folder_is_sent_with_the_script_that_is_chosen(page: Page, workspace: Workspace, project: Path) -> None:
    (project / "package").mkdir()
    for name in ("first.py", "second.py", "__init__.py"):
        (project / "package" / name).write_text("print(open('part.txt').read())")
    (project / "package" / "part.txt").write_text("of the folder")
    execute(page, "filebrowser:refresh")
    filled = open_from_menu(page, "package")
    expect(filled.locator("li")).to_have_text(["first.py", "second.py"])
    filled.get_by_role("button", name="second.py").click()
    filled.get_by_label("Folder to send").select_option(label=project.name)
    expect(filled.get_by_role("region", name="Plan")).to_contain_text("python package/second.py")
    filled.get_by_label("Folder to send").select_option(label=f"{project.name}/package")
    expect(filled.get_by_role("region", name="Plan")).to_contain_text("python second.py")
    expect(filled.get_by_label("Script of the folder")).to_be_visible()
    filled.get_by_label("Script of the folder").focus()
    filled.get_by_label("Script of the folder").select_option(label="first.py")
    expect(filled.get_by_role("region", name="Plan")).to_contain_text("first.py")
    expect(filled.get_by_label("Script of the folder")).to_be_focused()
    filled.get_by_label("Script of the folder").select_option(label="second.py")
    filled.get_by_label("Folder to send").select_option(label=f"{project.name}/package")
    run = submit_and_wait(page, workspace)
    assert run.record.spec.script == "second.py"


def test_a_run_is_submitted_again_with_changes(
    opened: LabPage, page: Page, workspace: Workspace, submit: Submit, lab: Lab
) -> None:
    environment = Environment("tests")
    environment.python.user_managed_dependencies = True
    environment.environment_variables = {"SEED": "1"}
    run = submit(TRAIN, "images", "--lr", "0.1", environment=environment)
    run.wait_for_completion()
    execute(page, "traindock:open-run", workspace=workspace.id, run=run.id)
    page.get_by_role("button", name="Resubmit with Changes…").click()
    filled = form(page)
    # the options of its script have fields, with what the run gave
    expect(filled.get_by_label("--lr")).to_have_value("0.1")
    expect(filled.get_by_label(re.compile("^data"))).to_have_value("images")
    expect(filled).to_contain_text("Nothing: the same is done once more.")
    filled.get_by_label("--lr").fill("0.2")
    filled.get_by_label("--amp").check()
    filled.get_by_label("Value of variable 1").fill("2")
    changed = filled.get_by_role("row", name="Arguments")
    expect(changed).to_contain_text("images --lr=0.2 --amp")
    assert opened.violations() == []
    # what is typed is there after a reload
    lab.wait_for_kept('"SEED", "2"')
    page.reload()
    expect(filled.get_by_label("--lr")).to_have_value("0.2")
    expect(filled).to_contain_text("It is filled in as you left it.")
    expect(changed).to_contain_text("images --lr=0.2 --amp")
    again = submit_and_wait(page, workspace)
    assert again.id != run.id
    assert list(again.record.spec.arguments) == ["images", "--lr=0.2", "--amp"]
    assert again.record.spec.environment_variables["SEED"] == "2"


def test_a_notebook_is_executed_in_a_run_and_kept_with_it(
    page: Page, workspace: Workspace, lab: Lab, project: Path
) -> None:
    lab.write(f"{project.name}/try.ipynb", code("from traindock import Run\nRun.get_context().log('loss', 0.5)"))
    execute(page, "docmanager:open", path=f"{project.name}/try.ipynb")
    notebook = page.locator(".jp-NotebookPanel").filter(has_text="get_context")
    notebook.locator(".jp-CodeCell .cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("; print('changed')")
    notebook.get_by_role("button", name="Train this notebook").click()
    expect(page.get_by_text("try.ipynb was saved")).to_be_visible()
    run = submit_and_wait(page, workspace)
    assert run.get_metrics()["loss"] == 0.5
    kept = json.loads((run.path / "outputs" / "try.ipynb").read_text())
    assert kept["cells"][0]["outputs"][0]["text"] in ("changed\n", ["changed\n"])


def test_a_notebook_that_nobody_has_saved_or_named_is_saved_and_executed(
    opened: LabPage, page: Page, workspace: Workspace, project: Path
) -> None:
    execute(page, "notebook:create-new", kernelName="python3", cwd=project.name)
    notebook = page.locator(".jp-NotebookPanel:visible")
    expect(page.get_by_role("tab", name="Untitled.ipynb")).to_be_visible()
    notebook.locator(".jp-CodeCell .cm-content").click()
    page.keyboard.type("print('never saved')")
    notebook.get_by_role("button", name="Train this notebook").click()
    expect(page.get_by_text("Untitled.ipynb was saved")).to_be_visible()
    run = submit_and_wait(page, workspace)
    kept = json.loads((run.path / "outputs" / "Untitled.ipynb").read_text())
    assert kept["cells"][0]["outputs"][0]["text"] in ("never saved\n", ["never saved\n"])


@pytest.mark.soak
def test_notebook_7_submits_notebooks_scripts_and_files(
    show: Show, lab: Lab, project: Path, workspace: Workspace
) -> None:
    lab.write(f"{project.name}/classic.ipynb", code("print(1)"))
    opened = show(f"{project.name}/classic.ipynb", app="notebooks")
    # Notebook 7.6 by itself, where JupyterLab 4.6 is installed
    opened.expected += ["reading 'schema'", "Command 'filebrowser:open-path' not registered"]
    page = opened.page
    opened.choose("Run", "Train This Notebook…")
    expect(form(page).get_by_label("Compute target")).to_be_visible()
    expect(page.locator("#jp-right-stack").get_by_role("button", name=SUBMIT, exact=True)).to_be_visible()
    # what is being filled in stays as it is behind what else is opened
    form(page).get_by_role("button", name="Add a variable").click()
    form(page).get_by_label("Name of variable 1").fill("HF_TOKEN")
    form(page).get_by_label("Value of variable 1").fill("hf_0123456789")
    submit_and_wait(page, workspace)
    expect(form(page)).to_have_count(0)
    opened.choose("Run", "Train This Notebook…")
    expect(form(page).get_by_label("Value of variable 1")).to_have_value("hf_0123456789")
    page.goto(lab.address(project.name, "tree"))
    open_from_menu(page, "train.py")
    expect(form(page).get_by_label("--lr")).to_be_visible()
    page.goto(lab.address(f"{project.name}/train.py", "edit"))
    page.get_by_role("button", name="Train this script").click()
    expect(form(page).get_by_label("--lr")).to_be_visible()
