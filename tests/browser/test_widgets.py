"""Cards are widgets like others: in boxes and tabs, with their traits linked to those of other widgets."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab, code, kernel_process
from tests.browser.pages import Card
from tests.browser.scripts import STEADY, submitting, waiting_for

from traindock import Run, Workspace

BOXED = """
    import ipywidgets
    from traindock_widgets import RunDetails

    card, label = RunDetails(run), ipywidgets.Label()
    ipywidgets.jslink((card, "state"), (label, "value"))
    ipywidgets.HBox([label, card])
"""

TABBED = """
    import ipywidgets
    from traindock import Run, Workspace
    from traindock_widgets import RegisterModel, Runs, compare

    first, second = (Run.get(Workspace({workspace!r}), run) for run in {runs!r})
    runs, text = Runs(first.experiment), ipywidgets.Text()
    ipywidgets.dlink((runs, "selected_runs"), (text, "value"), ",".join)
    cards = [compare(first, second), RegisterModel(first), runs]
    ipywidgets.VBox([ipywidgets.Tab(cards, titles=["Compared", "Model", "All"]), text])
"""


def test_a_card_in_a_box_goes_on_while_the_kernel_is_busy_and_so_does_what_its_state_is_linked_to(
    show: Show, lab: Lab, workspace: Workspace, tmp_path: Path
):
    end, idle = tmp_path / "end", tmp_path / "idle"
    submit = submitting(workspace.layout.root, STEADY, end).removesuffix("\nrun")
    lab.write("boxed.ipynb", code(submit), code(dedent(BOXED)), waiting_for(idle))
    page = show("boxed.ipynb")
    page.run_all()
    label = page.page.locator(".widget-label")
    seen = page.card.wait_for_points("train_loss", 1)
    page.card.wait_for_points("train_loss", seen + 100)
    expect(label).to_have_text("Running")
    assert page.card.sticking_out() == []
    beside, card = label.bounding_box(), page.card.locator.bounding_box()
    assert beside is not None
    assert card is not None
    assert card["x"] >= beside["x"] + beside["width"], "they stand beside each other"
    assert card["width"] > 600, "the card takes the width that is left"
    end.touch()
    page.card.wait_for_state("Completed")
    expect(label).to_have_text("Completed")
    expect(page.page.locator(".jp-InputPrompt").last).to_have_text("[*]:")  # the kernel is busy all the time
    idle.touch()


@pytest.mark.soak
def test_a_card_in_a_box_says_that_its_kernel_has_ended(show: Show, lab: Lab, workspace: Workspace, tmp_path: Path):
    end = tmp_path / "end"
    submit = submitting(workspace.layout.root, STEADY, end).removesuffix("\nrun")
    lab.write("ended.ipynb", code(submit), code(dedent(BOXED)))
    page = show("ended.ipynb")
    page.run_all()
    page.card.wait_for_points("train_loss", 1)
    kernel_process(lab, "ended.ipynb").kill()
    expect(page.card.locator).to_contain_text("The kernel has ended; the run goes on.", timeout=60_000)
    end.touch()


@pytest.mark.soak
def test_cards_in_tabs_are_drawn_when_their_tab_is_chosen(show: Show, lab: Lab, hostile_run: Run, failed_run: Run):
    workspace = str(hostile_run.workspace.layout.root)
    source = dedent(TABBED).format(workspace=workspace, runs=[hostile_run.id, failed_run.id])
    lab.write("tabbed.ipynb", code(source))
    page = show("tabbed.ipynb")
    page.run_all()
    tabs = page.page.locator(".widget-tab")
    shown = Card(tabs.locator(".td-card:visible"))
    tabs.get_by_role("tab", name="Model").click()
    expect(shown.locator.get_by_label("Name", exact=True)).to_be_visible()
    tabs.get_by_role("tab", name="Compared").click()
    plot = shown.locator.locator(".td-plot canvas").first
    expect(plot).to_be_visible()
    width = plot.evaluate("canvas => canvas.getBoundingClientRect().width")
    assert width > 250, "a chart that was drawn out of sight has the width of its place"
    tabs.get_by_role("tab", name="All").click()
    shown.locator.get_by_label("State").select_option(
        "Failed"
    )  # of all runs of the other tests it may be on no first page
    row = shown.locator.locator("tr").filter(has=page.page.get_by_title(failed_run.id, exact=True))
    row.get_by_role("checkbox").check()
    expect(page.page.locator(".widget-text input")).to_have_value(failed_run.id)
