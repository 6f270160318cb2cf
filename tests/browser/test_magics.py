"""Magics on a page: lines are completed, and the traceback on the card of a cell that was sent leads to its lines."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab, code

from traindock import Workspace

#: Fails in its line 9: two blank ones are above the magic.
FAILING = """

%%traindock --experiment sent {where} --with names
from traindock import Run

for number in range(20):
    Run.get_context().log("loss", 1 / (1 + number), step=number)

names[3]
"""


@pytest.mark.soak
def test_lines_are_completed_and_a_traceback_leads_to_the_line_of_the_cell(
    show: Show, lab: Lab, workspace: Workspace
) -> None:
    where = f"--workspace {workspace.layout.root}"
    sent = FAILING.format(where=where).rstrip("\n")
    lab.write("magics.ipynb", code("%load_ext traindock\nnames = [1, 2, 3]"), code(sent), code(""))
    page = show("magics.ipynb")
    page.run_all()
    page.card.wait_for_state("Failed")
    page.card.wait_for_points("loss", 20)
    cell = page.page.locator(".jp-CodeCell .cm-content").last
    items = page.page.locator(".jp-Completer-item")

    cell.click()
    cell.press_sequentially("%traindock regi")
    cell.press("Tab")
    expect(items.filter(has_text="register")).to_be_visible()
    cell.press("Enter")
    expect(cell).to_have_text("%traindock register")
    cell.press("ControlOrMeta+a")
    cell.press_sequentially(f"%traindock {where} show sent")
    cell.press("Tab")
    expect(items.filter(has_text="sent:1")).to_be_visible()
    cell.press("Escape")

    frame = page.card.tab("Log").locator("button.td-link").filter(has_text="cell.py")
    expect(frame).to_have_text('File "cell.py", line 9, in <module>')
    frame.click()
    shown = page.page.get_by_role("tabpanel", name="cell.py")
    line = shown.locator(".cm-line").nth(8)
    expect(line).to_have_text("names[3]")
    there, selected = line.bounding_box(), shown.locator(".cm-selectionBackground").bounding_box()
    assert there is not None
    assert selected is not None
    assert abs(there["y"] - selected["y"]) < there["height"] / 2
