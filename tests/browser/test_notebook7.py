"""Cards in Notebook 7, whose pages have one notebook, and no room for tabs beside it."""

from __future__ import annotations

from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab
from tests.browser.scripts import showing

from traindock import Run


def test_a_card_is_drawn_and_the_line_that_failed_is_shown_beside_the_notebook(
    show: Show, lab: Lab, failed_run: Run
) -> None:
    lab.write("classic.ipynb", showing(failed_run))
    page = show("classic.ipynb", app="notebooks")
    # Notebook 7.6 by itself, where JupyterLab 4.6 is installed
    page.expected += ["reading 'schema'", "Command 'filebrowser:open-path' not registered"]
    page.card.wait_for_state("Failed")

    page.card.tab("Log")
    page.card.locator.locator(".td-log-line button").first.click()

    editor = page.page.locator("#jp-right-stack .cm-content")
    expect(editor).to_contain_text("the loss is not finite")
    expect(page.card.locator).to_be_visible()
