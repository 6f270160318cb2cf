"""Cards are for everybody: in the dark, on narrow pages, without a mouse, and read aloud."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab
from tests.browser.pages import LabPage
from tests.browser.scripts import showing

from traindock import Run

TABS = ("Curves", "Log", "Files", "Model", "Details")


@pytest.fixture
def page(show: Show, lab: Lab, hostile_run: Run, failed_run: Run) -> LabPage:
    """A page with a run that has completed, whose texts are odd, and one that has failed."""
    lab.write("access.ipynb", showing(hostile_run), showing(failed_run))
    page = show("access.ipynb")
    expect(page.page.locator(".td-card")).to_have_count(2)
    for card, state in zip(page.cards, ("Completed", "Failed"), strict=True):
        card.wait_for_state(state)
    return page


def test_axe_finds_nothing_in_any_tab_be_it_light_or_dark(page: LabPage):
    found = []
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.choose_theme(theme)
        for tab in TABS:
            for card in page.cards:
                card.tab(tab)
            found += [f"{theme}, {tab}: {violation}" for violation in page.violations()]
    assert not found, "\n".join(found)


@pytest.mark.soak
def test_nothing_sticks_out_of_a_card_that_is_320_pixels_wide(page: LabPage):
    page.narrow()
    for tab in TABS:
        for card in page.cards:
            card.tab(tab)
            assert card.sticking_out() == [], tab


def test_every_action_is_reached_and_done_by_the_keyboard(page: LabPage):
    card = page.card
    tabs = card.locator.get_by_role("tab")
    tabs.first.focus()
    for tab in TABS:
        expect(tabs.filter(has_text=tab)).to_be_focused()
        expect(tabs.filter(has_text=tab)).to_have_attribute("aria-selected", "true")
        card.filled_panel()
        assert reached_by_tabulator(page) == page.page.evaluate(ACTIONS), tab
        tabs.filter(has_text=tab).focus()
        page.page.keyboard.press("ArrowRight")
    expect(tabs.first).to_be_focused()

    # Keys mean in a card what they mean anywhere, and not what JupyterLab makes of them for cells.
    card.tab("Log").get_by_role("searchbox").focus()
    page.page.keyboard.type("dd red x")
    expect(card.locator.get_by_role("searchbox")).to_have_value("dd red x")
    card.tab("Files")
    card.locator.get_by_role("button", name="outputs/table.csv").focus()
    page.page.keyboard.press("Enter")
    expect(card.locator.locator(".td-preview").first).to_be_visible()
    assert page.page.locator(".jp-Notebook .jp-Cell").count() == 2


#: What can be done in the first card, in order; of tabs and the like only the one that is chosen, and nothing hidden.
ACTIONS = """() => [...document.querySelector('.td-card').querySelectorAll('*')]
    .filter(one => one.tabIndex >= 0 && !one.disabled && one.checkVisibility())
    .map(one => one.getAttribute('aria-label') ?? one.textContent.slice(0, 60))"""


def reached_by_tabulator(page: LabPage) -> list[str]:
    """Go through the first card by the tabulator, from its first element to the last; return what was focused."""
    page.page.evaluate("document.querySelector('.td-card button').focus()")
    reached = []
    while len(reached) < 200:
        name = page.page.evaluate(
            """() => {
                const one = document.activeElement;
                const inside = document.querySelector('.td-card').contains(one);
                return inside ? one.getAttribute('aria-label') ?? one.textContent.slice(0, 60) : null;
            }"""
        )
        if name is None:
            break
        reached.append(name)
        page.page.keyboard.press("Tab")
    return reached
