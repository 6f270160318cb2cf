"""The sidebar: what it lists, and what people do with it by mouse and by keyboard, while runs really run."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab, code, markdown
from tests.browser.pages import LOST_SERVER, LabPage
from tests.browser.scripts import STEADY
from tests.browser.sidebars import SIDEBAR, Sidebar
from tests.conftest import (
    REPOSITORY,
    Submit,
    be_at_home_in,
    end_everything_in,
    make_workspace,
    submitter,
    wait_for,
)

from traindock import ComputeTarget, LocalCompute, Model, Run, Workspace
from traindock.store.locations import Locations

#: Logs an accuracy that ends at a value, and leaves a file.
SHORT = """
    import sys
    from pathlib import Path
    from traindock import Run
    run = Run.get_context()
    for step in range(1, 41):
        run.log("val_accuracy", float(sys.argv[1]) * step / 40, step=step)
    Path("outputs/model.pt").write_text("weights")
"""


@pytest.fixture(params=[pytest.param(10_000, id="10,000 runs"), pytest.param(100_000, id="100,000 runs")])
def many(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Make a workspace with many runs, models, and runs that wait; return its name."""
    name, folder = "zoo", tmp_path / "workspace"  # behind the one that pages show first
    words = ["-m", "benchmarks.workspaces", "--seed", str(request.param), "--name", name, str(folder)]
    subprocess.run([sys.executable, *words], cwd=REPOSITORY, check=True)
    Locations().remember(folder)
    zoo = Workspace(folder)
    for number in range(25):
        Model.register(zoo, __file__, f"net-{number}")
    ComputeTarget.create(zoo, "single", LocalCompute.provisioning_configuration(max_nodes=1))
    submit = submitter(zoo, tmp_path)
    for _ in range(50):
        submit(STEADY, tmp_path / "never", compute_target="single", experiment="waiting")
    yield name
    folder.rename(folder.with_name("gone"))  # else the server, which knows what waits, has a dispatcher go on with it
    end_everything_in(zoo)


@pytest.fixture(scope="module")
def three(shared_by_all: Workspace, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Run]]:
    """An experiment with three runs that have completed, by their names."""
    experiment = "three-runs"
    with pytest.MonkeyPatch.context() as patch:
        be_at_home_in(shared_by_all.layout.root.parent, patch)
        submit = submitter(shared_by_all, tmp_path_factory.mktemp("three"))
        runs = {}
        for name, accuracy, stage in (("bees", 0.5, "search"), ("ants", 0.9, "tuning"), ("crickets", 0.7, "tuning")):
            runs[name] = submit(SHORT, accuracy, experiment=experiment, tags={"stage": stage})
            runs[name].display_name = name
            runs[name].wait_for_completion()
    return experiment, runs


@pytest.fixture
def open_lab(show: Show, lab: Lab) -> Callable[..., tuple[LabPage, Sidebar]]:
    """Open a page with a notebook, and the sidebar beside it."""

    def open_lab(name: str, *cells: object) -> tuple[LabPage, Sidebar]:
        lab.write(name, *(cells or [markdown("# Insects")]))  # type: ignore[arg-type]
        page = show(name)
        return page, Sidebar(page)

    return open_lab


Open = Callable[..., tuple[LabPage, Sidebar]]


def test_a_run_is_listed_at_once_and_followed_until_it_is_stopped(
    open_lab: Open, submit: Submit, tmp_path: Path, three: tuple[str, dict[str, Run]]
):
    page, sidebar = open_lab("live.ipynb")
    sidebar.filter("live-runs")
    expect(sidebar.locator).to_contain_text("No run is like this: “live-runs”")
    run = submit(STEADY, tmp_path / "never", experiment="live-runs")
    row = sidebar.row("live-runs #1")
    expect(row).to_contain_text("Running")
    expect(row.locator(".jp-Traindock-Curve")).to_be_visible()
    seen = row.locator(".jp-Traindock-Number").first.inner_text()
    expect(row.locator(".jp-Traindock-Number").first).not_to_have_text(seen)  # it counts on
    assert page.violations(SIDEBAR) == []
    row.dblclick()
    page.card.wait_for_state("Running")
    sidebar.menu("live-runs #1", "Delete…")
    expect(page.page.get_by_role("dialog")).to_contain_text("This one has not ended, and stays.")
    sidebar.answer("Ok")
    sidebar.menu("live-runs #1", "Stop…")
    sidebar.answer("Stop")
    expect(row).to_contain_text("Canceled")
    page.card.wait_for_state("Canceled")
    page.expected.append("404")  # the page may just be asking what has become of it
    run.delete()  # by somebody else
    expect(sidebar.rows).to_have_count(0)


