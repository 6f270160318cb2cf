"""Pictures of what JupyterLab has around cards: the sidebar, tabs, forms, notifications and magics."""

from __future__ import annotations

import shutil

import nbformat
from playwright.sync_api import expect
from tests.browser.labs import code, markdown
from tests.browser.pictures.studio import EXPERIMENT, MODEL, SCRIPTS, TARGET, WHOLE, Studio, rest, widen
from tests.browser.sidebars import Sidebar
from tests.conftest import REPOSITORY

#: Beside the pictures of the sidebar.
SIDEBAR_TEXT = "## Ants and bees\n\nAll runs of the workspace are beside the notebook, live."


def sidebar(studio: Studio) -> None:
    """The sidebar with runs that have ended, that go on and that wait; and of a workspace that has none."""
    for run, stage in zip(studio.trained, ("search", "tuning", "tuning"), strict=True):
        run.tag("stage", stage)
    ahead, waiting = (studio.train(f"rate {rate}, long", rate, 400) for rate in (0.001, 0.0005))
    ahead.tag("stage", "tuning")
    page = studio.show(markdown(SIDEBAR_TEXT), **WHOLE)
    shown = Sidebar(page)
    widen(page, shown, 320)
    going = shown.row("rate 0.001, long")
    going.locator(".jp-Traindock-Curve").wait_for(timeout=300_000)
    for run in studio.trained[1:]:
        shown.locator.locator(f"[data-key='{run.id}']").click(modifiers=["Control"])
    rest(page)
    studio.keep("sidebar", page.page)
    shown.locator.get_by_label("Select none").click()
    page.choose_theme("JupyterLab Dark")
    shown.choose("Sort by", "Metric")
    expect(shown.locator.locator(".jp-Traindock-Run").last.locator(".jp-Traindock-MetricName")).to_have_count(0)
    rest(page)
    studio.keep("sidebar-dark", shown.locator)
    page.choose_theme("JupyterLab Light")
    shown.choose("Sort by", "Newest")
    shown.choose("Group by", "tag:stage")
    shown.groups.filter(has_text="stage=tuning").click()
    going.wait_for()
    rest(page)
    studio.keep("sidebar-grouped", shown.locator)
    page.page.evaluate("jupyterapp.commands.execute('running:show-panel')")
    page.page.locator("#jp-running-sessions").get_by_text("rate 0.001, long").wait_for()
    studio.keep("running-panel", page.page)
    shown = Sidebar(page)
    shown.choose("Group by", "")
    shown.locator.get_by_title("Filter, sort and group").click()
    shown.locator.get_by_label("New workspace").click()
    page.page.get_by_role("dialog").locator("input").fill("wasps")
    shown.answer("Create")
    shown.locator.get_by_text("No runs yet.").wait_for()
    studio.keep("sidebar-empty", shown.locator)
    page.page.close()
    waiting.cancel()
    ahead.cancel()
    ahead.wait_for_completion(raise_on_error=False)


def registry(studio: Studio) -> None:
    """The tab of a model, a queue, and the form of a compute target."""
    _ = studio.trained
    page = studio.show(markdown(SIDEBAR_TEXT), **{**WHOLE, "width": 1200, "height": 1300})
    shown = Sidebar(page)
    shown.locator.get_by_role("list", name="Models").get_by_role("button", name=MODEL).first.click()
    card = page.page.get_by_role("article", name=f"Model {MODEL}")
    for theme, name in (("JupyterLab Light", "model"), ("JupyterLab Dark", "model-dark")):
        page.choose_theme(theme)
        card.get_by_role("group", name="Lineage of version 2").get_by_role("button", name="Run").wait_for()
        card.get_by_text("model.pt").first.wait_for()
        studio.keep(name, card)
    page.choose_theme("JupyterLab Light")

    ahead = studio.train("rate 0.001, long", 0.001, 400)
    waiting = [studio.train(f"rate {rate}", rate, 400) for rate in (0.0005, 0.003, 0.01)]
    compute = shown.locator.locator("#jp-traindock-sidebar-compute")
    for title in ("Runs", "Models"):  # to make room
        shown.locator.locator(".lm-AccordionPanel-title").filter(has_text=title).click()
    widen(page, shown, 320)
    compute.get_by_text("held by “rate 0.001, long”").nth(2).wait_for(timeout=120_000)
    compute.get_by_role("list", name="Queue").get_by_role("listitem").nth(1).hover()
    page.page.set_viewport_size({**WHOLE, "height": 700})
    studio.keep("compute", compute)
    page.choose_theme("JupyterLab Dark")
    studio.keep("compute-dark", compute)
    page.choose_theme("JupyterLab Light")
    page.page.set_viewport_size({**WHOLE, "width": 1200, "height": 1300})
    page.page.evaluate("jupyterapp.commands.execute('traindock:new-compute')")
    form = page.page.get_by_role("article", name="New compute target")
    form.get_by_role("radio", name="docker").check()
    form.get_by_role("textbox", name="Name").fill("gpu-box")
    form.get_by_role("textbox", name="Memory").fill("56g")
    studio.keep("compute-form", form)
    page.page.close()
    for run in (*waiting, ahead):
        run.cancel()
    ahead.wait_for_completion(raise_on_error=False)


