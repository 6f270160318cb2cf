"""What people learn of runs wherever they are in JupyterLab: when they end, how many there are, which are running."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab, markdown
from tests.browser.pages import Card
from tests.browser.scripts import STEADY
from tests.browser.sidebars import tab_to
from tests.conftest import Submit, wait_for

from traindock import ComputeTarget, LocalCompute, Workspace

#: Notes what the page would show on the desktop, as a browser does whose user allows it, and is looking elsewhere.
DESKTOP = """
    window.shownOnDesktop = [];
    window.Notification = class {
        static permission = 'granted';
        static requestPermission = async () => 'granted';
        constructor(title, options) { window.shownOnDesktop.push(options.body); }
        close() {}
    };
    document.hasFocus = () => false;
"""


def toasts(page: Page, text: str) -> Locator:
    """Return the notifications of a page that have a text."""
    return page.locator(".Toastify__toast", has_text=text)


def counted(page: Page) -> Locator:
    """Return what the status bar tells."""
    return page.locator(".jp-Traindock-Status button")


def test_the_end_of_a_run_is_told_by_one_of_the_pages_and_opens_it(
    show: Show, lab: Lab, submit: Submit, tmp_path: Path
) -> None:
    submit("print('before')").wait_for_completion()
    lab.write("first.ipynb", markdown("# One"))
    lab.write("second.ipynb", markdown("# Two"))
    pages = [show("first.ipynb").page, show("second.ipynb").page]
    for page in pages:
        page.evaluate(DESKTOP)
        page.evaluate("jupyterapp.commands.execute('traindock:desktop-notifications')")
    end = tmp_path / "end"
    run = submit(STEADY, str(end))
    run.display_name = "larger batches"
    for page in pages:
        expect(counted(page)).to_have_text("1 running")
    wait_for(lambda: run.get_metrics().get("train_loss"), "a first value")
    end.touch()

    def telling() -> Page | None:
        return next((page for page in pages if toasts(page, "Completed: larger batches").count()), None)

    page = wait_for(telling, "a page that tells of the run", 60)
    expect(toasts(page, "larger batches")).to_contain_text(re.compile("accuracy|train_loss"))
    toasts(page, "larger batches").get_by_role("button", name="Open").click()
    card = page.locator(".td-card:visible").filter(has=page.locator(".td-state"))
    Card(card).wait_for_state("Completed")
    expect(card).to_contain_text("larger batches")

    # once the next one is told of, nobody tells of that one any more
    submit("print('next')", experiment="next")
    told_of_next = [toasts(one, "Completed: next #") for one in pages]
    wait_for(lambda: any(one.count() for one in told_of_next), "a page that tells of the next", 60)
    assert not any(toasts(one, "larger batches").count() for one in pages if one is not page)
    told = [text for one in pages for text in one.evaluate("window.shownOnDesktop")]
    assert sum("larger batches" in text for text in told) == 1
    assert not any("tests #" in text for text in told), "what had ended before is not told of"
    for one in pages:
        expect(counted(one)).not_to_be_visible()


def test_running_runs_are_counted_shown_and_stopped(show: Show, lab: Lab, submit: Submit, tmp_path: Path) -> None:
    lab.write("running.ipynb", markdown("# Two"))
    page = show("running.ipynb").page
    run = submit(STEADY, str(tmp_path / "never"))
    run.display_name = "going on"
    expect(counted(page)).to_have_text("1 running")

    page.get_by_title("Running Terminals and Kernels").click()
    item = page.locator(".jp-RunningSessions-item", has_text="going on")
    item = item.filter(has=page.get_by_title("Stop"))  # its tab is among the open ones later, which have no such button
    expect(item).to_contain_text("Running")
    item.locator(".jp-RunningSessions-itemLabel").click()
    Card(page.locator(".td-card:visible").filter(has=page.locator(".td-state"))).wait_for_state("Running")

    counted(page).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#jp-traindock-sidebar")).to_be_visible()

    # each setting is obeyed at once
    choose(page, lab, "status", "shown", "Count runs in the status bar", on=False)
    expect(counted(page)).not_to_be_visible()
    choose(page, lab, "status", "shown", "Count runs in the status bar", on=True)
    expect(counted(page)).to_have_text("1 running")
    choose(page, lab, "notifications", "onEnd", "When a run ends", on=False)

    page.get_by_title("Running Terminals and Kernels").click()
    item.hover()
    item.get_by_title("Stop").click()
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    item.focus()  # as the arrow keys do
    tab_to(page, item.get_by_title("Stop"))
    page.keyboard.press("Space")  # JupyterLab's tree keeps Enter for itself
    tab_to(page, dialog.get_by_role("button", name="Stop"))
    page.keyboard.press("Enter")
    run.wait_for_completion(raise_on_error=False)
    assert run.get_status() == "Canceled"
    expect(item).to_have_count(0)
    expect(counted(page)).not_to_be_visible()

    choose(page, lab, "notifications", "onEnd", "When a run ends", on=True)
    failed = submit("raise SystemExit(3)")
    toast = toasts(page, f"Failed: {failed.experiment.name} #{failed.number}")
    expect(toast).to_be_visible(timeout=60_000)
    assert toasts(page, "going on").count() == 0
    toast.get_by_role("button", name="Open").press("Enter")
    card = page.locator(".td-card:visible").filter(has=page.locator(".td-state"))
    expect(card).to_contain_text(f"{failed.experiment.name} #{failed.number}")
    Card(card).wait_for_state("Failed")


@pytest.mark.soak
def test_all_that_run_are_stopped_by_keys(
    show: Show, lab: Lab, workspace: Workspace, submit: Submit, tmp_path: Path
) -> None:
    ComputeTarget.create(workspace, "pair", LocalCompute.provisioning_configuration(max_nodes=2))
    lab.write("all.ipynb", markdown("# All"))
    shown = show("all.ipynb")
    page = shown.page
    runs = [submit(STEADY, str(tmp_path / "never"), compute_target="pair") for _ in range(2)]
    expect(counted(page)).to_have_text("2 running", timeout=60_000)
    shown.wait_for_kernel()  # one that is ended while it begins holds up the end of Jupyter Server

    page.get_by_title("Running Terminals and Kernels").click()
    toolbar = page.get_by_role("toolbar", name="Runs toolbar")
    toolbar.get_by_role("button", name="Stop All").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Dialog")).to_contain_text("Stop 2 runs? What they have written is kept.")
    page.keyboard.press("Enter")
    for run in runs:
        run.wait_for_completion(raise_on_error=False)
    assert [run.get_status() for run in runs] == ["Canceled", "Canceled"]
    expect(counted(page)).not_to_be_visible()


def choose(page: Page, lab: Lab, plugin: str, name: str, label: str, *, on: bool) -> None:
    """Turn a setting on or off, in JupyterLab's editor of settings."""
    page.evaluate("query => jupyterapp.commands.execute('settingeditor:open', { query })", plugin)
    page.get_by_label(label).set_checked(on)

    def kept() -> bool:
        raw = lab.ask(f"lab/api/settings/jupyterlab-traindock:{plugin}")["raw"]  # JSON with comments
        return (f'"{name}": false' in raw) is not on

    wait_for(kept, f"{name} to be {on}")
    page.get_by_role("tab", name="Settings", exact=True).locator(".lm-TabBar-tabCloseIcon").click()