@pytest.mark.soak
def test_a_double_click_opens_its_run_while_several_are_selected(open_lab: Open, three: tuple[str, dict[str, Run]]):
    experiment, runs = three
    page, sidebar = open_lab("double.ipynb")
    sidebar.filter(experiment)
    first, second, third = runs
    for name in runs:
        sidebar.row(name).wait_for()
    before = [sidebar.row(name).bounding_box() for name in runs]
    sidebar.select(first, second)
    expect(sidebar.locator).to_contain_text("2 selected")
    assert [sidebar.row(name).bounding_box() for name in runs] == before
    sidebar.row(third).dblclick()
    expect(page.card.locator.locator(".td-name")).to_have_text(third)
    expect(sidebar.locator).not_to_contain_text("2 selected")


def test_runs_are_filtered_sorted_grouped_and_compared(open_lab: Open, three: tuple[str, dict[str, Run]]):
    experiment, _ = three
    page, sidebar = open_lab("ordered.ipynb")
    sidebar.filter(experiment)
    sidebar.expect_names(["crickets", "ants", "bees"])
    sidebar.choose("Sort by", "Name")
    sidebar.expect_names(["ants", "bees", "crickets"])
    sidebar.choose("Sort by", "Metric")
    sidebar.expect_names(["ants", "crickets", "bees"])
    sidebar.locator.get_by_label("Reverse the order").click()
    sidebar.expect_names(["bees", "crickets", "ants"])
    expect(sidebar.row("ants")).to_contain_text("0.9")
    sidebar.locator.get_by_label("Only runs with this tag").fill("stage=tuning")
    sidebar.expect_names(["crickets", "ants"])
    sidebar.locator.get_by_label("Only runs with this tag").fill("")
    sidebar.choose("Group by", "tag:stage")
    expect(sidebar.groups).to_have_text([re.compile("stage=tuning ?2"), re.compile("stage=search ?1")])
    sidebar.groups.first.click()
    sidebar.expect_names(["crickets", "ants"])
    assert page.violations(SIDEBAR) == []
    sidebar.select("crickets", "ants")
    expect(sidebar.locator).to_contain_text("2 selected")
    sidebar.menu("ants", "Compare 2 Runs")
    expect(page.card.locator).to_have_attribute("aria-label", "Comparison of 2 runs")
    expect(page.card.locator).to_contain_text("crickets")
    sidebar.choose("Group by", "")


def test_runs_are_tagged_submitted_again_and_deleted(open_lab: Open, submit: Submit, workspace: Workspace):
    runs = [submit(SHORT, accuracy, experiment="changed-runs") for accuracy in (0.5, 0.6)]
    for run in runs:
        run.wait_for_completion()
    page, sidebar = open_lab("changed.ipynb")
    sidebar.filter("changed-runs")
    sidebar.expect_names(["changed-runs #2", "changed-runs #1"])

    sidebar.select("changed-runs #2", "changed-runs #1")
    sidebar.menu("changed-runs #1", "Tags…")
    page.page.get_by_label("Tag to set").fill("stage")
    page.page.get_by_label("Its value").fill("<b>best</b>")
    sidebar.answer("Apply")
    wait_for(lambda: all(run.get_tags().get("stage") == "<b>best</b>" for run in runs), "the tags")
    for name in ("changed-runs #2", "changed-runs #1"):  # the dialog shows what the list has
        expect(sidebar.row(name)).to_have_attribute("title", re.compile("stage=<b>best</b>"))
    sidebar.menu("changed-runs #1", "Tags…")
    page.page.get_by_role("button", name="Remove stage=<b>best</b>").click()
    sidebar.answer("Apply")
    wait_for(lambda: not any(run.get_tags() for run in runs), "the tags to be gone")

    sidebar.row("changed-runs #1").click()
    sidebar.menu("changed-runs #1", "Resubmit")
    expect(page.page.get_by_text("Resubmitted: changed-runs #3")).to_be_visible()
    expect(sidebar.row("changed-runs #3")).to_contain_text("Completed")

    sidebar.row("changed-runs #3").click()
    sidebar.row("changed-runs #2").click(modifiers=["Shift"])
    page.page.keyboard.press("Delete")
    expect(page.page.get_by_role("dialog")).to_contain_text(runs[1].id)
    sidebar.answer("Cancel")
    page.page.keyboard.press("Delete")  # the focus is where it was
    sidebar.answer("Delete")
    sidebar.expect_names(["changed-runs #1"])
    assert [run.id for run in Run.list(workspace, text="changed-runs")] == [runs[0].id]


