"""A card says so where something is missing, and is drawn by whoever is left: the kernel, or a picture."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from playwright.sync_api import Route, expect
from tests.browser.conftest import AddKernel, Show
from tests.browser.labs import Lab, code
from tests.browser.pages import LabPage
from tests.browser.scripts import STEADY, last_run, listing, logged, showing, submitting, waiting_for
from tests.conftest import Submit, end_everything_in

from traindock import Run, Workspace
from traindock._version import __version__
from traindock.runtime.metric_format import STEPPED
from traindock_widgets.picture import picture

#: Beside the errors that a browser notes by itself where something is not there.
NOT_THERE = ["404", "WebSocket"]


def test_the_kernel_draws_the_card_where_the_server_has_no_extension(
    show: Show, start_lab: Callable[..., Lab], workspace: Workspace, tmp_path: Path
):
    end = tmp_path / "end"
    lab = start_lab(extension=False)
    lab.write("no-extension.ipynb", code(submitting(workspace.layout.root, STEADY, end)))
    page = show("no-extension.ipynb", lab)
    page.expected += NOT_THERE
    page.run_all()
    expect(page.card.locator).to_contain_text("has not got the extension of Traindock")
    kernels = page.second_card
    kernels.wait_for_points("train_loss", 100)
    end.touch()
    kernels.wait_for_state("Completed")
    kernels.wait_for_all(logged(last_run(workspace)))
    # Without a kernel that knows the run the message is all there is.
    page.save()
    lab.end_kernels()
    page.expected.append("model not found")
    page.reload()
    page.wait_for_kernel()  # after which widgets are drawn, or are not
    expect(page.card.locator).to_contain_text("has not got the extension of Traindock")
    expect(page.page.get_by_text("Error displaying widget")).not_to_be_visible()


@pytest.mark.soak
def test_the_kernel_draws_the_card_of_a_run_whose_workspace_the_server_does_not_know(
    show: Show, lab: Lab, tmp_path: Path
):
    end, folder = tmp_path / "end", tmp_path / "elsewhere"
    make = f"""
        import os
        os.environ["XDG_DATA_HOME"] = os.environ["XDG_CONFIG_HOME"] = {str(folder)!r}
        from traindock import Workspace
        Workspace.create("elsewhere", path={str(folder / "workspace")!r}, show_output=False)
    """
    lab.write("elsewhere.ipynb", code(dedent(make)), code(submitting(folder / "workspace", STEADY, end)))
    page = show("elsewhere.ipynb")
    page.expected.append("404")
    page.run_all()
    expect(page.card.locator).to_contain_text("does not know the workspace of this run", timeout=60_000)
    try:
        page.second_card.wait_for_points("train_loss", 100)
    finally:
        end_everything_in(Workspace(folder / "workspace"))


def test_a_card_says_that_its_run_was_deleted(show: Show, lab: Lab, submit: Submit):
    run = submit("print('done')")
    run.wait_for_completion()
    lab.write("deleted.ipynb", showing(run))
    page = show("deleted.ipynb")
    page.card.wait_for_state("Completed")
    run.delete()
    expect(page.card.locator).to_contain_text("This run was deleted")
    page.expected.append("404")
    page.reload()
    expect(page.card.locator).to_contain_text("This run was deleted")


@pytest.mark.soak
def test_a_card_draws_what_can_be_read_of_torn_metrics_and_says_what_cannot(show: Show, lab: Lab, submit: Submit):
    run = submit(
        "from traindock import Run\nfor step in range(300):\n    Run.get_context().log('loss', 1.0, step=step)"
    )
    run.wait_for_completion()
    [numbers] = run.workspace.layout.run(run.id).metrics.glob("*/0.bin")
    numbers.chmod(0o600)
    with numbers.open("r+b") as file:
        file.seek(100 * STEPPED)
        file.write(b"\xff" * 3 * STEPPED)
        file.seek(-STEPPED // 2, 2)
        file.truncate()
    lab.write("torn.ipynb", showing(run))
    page = show("torn.ipynb")
    page.card.wait_for_all({"loss": 296})
    expect(page.card.locator).to_contain_text("4 records of its metrics cannot be read")
    expect(page.card.locator).to_contain_text("what can be read is shown")


def test_a_page_of_another_version_than_the_server_says_so_and_goes_on(show: Show, lab: Lab, hostile_run: Run):
    def answer_as_an_older_server(page: LabPage) -> None:
        def answer(route: Route) -> None:
            response = route.fetch()
            route.fulfill(response=response, json={**response.json(), "version": "0.0.1"})

        page.page.route(re.compile(r"/traindock/api/(\?|$)"), answer)

    lab.write("versions.ipynb", showing(hostile_run))
    page = show("versions.ipynb", prepare=answer_as_an_older_server)
    notice = f"This page has version {__version__} of Traindock, and the Jupyter server 0.0.1"
    expect(page.card.locator).to_contain_text(notice)
    page.second_card.wait_for_state("Completed")
    page.second_card.wait_for_points("val_loss", 300)


@pytest.mark.soak
def test_a_card_of_a_newer_version_is_drawn_by_its_kernel(show: Show, lab: Lab, hostile_run: Run):
    newer = f"""
        from dataclasses import replace
        from traindock_widgets import outputs
        outputs.RUN = replace(outputs.RUN, version=99)
        from traindock import Run, Workspace
        Run.get(Workspace({str(hostile_run.workspace.layout.root)!r}), {hostile_run.id!r})
    """
    lab.write("newer.ipynb", code(dedent(newer)))
    page = show("newer.ipynb")
    page.run_all()
    expect(page.card.locator).to_contain_text("newer version of Traindock (its form is 99", timeout=60_000)
    page.second_card.wait_for_state("Completed")


def test_without_the_labextension_the_kernel_feeds_the_card_while_a_cell_blocks_it(
    show: Show, lab_without_cards: Lab, workspace: Workspace, tmp_path: Path, add_kernel: AddKernel
):
    idle, lab = tmp_path / "idle", lab_without_cards
    submit = code(submitting(workspace.layout.root, STEADY, tmp_path / "never"))
    lab.write("no-labextension.ipynb", submit, waiting_for(idle), kernel=add_kernel(lab))
    page = show("no-labextension.ipynb", lab)
    page.run_all()
    seen = page.card.wait_for_points("train_loss", 1)
    page.card.wait_for_points("train_loss", seen + 200)
    assert lab.is_busy("no-labextension.ipynb")
    page.card.stop()
    expect(page.card.locator).to_contain_text("done when its cell ends")
    assert page.card.state == "Running"
    idle.touch()
    page.card.wait_for_state("Canceled")
    page.card.wait_for_all(logged(last_run(workspace)))


@pytest.mark.soak
def test_without_the_labextension_the_kernel_sends_the_views_of_what_is_opened_in_a_list(
    show: Show, lab_without_cards: Lab, hostile_run: Run, failed_run: Run
):
    lab = lab_without_cards
    lab.write("list.ipynb", code(listing(failed_run)))
    page = show("list.ipynb", lab)
    page.run_all()
    page.card.locator.get_by_role(
        "button", name=f"{failed_run.experiment.name} #{failed_run.number}", exact=True
    ).click()
    page.second_card.wait_for_state("Failed")
    expect(page.second_card.tab("Files")).to_contain_text("logs/stdout.txt")
    for run in (hostile_run, failed_run):
        page.card.locator.get_by_label(f"Tick {run.experiment.name} #{run.number}", exact=True).check()
    page.card.button("Compare 2 runs").click()
    expect(page.second_card.locator).to_have_attribute("aria-label", "Comparison of 2 runs")
    expect(page.second_card.locator.locator(".td-plot").first).to_be_visible()
    lab.end_kernels()


def test_an_exported_page_shows_a_picture(show: Show, lab: Lab, hostile_run: Run):
    notebook = lab.write("exported.ipynb", showing(hostile_run, picture(hostile_run)))
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", str(notebook)], check=True, capture_output=True)

    # nbconvert's own template fetches what draws formulas and widgets, which is not to be waited for.
    def stay_here(page: LabPage) -> None:
        page.expected.append("cdnjs")
        page.page.route("https://**", lambda route: route.abort())

    page = show(notebook.with_suffix(".html"), prepare=stay_here)
    image = page.page.locator(".jp-OutputArea img")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") > 600
    assert page.page.locator("script", has_text="alert").count() == 0
