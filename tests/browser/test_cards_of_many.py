"""Runs beside each other, and lists of them, in a page: for everybody, and one click from each run."""

from __future__ import annotations

from itertools import product

import pytest
from playwright.sync_api import Locator, expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab
from tests.browser.pages import Card, LabPage
from tests.browser.scripts import comparing, showing_all

from traindock import Run

COMPARED = ("Curves", "Results", "Code", "Environment")


@pytest.fixture
def page(show: Show, lab: Lab, hostile_run: Run, failed_run: Run) -> LabPage:
    """A page that compares two runs, one with odd texts, and lists all runs of their experiment."""
    cells = comparing(hostile_run, failed_run), showing_all(hostile_run.workspace, hostile_run.experiment.name)
    lab.write("many.ipynb", *cells)
    page = show("many.ipynb")
    expect(page.card.locator).to_contain_text("Comparison of 2 runs")
    expect(page.card.locator.locator(".td-plot").first).to_be_visible()
    row_of(page, failed_run).wait_for()
    return page


def row_of(page: LabPage, run: Run) -> Locator:
    """The line of a run in the list."""
    rows = page.second_card.locator.locator(".td-run-rows tr")
    return rows.filter(has=page.page.get_by_title(run.id, exact=True))


def test_axe_finds_nothing_in_a_comparison_and_in_a_list_be_they_light_or_dark(page: LabPage, failed_run: Run):
    row_of(page, failed_run).get_by_role("button").click()
    found = []
    for theme, tab in product(("JupyterLab Dark", "JupyterLab Light"), COMPARED):
        page.choose_theme(theme)
        page.card.tab(tab)
        found += [f"{theme}, {tab}: {violation}" for violation in page.violations()]
    assert not found, "\n".join(found)


@pytest.mark.soak
def test_nothing_sticks_out_of_a_comparison_or_a_list_that_are_320_pixels_wide(page: LabPage):
    page.narrow()
    assert page.second_card.sticking_out() == []
    for tab in COMPARED:
        page.card.tab(tab)
        assert page.card.sticking_out() == [], tab


def test_a_click_in_a_list_opens_the_card_of_a_run_and_what_is_ticked_is_compared(
    page: LabPage, hostile_run: Run, failed_run: Run
):
    runs = page.second_card.locator
    compare = runs.get_by_role("button", name="Compare")
    row_of(page, failed_run).get_by_role("button").click()
    opened = Card(runs.locator(".td-card"))
    opened.wait_for_state("Failed")
    expect(opened.locator).to_contain_text("the loss is not finite")

    expect(compare).to_be_disabled()
    for run in (hostile_run, failed_run):
        row_of(page, run).get_by_role("checkbox").check()
    compare.click()
    compared = runs.locator(".td-card")
    expect(compared).to_contain_text("Comparison of 2 runs")
    expect(compared.locator(".td-compared li")).to_have_count(2)
    expect(compared.locator(".td-plot").first).to_be_visible()
    runs.get_by_role("button", name="Close").click()
    expect(compared).to_have_count(0)
