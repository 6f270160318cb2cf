"""What is seen of curves in a page, by the pixels of their canvases, and what is read of them at the cursor."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab
from tests.browser.pages import LabPage
from tests.browser.scripts import showing
from tests.conftest import wait_for

from traindock import Run

#: One of very many points is 100; a metric has no numbers in its midst; one has a few steps, and one is huge.
ODD = """
    import math
    from traindock import Run
    run = Run.get_context()
    for step in range(20_000):
        run.log("spiky", 100 if step == 13_000 else 2 * math.exp(-step / 5000), step=step)
    for step in range(201):
        run.log("broken", float("nan") if 50 <= step <= 150 else 1 - step / 400, step=step)
        run.log("huge", 10.0 ** (step / 5), step=step)
    run.log("accuracy", float("inf"), step=0)
    for step in range(1, 6):
        run.log("accuracy", step / 10, step=step)
"""

#: Of the parts of a chart's inner area that are named by their edges, from 0 to 1: in how many of the columns of pixels
#: there is a line's own blue, which grids, bands and the theme's greys are not.
_BLUE_COLUMNS = """(plot, [left, top, right, bottom]) => {
    const canvas = plot.querySelector('canvas');
    const [outer, inner] = [canvas, plot.querySelector('.u-over')].map(one => one.getBoundingClientRect());
    const scale = canvas.width / outer.width;
    const x = part => Math.round(scale * (inner.left - outer.left + part * inner.width));
    const y = part => Math.round(scale * (inner.top - outer.top + part * inner.height));
    const [width, height] = [x(right) - x(left), Math.max(1, y(bottom) - y(top))];
    const { data } = canvas.getContext('2d').getImageData(x(left), y(top), width, height);
    const found = new Set();
    for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] > 100 && data[at + 2] - data[at] > 80) { found.add((at / 4) % width); }
    }
    return found.size;
}"""

#: In how many lines an element's text stands.
_LINES = """element => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getClientRects().length;
}"""


@pytest.fixture(scope="session")
def odd_run(submit_early) -> Run:
    """A run whose curves are hard to draw."""
    return submit_early(ODD)


@pytest.fixture
def page(show: Show, lab: Lab, odd_run: Run) -> LabPage:
    """A page with the card of that run."""
    lab.write("odd.ipynb", showing(odd_run))
    page = show("odd.ipynb")
    page.card.wait_for_all({"spiky": 20_000, "broken": 201, "huge": 201, "accuracy": 6}, seconds=60)
    expect(page.card.locator.locator(".td-plot canvas")).to_have_count(4)
    return page


def figure(page: LabPage, name: str) -> Locator:
    """The chart of a metric, and what is written around it."""
    title = page.page.locator(".td-chart-title").get_by_text(name, exact=True)
    return page.card.locator.locator("figure").filter(has=title)


def blue_columns(page: LabPage, name: str, left: float, top: float, right: float, bottom: float) -> int:
    """In how many columns of pixels of a part of a chart its line is seen."""
    found: int = figure(page, name).locator(".td-plot").evaluate(_BLUE_COLUMNS, [left, top, right, bottom])
    return found


@pytest.mark.parametrize("theme", ["JupyterLab Light", pytest.param("JupyterLab Dark", marks=pytest.mark.soak)])
def test_a_single_point_of_very_many_is_seen_at_all_heights_of_its_spike(page: LabPage, theme: str):
    page.choose_theme(theme)
    for height in (0.2, 0.35, 0.5, 0.65, 0.8):
        # once it is drawn anew, in the theme's colours
        wait_for(
            lambda at=height: blue_columns(page, "spiky", 0.55, at, 0.75, at), f"the spike at {height} of the height"
        )
        assert blue_columns(page, "spiky", 0, height, 0.5, height) == 0, "there is nothing but that point"


def test_a_line_has_a_gap_where_there_are_no_numbers(page: LabPage):
    wait_for(lambda: blue_columns(page, "broken", 0.05, 0, 0.2, 1) > 10, "the line before its gap")
    assert blue_columns(page, "broken", 0.8, 0, 0.95, 1) > 10
    assert blue_columns(page, "broken", 0.3, 0, 0.7, 1) == 0
    expect(figure(page, "broken")).to_contain_text("101 NaN")
    expect(figure(page, "accuracy")).to_contain_text("best 0.51 ∞")


def test_the_values_at_the_cursor_are_read_in_all_charts_by_mouse_and_by_keys(page: LabPage):
    broken, huge = figure(page, "broken"), figure(page, "huge")
    broken.locator(".u-over").hover()
    reading = broken.locator(".td-reading")
    expect(reading).to_have_text(re.compile(r"^step \d+brokenNaN"))
    expect(huge.locator(".td-reading")).to_contain_text("huge1.00e+20")
    assert page.card.sticking_out() == []
    page.page.mouse.move(0, 0)
    expect(reading).to_have_count(0)
    broken.locator(".td-plot").focus()
    page.page.keyboard.press("Home")
    page.page.keyboard.press("ArrowRight")
    expect(reading).to_have_text("step 1broken0.9975")
    expect(broken.locator("[aria-live=polite]")).to_have_text("step 1: broken 0.9975")
    expect(huge.locator(".td-reading")).to_contain_text("step 1huge1.585")
    expect(huge.locator("[aria-live=polite]")).to_have_text("")
    assert page.violations() == []
    page.page.keyboard.press("Escape")
    expect(reading).to_have_count(0)


@pytest.mark.soak
def test_a_chart_without_points_where_another_is_looked_at_shows_all_it_has(page: LabPage):
    over = figure(page, "broken").locator(".u-over").bounding_box()
    assert over is not None
    y = over["y"] + over["height"] / 2
    page.page.mouse.move(over["x"] + 0.8 * over["width"], y)
    page.page.mouse.down()
    page.page.mouse.move(over["x"] + 0.95 * over["width"], y, steps=4)
    page.page.mouse.up()
    apart = page.card.locator.locator("figure").filter(has=page.page.locator(".td-plot-note"))
    expect(apart).to_have_count(1)
    expect(apart).to_contain_text("accuracy")
    assert blue_columns(page, "accuracy", 0.1, 0, 0.9, 1) > 20
    page.card.button("Show all").click()
    expect(apart).to_have_count(0)


@pytest.mark.soak
def test_titles_are_not_broken_within_words_however_narrow_the_card(page: LabPage):
    page.narrow()
    for name in ("spiky", "broken", "huge", "accuracy"):
        assert figure(page, name).locator(".td-chart-title").evaluate(_LINES) == 1, name
    assert page.card.sticking_out() == []
