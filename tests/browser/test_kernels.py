"""Cards go on whatever becomes of the kernel: they are drawn from the server."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect
from tests.browser.conftest import AddKernel, Show
from tests.browser.labs import Lab, code, kernel_process
from tests.browser.pages import LabPage
from tests.browser.scripts import STEADY, STUBBORN, last_run, logged, submitting, waiting_for
from tests.conftest import kill

from traindock import Workspace
from traindock.states import State


def test_a_card_is_live_while_a_cell_blocks_the_kernel_and_after_the_page_is_loaded_anew(
    show: Show, lab: Lab, workspace: Workspace, tmp_path: Path, add_kernel: AddKernel
):
    end, idle = tmp_path / "end", tmp_path / "idle"
    lab.write(
        "blocked.ipynb", code(submitting(workspace.layout.root, STEADY, end)), waiting_for(idle), kernel=add_kernel(lab)
    )
    page = show("blocked.ipynb")
    page.run_all()
    goes_on(page)
    page.save()
    page.reload()
    goes_on(page)
    end.touch()
    page.card.wait_for_state("Completed")
    assert lab.is_busy("blocked.ipynb")
    page.card.wait_for_all(logged(last_run(workspace)))
    idle.touch()


def test_awaiting_a_run_shows_its_card(
    show: Show, lab: Lab, workspace: Workspace, tmp_path: Path, add_kernel: AddKernel
):
    end = tmp_path / "end"
    submit = submitting(workspace.layout.root, STEADY, end).removesuffix("\nrun")
    cells = code(submit), code("details = await run"), code("print(details['status'])")
    lab.write("awaited.ipynb", *cells, kernel=add_kernel(lab))
    page = show("awaited.ipynb")
    page.run_all()
    goes_on(page)
    end.touch()
    page.card.wait_for_state("Completed")
    expect(page.page.locator(".jp-OutputArea").last).to_contain_text("Completed")
    page.card.wait_for_all(logged(last_run(workspace)))


def test_a_run_is_stopped_by_a_click_while_a_cell_blocks_the_kernel(
    show: Show, lab: Lab, workspace: Workspace, tmp_path: Path
):
    idle = tmp_path / "idle"
    lab.write("stopped.ipynb", code(submitting(workspace.layout.root, STUBBORN, tmp_path / "never")), waiting_for(idle))
    page = show("stopped.ipynb")
    page.run_all()
    page.card.wait_for_points("train_loss", 1)
    page.card.stop()
    expect(page.card.button("Stopping…")).to_be_disabled()
    page.card.wait_for_state("Canceled")
    assert lab.is_busy("stopped.ipynb")
    assert last_run(workspace).record.state is State.CANCELED
    expect(page.card.button("Resubmit")).to_be_enabled()
    idle.touch()


def test_a_card_goes_on_after_the_kernel_is_killed_in_a_trusted_and_in_an_untrusted_notebook(
    show: Show, lab: Lab, workspace: Workspace, tmp_path: Path
):
    end = tmp_path / "end"
    lab.write("dead.ipynb", code(submitting(workspace.layout.root, STEADY, end)))
    page = show("dead.ipynb")
    page.run_all()
    goes_on(page)
    page.save()
    kill(kernel_process(lab, "dead.ipynb"))
    page.reload()
    goes_on(page)
    assert trusted(page)
    copied = json.loads((lab.folder / "dead.ipynb").read_text())
    copied["cells"][0]["source"] += "  # not what was signed"
    (lab.folder / "untrusted.ipynb").write_text(json.dumps(copied))
    page.open("untrusted.ipynb")
    goes_on(page)
    assert not trusted(page)
    end.touch()
    page.card.wait_for_state("Completed")
    page.card.wait_for_all(logged(last_run(workspace)))


def goes_on(page: LabPage) -> None:
    """Wait until a good second's worth of points has come."""
    seen = page.card.wait_for_points("train_loss", 1)
    page.card.wait_for_points("train_loss", seen + 100)


def trusted(page: LabPage) -> bool:
    cells = "[...jupyterapp.shell.currentWidget.content.model.cells]"
    return bool(page.page.evaluate(f"{cells}.every(cell => cell.trusted)"))