def test_a_model_is_registered_and_a_cell_gets_the_run(
    open_lab: Open, three: tuple[str, dict[str, Run]], workspace: Workspace
):
    experiment, runs = three
    page, sidebar = open_lab("inserted.ipynb", code("first = 1"))
    page.expected.append("404")  # there is no such model yet
    sidebar.filter(experiment)
    sidebar.menu("ants", "Register Model…")
    dialog = page.page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("ants-model")
    dialog.get_by_role("button", name="Register", exact=False).last.click()
    wait_for(lambda: "ants-model" in workspace.models, "the model")
    sidebar.answer("Close")

    sidebar.menu("ants", "Insert Code into Notebook")
    cell = page.page.locator(".jp-CodeCell").nth(1)
    expect(cell).to_contain_text(f'run = Run.get(Workspace.get("{workspace.name}"), "{runs["ants"].id}")')
    page.run_all()
    page.card.wait_for_state("Completed")

    sidebar.menu("ants", "Show Folder in File Browser")
    expect(page.page.get_by_role("dialog")).to_contain_text("outside of the folder that this Jupyter server shows")
    sidebar.answer("Close")


def test_all_of_it_is_done_by_keys(open_lab: Open, three: tuple[str, dict[str, Run]]):
    experiment, _ = three
    page, sidebar = open_lab("keys.ipynb")
    keyboard = page.page.keyboard
    wait_for(lambda: sidebar.locator.evaluate("node => node.contains(document.activeElement)"), "the focus in it")
    sidebar.row("crickets").wait_for()
    sidebar.section("Experiments").focus()
    keyboard.press("Enter")
    sidebar.locator.get_by_label("Filter experiments by name").fill(experiment)
    expect(sidebar.locator.locator(".jp-Traindock-Experiment")).to_have_count(1)
    keyboard.press("Tab")
    keyboard.press("Tab")
    keyboard.press("Enter")
    sidebar.expect_names(["crickets", "ants", "bees"])
    sidebar.section("Experiments").focus()
    keyboard.press("Enter")

    sidebar.locator.get_by_label("Filter runs by name").focus()
    keyboard.press("Tab")  # over the experiment that all are of
    keyboard.press("Tab")
    expect(sidebar.row("crickets")).to_be_focused()
    keyboard.press("ArrowDown")
    keyboard.press("Shift+ArrowDown")
    keyboard.press("Shift+F10")
    expect(sidebar.entry("Compare 2 Runs")).to_be_visible()
    keyboard.press("Escape")
    expect(sidebar.row("bees")).to_be_focused()
    keyboard.press("Shift+F10")
    chosen = page.page.locator(".lm-Menu-item.lm-mod-active")
    keyboard.press("ArrowDown")
    for _ in range(12):
        if "Compare 2 Runs" in chosen.inner_text():
            break
        keyboard.press("ArrowDown")
    else:
        pytest.fail("the arrows do not lead to 'Compare 2 Runs'")
    keyboard.press("Enter")
    expect(page.page.get_by_role("tab", name="2 runs")).to_be_visible()
    for name in ("ants", "bees"):
        expect(page.card.locator).to_contain_text(name)


def test_it_is_there_again_after_a_reload_and_goes_on_when_the_server_was_started_again(
    open_lab: Open, lab: Lab, submit: Submit, tmp_path: Path, three: tuple[str, dict[str, Run]]
):
    page, sidebar = open_lab("restored.ipynb")
    sidebar.choose("Sort by", "Name")
    sidebar.section("Experiments").click()
    expect(sidebar.locator.locator(".jp-Traindock-Experiment").first).to_be_visible()
    lab.wait_for_kept('"order": "name"')
    lab.wait_for_kept(
        r'restored\.ipynb.*"jp-traindock-sidebar": \{"sizes": [^{}]*"expansionStates": \[true, true, true, true\]'
    )
    page.page.goto(f"{lab.server.url}lab")
    expect(sidebar.rows.first).to_be_visible(timeout=90_000)
    expect(sidebar.locator.locator(".jp-Traindock-Experiment").first).to_be_visible()
    sidebar.locator.get_by_title("Filter, sort and group").click()
    expect(sidebar.locator.get_by_label("Sort by", exact=True)).to_have_value("name")
    sidebar.choose("Sort by", "Newest")

    page.expected += LOST_SERVER
    lab.kill()
    expect(sidebar.locator).to_contain_text("The connection is broken")
    lab.start()
    expect(sidebar.locator).not_to_contain_text("The connection is broken")
    sidebar.filter("after-restart")
    submit(SHORT, 0.5, experiment="after-restart")
    expect(sidebar.row("after-restart #1")).to_contain_text("Completed")


