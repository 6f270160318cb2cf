"""The sidebar's list of runs: what is selected over pages, what stands beside values, and where a run's folder is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from benchmarks.seeding import seed
from playwright.sync_api import FloatRect, Locator, Page, expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab, markdown
from tests.browser.pages import LabPage
from tests.browser.sidebars import Keys, Sidebar
from tests.conftest import end_everything_in, make_workspace
from tests.trainer.store.publishing import WHOLE_LIFE, publisher

from traindock import Run, Workspace

Open = Callable[[Workspace], tuple[LabPage, Sidebar]]


@pytest.fixture
def made(lab: Lab, workspace: Workspace) -> Iterator[Callable[[str], Workspace]]:
    """Make workspaces below the folder that the file browser shows, which are gone afterwards."""
    found: list[Workspace] = []

    def make(place: str) -> Workspace:
        found.append(make_workspace(lab.folder / place, f"zoo-{len(found)}"))
        return found[-1]

    yield make
    for one in found:
        end_everything_in(one)
        (one.layout.root / "workspace.json").unlink()  # the server may be writing to others


@pytest.fixture
def look_at(made: object, show: Show, lab: Lab) -> Open:
    """Open a page whose sidebar looks at a workspace, and which is closed before that is gone."""

    def look_at(workspace: Workspace) -> tuple[LabPage, Sidebar]:
        lab.write("list.ipynb", markdown("# Insects"))
        page = show("list.ipynb")
        sidebar = Sidebar(page)
        sidebar.locator.get_by_label("Workspace", exact=True).select_option(workspace.id)
        return page, sidebar

    return look_at


def test_a_runs_folder_is_shown_in_the_file_browser(look_at: Open, made: Callable[[str], Workspace]):
    workspace = made("insects")
    run = Run.get(workspace, publisher(workspace)("ants", *WHOLE_LIFE))
    (run.path / "outputs").mkdir(exist_ok=True)
    (run.path / "outputs" / "weights.pt").touch()
    page, sidebar = look_at(workspace)
    browser = page.page.locator("#filebrowser")
    for choose in (sidebar.menu, Keys(sidebar).choose):
        choose("exp #1", "Show Folder in File Browser")
        expect(browser.get_by_text("outputs", exact=True)).to_be_visible()
        expect(browser.locator(".jp-BreadCrumbs-item").last).to_have_attribute("title", f"insects/runs/{run.id}")
        browser.locator(".jp-BreadCrumbs-home").click()
        expect(browser.get_by_text("outputs", exact=True)).to_have_count(0)
        page.choose("View", "Traindock")


@pytest.mark.soak
def test_where_jupyter_hides_a_runs_folder_it_is_said_with_what_to_do(look_at: Open, made: Callable[[str], Workspace]):
    workspace = made(".local/insects")
    run_id = publisher(workspace)("ants", *WHOLE_LIFE)
    page, sidebar = look_at(workspace)
    sidebar.menu("exp #1", "Show Folder in File Browser")
    dialog = page.page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Jupyter hides .local/insects/runs/{run_id}")
    expect(dialog).to_contain_text("--ContentsManager.allow_hidden=True")
    sidebar.answer("Close")


@pytest.mark.soak
def test_runs_of_different_pages_are_compared(look_at: Open, made: Callable[[str], Workspace]):
    workspace = made("many")
    seed(workspace, 130)
    page, sidebar = look_at(workspace)
    pages = sidebar.locator.get_by_role("navigation", name="Pages", exact=True).first
    sidebar.rows.first.click()
    first = sidebar.rows.first.get_attribute("data-key")
    pages.get_by_role("button", name="Next").click()
    expect(pages).to_contain_text("51 to 100")
    expect(sidebar.locator.get_by_text("1 selected (not shown)")).to_be_visible()
    sidebar.rows.last.click(modifiers=["Control"])
    expect(sidebar.locator).to_contain_text("2 selected (1 not shown)")
    pages.get_by_role("button", name="Next").click()
    expect(sidebar.locator).to_contain_text("2 selected (2 not shown)")
    sidebar.locator.get_by_role("button", name="Actions of the selected runs").click()
    sidebar.entry("Compare 2 Runs").click()
    expect(page.card.locator).to_have_attribute("aria-label", "Comparison of 2 runs")
    expect(page.card.locator).to_contain_text(str(Run.get(workspace, str(first)).number))
    sidebar.locator.get_by_role("button", name="Select none").click()
    expect(sidebar.locator.get_by_label("Filter runs by name")).to_be_visible()


@pytest.mark.parametrize("width", [250, *(pytest.param(width, marks=pytest.mark.soak) for width in (320, 500))])
def test_the_name_of_a_metric_stands_beside_its_value_in_the_same_line(
    look_at: Open, made: Callable[[str], Workspace], width: int
):
    workspace = made(f"mixed-{width}")
    publish = publisher(workspace)
    publish("ants", *WHOLE_LIFE, metrics={"val_accuracy_of_the_best_epoch": 0.9}, created=1.0)
    publish("bees", *WHOLE_LIFE, metrics={"loss": 0.6931}, created=2.0)
    publish("crickets", *WHOLE_LIFE, created=3.0)
    page, sidebar = look_at(workspace)
    expect(sidebar.rows).to_have_count(3)
    crickets, bees, ants = sidebar.rows.all()
    _be_wide(page.page, width)
    for row, name, value in ((bees, "loss", "0.6931"), (ants, "val_accuracy_of_the_best_epoch", "0.9")):
        expect(row.locator(".jp-Traindock-MetricName")).to_have_text(name)
        assert _box(row.locator(".jp-Traindock-MetricName"))["width"] > 20
        number, whole = _box(row.get_by_text(value, exact=True)), _box(row)
        state, cell = _box(row.locator(".jp-Traindock-StateWord")), _box(row.locator(".jp-Traindock-RunMetric"))
        assert state["x"] + state["width"] <= cell["x"], "nothing lies over anything"
        assert number["x"] + number["width"] <= whole["x"] + width
        assert whole["height"] == _box(crickets)["height"], "as high as one without a metric"


def _box(of: Locator) -> FloatRect:
    box = of.bounding_box()
    assert box is not None
    return box


def _be_wide(page: Page, width: int) -> None:
    """Have the list as much room as a sidebar of that many pixels."""
    page.locator(".jp-Traindock-Runs").evaluate("(node, width) => { node.style.width = `${width}px`; }", width)
