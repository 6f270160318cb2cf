"""What a page has is whole, whatever becomes of its connection, and however much comes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab, markdown
from tests.browser.pages import LOST_SERVER, watch, watched
from tests.browser.scripts import STEADY, logged, showing
from tests.browser.sidebars import Sidebar
from tests.conftest import Submit

from traindock import ComputeTarget, LocalCompute, Model, Run, Workspace

#: Logs twenty thousand points a second for some seconds, on four metrics.
FLOOD = """
    import sys, time
    from traindock import Run
    run = Run.get_context()
    begin, step = time.perf_counter(), 0
    while step < 5_000 * int(sys.argv[1]):
        for _ in range(50):
            step += 1
            for name in ("a", "b", "c", "d"):
                run.log(name, step % 97, step=step)
        time.sleep(max(0, begin + step / 5_000 - time.perf_counter()))
"""


def test_a_card_goes_on_after_the_server_was_killed_and_started_again(
    show: Show, lab: Lab, submit: Submit, tmp_path: Path
):
    end = tmp_path / "end"
    run = submit(STEADY, end)
    lab.write("server.ipynb", showing(run))
    page = show("server.ipynb")
    page.expected += LOST_SERVER
    seen = page.card.wait_for_points("train_loss", 100)
    lab.kill()
    expect(page.card.locator).to_contain_text("The connection is broken")
    lab.start()
    page.card.wait_for_points("train_loss", seen + 200)
    expect(page.card.locator).not_to_contain_text("The connection is broken")
    end.touch()
    page.card.wait_for_state("Completed")
    page.card.wait_for_all(logged(run))


@pytest.mark.soak
def test_a_form_a_model_a_queue_and_the_panel_of_notebook_7_go_on_after_the_server_was_killed_and_started_again(
    show: Show, lab: Lab, submit: Submit, workspace: Workspace, tmp_path: Path
):
    for _ in range(2):
        model = Model.register(workspace, __file__, "after-a-kill")
    ComputeTarget.create(workspace, "after-a-kill", LocalCompute.provisioning_configuration(max_nodes=1))
    for name in ("at work", "first", "second"):
        submit(STEADY, tmp_path / "end", compute_target="after-a-kill").display_name = name
    (lab.folder / "after_a_kill.py").write_text("print('trained')")
    for name in ("after-a-kill.ipynb", "panel-after-a-kill.ipynb"):
        lab.write(name, markdown("# Insects"))
    beside = show("panel-after-a-kill.ipynb", app="notebooks")
    panel = Sidebar(beside)
    panel.locator.get_by_label("Workspace", exact=True).select_option(label=workspace.name)
    page = show("after-a-kill.ipynb")
    sidebar = Sidebar(page)
    for one in (page, beside):
        # Notebook 7.6 by itself, where JupyterLab 4.6 is installed
        one.expected += [*LOST_SERVER, "reading 'schema'", "Command 'filebrowser:open-path' not registered"]
        one.expected.append('Window name candidate "null" already exists')  # of JupyterLab beside Notebook 7

    models = sidebar.locator.get_by_role("list", name="Models")
    models.get_by_role("button", name=re.compile("^after-a-kill")).click()
    card = page.page.get_by_role("article", name="Model after-a-kill")
    expect(card.get_by_role("list", name="Aliases")).to_contain_text("No alias")
    page.page.evaluate("void jupyterapp.commands.execute('traindock:train-file', { path: 'after_a_kill.py' })")
    form = page.page.locator(".jp-Traindock-Submit:visible")
    form.get_by_label("Experiment").fill("after-a-kill")
    expect(form.get_by_role("region", name="Plan")).to_contain_text("python after_a_kill.py")
    queue = sidebar.locator.get_by_role("list", name="Queue of after-a-kill").get_by_role("listitem")
    expect(queue).to_have_text([re.compile("first"), re.compile("second")])

    lab.kill()
    # JupyterLab tells of it in a window, when it notices
    page.page.evaluate("jupyterapp.serviceManager.sessions.refreshRunning().catch(() => null)")
    told_by_lab = page.page.get_by_role("dialog", name="Server Connection Error")
    told_by_lab.get_by_label("Do not show this message again").check()
    told_by_lab.get_by_role("button", name="Close").click()
    form.get_by_role("button", name=re.compile("^Submit")).click()
    expect(form.get_by_role("status")).to_contain_text("The Jupyter server does not answer.")
    expect(panel.locator).to_contain_text("The connection is broken")
    expect(sidebar.locator).to_contain_text("The connection is broken")
    queue.filter(has_text="second").get_by_role("button").first.press("Alt+ArrowUp")
    section = sidebar.locator.get_by_role("region", name="Compute target after-a-kill")
    expect(section.get_by_role("status")).to_contain_text("The Jupyter server does not answer.")
    page.page.get_by_role("tab", name="after-a-kill", exact=True).click()
    expect(card).to_contain_text("The connection is broken")

    lab.start()
    for part in (card, sidebar.locator, panel.locator):
        expect(part).not_to_contain_text("The connection is broken")
    model.set_alias("staging")
    expect(card.get_by_role("list", name="Aliases")).to_contain_text("staging is version 2")
    queue.filter(has_text="second").get_by_role("button").first.press("Alt+ArrowUp")
    expect(queue).to_have_text([re.compile("second"), re.compile("first")])
    page.page.get_by_role("tab", name=re.compile("^Train after_a_kill")).click()
    expect(form.get_by_label("Experiment")).to_have_value("after-a-kill")
    form.get_by_role("button", name="Submit", exact=True).click()
    for listed in (sidebar, panel):
        listed.filter("after-a-kill")
        listed.expect_names(["after-a-kill #1"])
        expect(listed.row("after-a-kill #1")).to_contain_text("Completed")
    assert len(list(Run.list(workspace, text="after-a-kill"))) == 1


def test_two_tabs_show_the_same(show: Show, lab: Lab, submit: Submit, tmp_path: Path):
    end = tmp_path / "end"
    run = submit(STEADY, end)
    lab.write("first.ipynb", showing(run))
    lab.write("second.ipynb", showing(run), showing(run))
    pages = [show("first.ipynb"), show("second.ipynb")]
    for page in pages:
        page.card.wait_for_points("train_loss", 100)
    end.touch()
    cards = [pages[0].card, pages[1].card, pages[1].second_card]
    for card in cards:
        card.wait_for_state("Completed")
        card.wait_for_all(logged(run))


def test_a_page_stays_responsive_while_twenty_thousand_points_a_second_are_logged(
    show: Show, lab: Lab, submit: Submit, record_figures: Callable[..., None]
):
    seconds = 6
    run = submit(FLOOD, seconds)
    lab.write("flood.ipynb", showing(run))
    page = show("flood.ipynb")
    page.card.wait_for_points("a", 1)
    watch(page)
    page.card.tab("Details")
    page.card.tab("Curves")
    page.card.wait_for_state("Completed")
    frames, longest, blocked = watched(page)
    record_figures(frames_per_second=frames, longest_task_ms=longest, blocked_share=blocked)
    page.card.wait_for_all(dict.fromkeys("abcd", 5_000 * seconds))
    assert page.card.values() == {name: values[-1] for name, values in run.get_metrics().items()}
    # On a processor shared with what logs, the server and others; a card that draws each message takes all of it.
    assert longest < 5_000
    assert blocked < 0.85