@pytest.mark.soak
def test_list_and_card_say_why_no_run_goes_on_until_one_does(open_lab: Open, workspace: Workspace, tmp_path: Path):
    broken = make_workspace(tmp_path / "workspace", name="broken")
    broken.layout.dispatcher_log.mkdir()  # which no dispatcher can write into
    Locations().remember(broken.layout.root)
    page, sidebar = open_lab("broken.ipynb")
    try:
        submitter(broken, tmp_path)("print('at last')", experiment="patience")
        sidebar.locator.get_by_label("Workspace", exact=True).select_option(label="broken")
        notice = sidebar.locator.locator(".jp-Traindock-Notice")
        expect(notice).to_contain_text("No run of <workspace broken> goes on, since no dispatcher can be started")
        expect(notice).to_contain_text("'traindock doctor'")
        assert page.violations(SIDEBAR) == []
        sidebar.row("patience #1").dblclick()
        line = page.card.locator.locator(".td-detail")
        expect(line).to_contain_text("No dispatcher: no run of <workspace broken> goes on")
        broken.layout.dispatcher_log.rmdir()
        page.card.wait_for_state("Completed")
        expect(line).not_to_contain_text("No dispatcher")
        expect(notice).to_have_count(0)
    finally:
        sidebar.locator.get_by_label("Workspace", exact=True).select_option(label=workspace.name)
        end_everything_in(broken)


@pytest.mark.soak
def test_it_leads_to_a_run_of_a_workspace_that_a_kernel_has_just_made(open_lab: Open, tmp_path: Path):
    page, sidebar = open_lab("elsewhere.ipynb")
    sidebar.locator.get_by_label("Workspace", exact=True).wait_for()
    made = Workspace.create("zebras", show_output=False)  # behind the one that pages show first
    try:
        run = submitter(made, tmp_path)(STEADY, tmp_path / "never", experiment="zebra-runs")
        line = sidebar.locator.get_by_role("status").filter(has_text="zebras")
        expect(line).to_contain_text("1 run goes on in zebras")
        assert page.violations(SIDEBAR) == []
        line.get_by_role("button", name="Show workspace zebras").click()
        expect(sidebar.row("zebra-runs #1")).to_be_visible()
        expect(line).to_have_count(0)
        run.cancel()
        run.wait_for_completion(raise_on_error=False)
    finally:
        end_everything_in(made)


def test_keys_go_through_its_sections_from_the_top(open_lab: Open):
    page, sidebar = open_lab("keys.ipynb")
    sidebar.locator.get_by_label("Workspace", exact=True).focus()
    titles: list[str] = []
    for _ in range(40):
        page.page.keyboard.press("Tab")
        title = page.page.evaluate("document.activeElement.closest('.jp-AccordionPanel-title')?.innerText.trim() ?? ''")
        if title and title not in titles:
            titles.append(title)
    assert [title.lower() for title in titles] == ["runs", "experiments", "models", "compute"]