def forms(studio: Studio) -> None:
    """The form of the tutorial's script with its plan, and the notification of the run that it submits."""
    shutil.copytree(SCRIPTS, studio.lab.folder / EXPERIMENT, ignore=shutil.ignore_patterns("*.ipynb", "__pycache__"))
    page = studio.show(markdown("# Insects"), width=1010, height=1400)
    page.page.evaluate(
        "path => void jupyterapp.commands.execute('traindock:train-file', { path })", f"{EXPERIMENT}/pytorch_train.py"
    )
    form = page.page.locator(".jp-Traindock-Submit")
    form.get_by_label("--learning_rate").fill("0.002")
    form.get_by_label("--num_epochs").fill("5")
    form.get_by_label("--data").fill("drawn")
    form.get_by_label("--model").fill("tiny")
    form.get_by_label("Compute target").select_option(TARGET)
    form.get_by_label("PyTorch and packages").check()
    form.get_by_label("Packages of pip").fill("pillow\nmatplotlib")
    form.get_by_label("Version of PyTorch").fill("2.8")
    form.get_by_label("Display name").fill("rate 0.002")
    plan = form.locator(".jp-Traindock-plan:not(.jp-mod-stale)")
    plan.wait_for()
    studio.keep("submit-form", page.page)
    studio.keep("submit-plan", plan)
    page.choose_theme("JupyterLab Dark")
    studio.keep("submit-form-dark", page.page)
    page.choose_theme("JupyterLab Light")
    form.get_by_label("The Python of this Jupyter server").check()
    form.get_by_role("button", name="Submit", exact=True).click()
    told = page.page.locator(".Toastify__toast", has_text="Completed: rate 0.002")
    told.wait_for(timeout=300_000)
    studio.keep("notification", told, animated=True)  # at the end of its animation it is gone
    page.page.close()


def magics(studio: Studio) -> None:
    """Cells of the tour, as a page shows them once they were executed."""
    studio.workspace.write_config(studio.lab.folder)
    tour = nbformat.read(REPOSITORY / "notebooks" / "magics.ipynb", as_version=4)
    cells = [cell for cell in tour.cells if cell.cell_type == "code"]
    last = next(number for number, cell in enumerate(cells) if cell.source.startswith("%traindock runs"))
    studio.lab.end_kernels()
    page = studio.show(*({**code(cell.source), "metadata": cell.metadata} for cell in cells[: last + 1]), height=5000)
    page.run_all()
    page.page.locator(".jp-RenderedHTMLCommon table").wait_for()
    page.card.wait_for_state("Completed")
    for name, number in (("sent", 1), ("refused", 4), ("listed", last)):
        studio.keep(f"magics-{name}", page.page.locator(".jp-CodeCell").nth(number))
    page.page.close()


def notebook7(studio: Studio) -> None:
    """The list of runs as a tab beside the files of Notebook 7."""
    _ = studio.trained
    page = studio.context.new_page()
    page.set_viewport_size({**WHOLE, "height": 600})
    page.goto(f"{studio.lab.server.url}tree")
    page.get_by_role("tab", name="Traindock").click()
    page.locator(".jp-Traindock-Run").nth(2).wait_for()
    studio.keep("notebook7", page)
    page.close()
