"""A log of tens of megabytes in a card: read from its end to its beginning, and searched."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab
from tests.browser.pages import LabPage
from tests.browser.scripts import showing

from traindock import Run

#: A log of 30 MB, whose bars draw over themselves near its end.
LONG = """
import sys
for block in range(300):
    sys.stdout.write("".join(f"line {at} {'.' * 90}\\n" for at in range(1000 * block, 1000 * block + 1000)))
sys.stdout.write("\\repochs:   0%|    | 0/3")
for epoch in range(1, 4):
    for batch in range(1, 41):
        sys.stdout.write(f"\\n\\rbatches: {batch * 100 // 40:3}%|# | {batch}/40\\x1b[A")
    sys.stdout.write(f"\\repochs: {epoch * 100 // 3:3}%|### | {epoch}/3")
print("\\n\\nthe end")
"""


@pytest.fixture
def page(show: Show, lab: Lab, submit_early: Callable[..., Run]) -> LabPage:
    """A page with the card of the run."""
    run: Run = submit_early(LONG)
    lab.write("long.ipynb", showing(run))
    page = show("long.ipynb")
    page.card.wait_for_state("Completed")
    return page


def test_a_log_of_30_megabytes_is_read_and_searched_to_its_beginning(page: LabPage):
    log = page.card.tab("Log")
    lines = log.locator(".td-log-line")
    expect(lines.last).to_have_text("the end")
    assert lines.all_inner_texts()[-3:-1] == ["epochs: 100%|### | 3/3", "batches: 100%|# | 40/40"]
    before = page.heap_bytes()

    log.locator(".td-lines").evaluate("lines => { lines.scrollTop = 0 }")
    expect(log).to_contain_text("before these lines")
    numbers = [int(found[1]) for text in lines.all_inner_texts() if (found := re.match(r"line (\d+) ", text))]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))

    log.get_by_role("searchbox").fill("line 100 ")
    expect(log).to_contain_text("1 of 1 line with “line 100 ” · line 101")
    found = log.locator(".td-log-line[aria-current]")
    expect(found).to_contain_text("line 100 ")
    expect(found).to_be_in_viewport()

    log.get_by_role("searchbox").fill("7")
    expect(log).to_contain_text("1 of the first 1,000 lines with “7”, of more")
    log.get_by_role("searchbox").press("Enter")
    expect(found).to_contain_text("line 17 ")

    log.locator(".td-lines").press("Home")
    expect(lines.first).to_contain_text("line 0 ")
    assert page.violations(".td-log") == []
    assert lines.count() < 200
    assert page.heap_bytes() - before < 30e6
    log.get_by_role("button", name="Follow").click()
    expect(lines.last).to_have_text("the end")