@pytest.mark.soak
def test_a_new_workspace_teaches_the_first_step(open_lab: Open, workspace: Workspace):
    page, sidebar = open_lab("first.ipynb", code("first = 1"))
    sidebar.locator.get_by_label("New workspace").click()
    page.page.get_by_role("dialog").locator("input").fill(workspace.name)
    page.expected.append("409")
    page.page.get_by_role("dialog").get_by_role("button", name="Create").click()
    expect(page.page.get_by_role("dialog")).to_contain_text(workspace.name)
    page.page.get_by_role("dialog").locator("input").fill("wasps")
    sidebar.answer("Create")
    expect(sidebar.locator).to_contain_text("No runs yet.")
    assert page.violations(SIDEBAR) == []
    sidebar.locator.get_by_role("button", name="Insert the cell").click()
    page.run_all()
    expect(sidebar.row("first-steps #1")).to_contain_text("Completed", timeout=60_000)
    sidebar.locator.get_by_label("Workspace", exact=True).select_option(label=workspace.name)
    expect(sidebar.row("first-steps #1")).to_have_count(0)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_very_many_runs_are_a_page_of_few(
    open_lab: Open, many: str, workspace: Workspace, record_figures: Callable[..., None]
):
    page, sidebar = open_lab("many.ipynb")
    sidebar.locator.get_by_label("Workspace", exact=True).select_option(label=many)
    pages = sidebar.locator.get_by_role("navigation", name="Pages", exact=True).first
    expect(pages).to_contain_text("1 to 50")
    assert sidebar.rows.count() == 50
    begin = time.perf_counter()
    pages.get_by_role("button", name="Next").click()
    expect(pages).to_contain_text("51 to 100")
    record_figures(next_page=time.perf_counter() - begin)
    sidebar.choose("Sort by", "Metric")
    expect(pages).to_contain_text("1 to 50")
    sidebar.choose("Group by", "experiment")
    sidebar.groups.first.wait_for()
    for group in sidebar.groups.all():
        group.click()
    expect(sidebar.locator.locator(".jp-Traindock-Rest").first).to_contain_text("Show all")
    sidebar.section("Experiments").click()
    sidebar.locator.locator(".jp-Traindock-Experiment").first.wait_for()
    expect(sidebar.locator.get_by_role("list", name="Models").get_by_role("listitem")).to_have_count(20)
    expect(sidebar.locator.get_by_role("list", name="single").get_by_role("listitem")).to_have_count(40)
    lines = page.page.locator(f"{SIDEBAR} :is(tr, li, [role=listitem])")
    wait_for(lambda: lines.count() > 150, "the runs of five groups")
    record_figures(rows=lines.count())
    assert lines.count() <= 200
    sidebar.locator.locator(".jp-Traindock-Rest").first.click()
    expect(pages).to_contain_text("1 to 50")
    sidebar.choose("Sort by", "Newest")
    sidebar.locator.get_by_label("Workspace", exact=True).select_option(label=workspace.name)
    expect(sidebar.locator.get_by_role("list", name="single")).to_have_count(0)


def test_notebook_7_has_it_beside_a_notebook_and_as_a_tab_of_its_files(
    show: Show, lab: Lab, three: tuple[str, dict[str, Run]], workspace: Workspace, submit: Submit, tmp_path: Path
):
    lab.write("beside.ipynb", markdown("# Insects"))
    page = show("beside.ipynb", app="notebooks")
    # Notebook 7.6 by itself, where JupyterLab 4.6 is installed
    page.expected += ["reading 'schema'", "Command 'filebrowser:open-path' not registered"]
    sidebar = Sidebar(page)
    shown = sidebar.locator.get_by_label("Workspace", exact=True)
    shown.select_option(label=workspace.name)  # pages of Notebook 7 show the one that another page has left
    sidebar.filter(three[0])
    sidebar.row("ants").dblclick()
    page.card.wait_for_state("Completed")
    sidebar.select("ants", "bees")
    sidebar.menu("ants", "Compare 2 Runs")
    expect(page.card.locator).to_have_attribute("aria-label", "Comparison of 2 runs")
    sidebar.locator.get_by_role("button", name="Select none").click()

    submit(STEADY, tmp_path / "end", experiment="beside-one")
    sidebar.filter("beside-one")
    expect(sidebar.row("beside-one #1")).to_contain_text("Running")
    sidebar.menu("beside-one #1", "Stop…")
    sidebar.answer("Stop")
    expect(sidebar.row("beside-one #1")).to_contain_text("Canceled")
    (tmp_path / "end").touch()
    sidebar.menu("beside-one #1", "Resubmit")
    expect(sidebar.row("beside-one #2")).to_contain_text("Completed")

    page.page.goto(f"{lab.server.url}tree")
    page.page.get_by_role("tab", name="Traindock").click()
    shown.select_option(label=workspace.name)
    sidebar.filter(three[0])
    sidebar.expect_names(["crickets", "ants", "bees"])
    sidebar.row("ants").click(button="right")
    expect(sidebar.entry("Copy Id")).to_be_visible()


def test_it_says_so_where_the_server_has_no_extension(show: Show, start_lab: Callable[..., Lab]):
    lab = start_lab(extension=False)
    lab.write("missing.ipynb", markdown("# Insects"))
    page = show("missing.ipynb", lab)
    page.expected += ["404", "WebSocket"]
    sidebar = Sidebar(page)
    expect(sidebar.locator.get_by_role("alert")).to_contain_text("has not got the extension of Traindock")
    expect(sidebar.section("Runs")).to_be_hidden()
