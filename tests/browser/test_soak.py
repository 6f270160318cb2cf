"""Runs that are far larger than usual, and what they cost a page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab
from tests.browser.pages import watch, watched
from tests.browser.scripts import showing
from tests.conftest import Submit

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]

Figures = Callable[..., None]


def test_a_page_stays_small_after_millions_of_points(show: Show, lab: Lab, submit: Submit, record_figures: Figures):
    script = """
        import time
        from traindock import Run
        run = Run.get_context()
        for step in range(1_200_000):
            for name in ("a", "b", "c"):
                run.log(name, step % 97, step=step)
            if step % 1000 == 999:
                time.sleep(0.01)
    """
    run = submit(script)
    lab.write("millions.ipynb", showing(run))
    page = show("millions.ipynb")
    page.card.wait_for_points("a", 1)
    before = page.heap_bytes()
    watch(page)
    page.card.wait_for_state("Completed", seconds=900)
    frames, longest, blocked = watched(page)
    grown = (page.heap_bytes() - before) / 1e6
    page.card.wait_for_all(dict.fromkeys("abc", 1_200_000))
    page.reload()
    page.card.wait_for_points("c", 1_200_000)
    record_figures(
        grown_mb=grown,
        loaded_anew_mb=page.heap_bytes() / 1e6 - before / 1e6,
        frames_per_second=frames,
        longest_task_ms=longest,
        blocked_share=blocked,
    )
    assert grown < 50


def test_a_log_of_a_gigabyte_is_followed_to_its_end(show: Show, lab: Lab, submit: Submit, record_figures: Figures):
    script = """
        import sys
        line = "x" * 99
        for number in range(10_000):
            sys.stdout.write((line + "\\n") * 1000)
        print("the last line")
    """
    run = submit(script)
    lab.write("gigabyte.ipynb", showing(run))
    page = show("gigabyte.ipynb")
    page.card.wait_for_state("Running", "Finalizing", "Completed")
    before = page.heap_bytes()
    watch(page)
    log = page.card.tab("Log")
    page.card.wait_for_state("Completed", seconds=900)
    expect(log).to_contain_text("the last line")
    frames, longest, blocked = watched(page)
    elements = page.card.locator.locator(".td-log-line").count()
    record_figures(
        grown_mb=(page.heap_bytes() - before) / 1e6,
        lines_in_the_page=elements,
        frames_per_second=frames,
        longest_task_ms=longest,
        blocked_share=blocked,
    )
    assert elements < 200
    assert page.heap_bytes() - before < 100e6
    assert longest < 2_000


def test_five_hundred_metrics_are_shown_a_few_at_a_time(show: Show, lab: Lab, submit: Submit, record_figures: Figures):
    script = """
        import time
        from traindock import Run
        run = Run.get_context()
        for step in range(5_000):
            for number in range(500):
                run.log(f"metric {number:03}", step, step=step)
            if step % 50 == 49:
                time.sleep(0.1)
    """
    run = submit(script)
    lab.write("many.ipynb", showing(run))
    page = show("many.ipynb")
    page.card.locator.locator(".td-chart").first.wait_for()
    before = page.heap_bytes()
    watch(page)
    page.card.wait_for_state("Completed", seconds=600)
    frames, longest, blocked = watched(page)
    grown = (page.heap_bytes() - before) / 1e6
    record_figures(grown_mb=grown, frames_per_second=frames, longest_task_ms=longest, blocked_share=blocked)
    charts = page.card.locator.locator(".td-chart")
    expect(charts).to_have_count(12)
    page.card.locator.get_by_role("searchbox", name="Filter metrics").fill("metric 499")
    expect(charts).to_have_count(1)
    expect(charts.get_by_role("img")).to_have_attribute(
        "aria-label", "Chart of metric 499: metric 499 4999 after 5,000 points"
    )
    assert grown < 50
    assert longest < 2_000


def test_a_metric_whose_name_is_a_megabyte_is_shown_by_its_beginning(show: Show, lab: Lab, submit: Submit):
    script = """
        from traindock import Run
        run = Run.get_context()
        for step in range(10):
            run.log("n" * 1_000_000, step)
            run.log("loss", step)
    """
    run = submit(script)
    lab.write("long-name.ipynb", showing(run))
    page = show("long-name.ipynb")
    page.card.wait_for_state("Completed")
    assert page.card.points()["loss"] == 10
    titles = page.card.locator.locator(".td-chart-title").all_inner_texts()
    assert sorted(map(len, titles)) == [4, 80]
    assert page.card.locator.evaluate("card => card.outerHTML.length") < 100_000


def test_a_page_that_shows_the_same_run_for_long_does_not_grow(
    show: Show, lab: Lab, hostile_run, record_figures: Figures
):
    lab.write("often.ipynb", *[showing(hostile_run)])
    page = show("often.ipynb")
    page.card.wait_for_state("Completed")
    sizes = []
    for _ in range(3):
        for _ in range(30):
            for tab in ("Log", "Files", "Details", "Curves"):
                page.card.tab(tab)
        sizes.append(page.heap_bytes() / 1e6)
    record_figures(first_mb=sizes[0], last_mb=sizes[-1])
    assert sizes[-1] < sizes[0] + 5
