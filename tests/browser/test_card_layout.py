"""A card has its place: nothing in it jumps while values arrive, and all of it can be seen in windows of any width."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab
from tests.browser.pages import LabPage
from tests.browser.scripts import showing
from tests.conftest import Submit

from traindock import Run

#: Prints first, then logs metrics one after the other, one of them once only; waits for files to go on.
IN_TURN = """
    import sys, time
    from pathlib import Path
    from traindock import Run
    folder = Path(sys.argv[1])
    def wait_for(name):
        while not folder.joinpath(name).exists():
            time.sleep(0.02)
    run = Run.get_context()
    print("reading the data", flush=True)
    wait_for("begin")
    for epoch in range(1, 41):
        run.log("loss", 1 / epoch, step=epoch)
        if epoch > 15:
            run.log("acc", 1 - 1 / epoch, step=epoch)
        if epoch == 20:
            run.log("parameters", 12)
        print(f"epoch {epoch}/40: loss {1 / epoch:.3f}", flush=True)
        time.sleep(0.05)
    wait_for("end")
"""

#: Notes each height that the first card has.
SAMPLE = """() => {
    window.heights = [];
    const card = document.querySelector('.td-card');
    const look = () => {
        const height = Math.round(card.getBoundingClientRect().height);
        if (window.heights.at(-1) !== height) { window.heights.push(height); }
        requestAnimationFrame(look);
    };
    look();
}"""


@pytest.mark.parametrize(
    "width",
    [
        pytest.param(1200, id="alone"),
        pytest.param(None, id="beside the file browser", marks=pytest.mark.soak),
    ],
)
def test_a_card_stays_as_high_as_it_is_while_its_run_prints_logs_and_ends(
    show: Show, lab: Lab, submit: Submit, tmp_path: Path, width: int | None
):
    run = submit(IN_TURN, tmp_path)
    lab.write("in-turn.ipynb", showing(run))
    page = show("in-turn.ipynb")
    page.card.wait_for_state("Running")
    expect(page.card.locator.get_by_role("log")).to_contain_text("reading the data")
    if width is not None:
        page.narrow(width)  # without the file browser
    page.page.evaluate(SAMPLE)
    (tmp_path / "begin").touch()
    page.card.wait_for_points("loss", 40)
    expect(page.card.locator.locator(".td-progress")).to_contain_text("Epoch 40 of 40")
    (tmp_path / "end").touch()
    page.card.wait_for_state("Completed")
    assert page.card.points()["loss"] == 40
    assert len(page.page.evaluate("window.heights")) == 1, page.page.evaluate("window.heights")


def test_a_log_stays_where_somebody_reads_it(show: Show, lab: Lab, submit: Submit, tmp_path: Path):
    run = submit(IN_TURN, tmp_path)
    lab.write("read.ipynb", showing(run))
    page = show("read.ipynb")
    log = page.card.locator.get_by_role("log")
    expect(log).to_contain_text("reading the data")
    log.click()
    (tmp_path / "begin").touch()
    expect(log).to_contain_text("epoch 40/40")
    expect(page.card.locator.get_by_role("tab", name="Log")).to_have_attribute("aria-selected", "true")
    (tmp_path / "end").touch()


@pytest.mark.soak
def test_tabs_are_as_they_were_left_and_fit_the_window_whatever_happened_while_they_were_hidden(
    show: Show, lab: Lab, submit: Submit, tmp_path: Path
):
    run = submit(IN_TURN, tmp_path)
    lab.write("left.ipynb", showing(run))
    page = show("left.ipynb")
    (tmp_path / "begin").touch()
    lines = page.card.tab("Log").get_by_role("log")
    expect(lines).to_contain_text("epoch 40/40")
    lines.evaluate("lines => { lines.scrollTop = 100 }")
    expect(page.card.button("Follow")).to_be_visible()
    curves = page.card.tab("Curves")
    curves.get_by_role("checkbox", name="log y").check()
    curves.locator(".td-plot").first.press("+")
    expect(page.card.button("Show all")).to_be_visible()

    page.card.tab("Details")
    expect(lines).to_be_hidden()
    page.narrow(700)
    (tmp_path / "end").touch()
    page.card.wait_for_state("Completed")

    page.card.tab("Log")
    expect(lines).to_be_in_viewport()
    expect(lines).to_contain_text("epoch 7/40")
    assert lines.evaluate("lines => lines.scrollTop") == 100
    page.card.tab("Curves")
    expect(page.card.button("Show all")).to_be_visible()
    expect(curves.get_by_role("checkbox", name="log y")).to_be_checked()
    page.page.wait_for_function(
        "() => [...document.querySelectorAll('.td-card .td-plot')].every("
        "one => one.clientWidth > 0 && one.firstElementChild.clientWidth === one.clientWidth)"
    )
    assert page.card.sticking_out() == []


@pytest.mark.parametrize(
    "width", [320, *(pytest.param(width, marks=pytest.mark.soak) for width in (420, 759, 761, 1200))]
)
def test_a_card_is_shown_in_its_whole_height_in_a_window_of_any_width(
    show: Show, lab: Lab, hostile_run: Run, width: int
):
    lab.write("widths.ipynb", showing(hostile_run))
    page = show("widths.ipynb")
    page.card.wait_for_state("Completed")
    page.narrow(width)
    expect(page.card.locator.get_by_role("tab", name="Details")).to_be_visible()
    for tab in ("Curves", "Log", "Files", "Model", "Details"):
        page.card.tab(tab)
        assert scrolled(page) == 0, tab
        assert page.card.sticking_out() == [], tab


@pytest.mark.soak
def test_a_table_of_many_columns_has_each_cell_on_a_line(show: Show, lab: Lab, submit: Submit):
    columns = "name," + ",".join(f"logit_{number}" for number in range(22))
    rows = "".join(f"bee {row}," + ",".join("0.30000000004" for _ in range(22)) + "\\n" for row in range(60))
    run = submit(f"from pathlib import Path\nPath('outputs/wide.csv').write_text('{columns}\\n{rows}')")
    run.wait_for_completion()
    lab.write("table.ipynb", showing(run))
    page = show("table.ipynb")
    files = page.card.tab("Files")
    files.get_by_role("button", name="outputs/wide.csv").click()
    preview = files.locator(".td-preview")
    expect(preview.locator("td").first).to_be_visible()
    line = "cells => Math.max(...cells.map(cell => cell.getBoundingClientRect().height))"
    assert preview.locator("td, th").evaluate_all(line) < 40
    preview.evaluate("table => { table.scrollTop = 300; table.scrollLeft = 200 }")
    assert preview.evaluate("table => table.scrollLeft") == 200
    top = "one => one.getBoundingClientRect().top"
    assert abs(preview.locator("th").first.evaluate(top) - preview.evaluate(top)) < 2
    assert page.card.sticking_out() == []


def scrolled(page: LabPage) -> int:
    """How many pixels of the first card its output hides below its lower edge."""
    return int(
        page.card.locator.evaluate(
            "card => { const output = card.closest('.jp-OutputArea-output'); "
            "return Math.max(0, output.scrollHeight - output.clientHeight); }"
        )
    )
