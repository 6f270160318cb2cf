"""Rows about the card in a page of JupyterLab: from a log call to what is drawn, and what much data costs a page.

They need Chromium, as the tests in browsers do; a line below the table says so where there is none.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.browser import chromium

from benchmarks.harness import Bench, Pressure, Result, median, row
from benchmarks.reading import write_points
from benchmarks.servers import TOKEN, JupyterServer
from benchmarks.serving import published
from benchmarks.workspaces import workspace_of
from benchmarks.writing import environment
from traindock import Workspace
from traindock.store.run_records import RunFolder

OPTIONS = [*chromium.OPTIONS, "--enable-precise-memory-info"]
CARD = "application/vnd.traindock.run+json"

#: Notes when a page asked for the run, when lines were drawn, and when the last value that is named has changed.
WATCH = """
window.drawn = []; window.asked = 0; window.strokes = 0; let named = '';
const stroke = CanvasRenderingContext2D.prototype.stroke;
CanvasRenderingContext2D.prototype.stroke = function (...all) {
  window.strokes = Date.now();
  return stroke.apply(this, all);
};
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (String(data).includes('"subscribe"')) { window.asked = Date.now(); }
  return send.call(this, data);
};
const look = () => {
  const value = document.querySelector('.td-legend .td-number')?.textContent ?? '';
  if (value !== named && window.strokes > window.before) { named = value; window.drawn.push([value, Date.now()]); }
  if (value === named) { window.before = window.strokes; }
  requestAnimationFrame(look);
};
window.before = 0;
requestAnimationFrame(look);
"""


@row
def card_pixels(bench: Bench) -> Iterator[Result]:
    """From the log call in a job to the curve in the card that shows it."""
    if no_browser(bench):
        return
    count = bench.scaled(200)
    with workspace_of(bench) as workspace, card_of(bench, workspace, "pixels_1_00000000") as (folder, page):
        pressure = Pressure()
        sent = logged(bench, folder, count)
        page.wait_for_function("last => window.drawn.at(-1)?.[0] === last", arg=str(count - 1), timeout=60_000)
        drawn = [(int(value), at) for value, at in page.evaluate("window.drawn") if value.isdigit()]
        found = sorted(latencies(sent, drawn))
        share = pressure.share()
        yield Result("run.log to a pixel of the card, p50", median(found), 250, "ms", 1.0, pressure=share)
        yield Result(
            "run.log to a pixel of the card, p99", found[int(len(found) * 0.99)], 600, "ms", 1.0, pressure=share
        )


def latencies(sent: Sequence[float], drawn: Sequence[tuple[int, float]]) -> list[float]:
    """Return how long it took until the card showed each value or a later one: one that is late may come with the next.

    Args:
        sent: when 0, 1, 2, … were logged.
        drawn: the values that were seen, and when.

    Raises:
        AssertionError: values were never shown.
    """
    shown = [min((at for value, at in drawn if value >= number), default=None) for number in range(len(sent))]
    missing = [number for number, at in enumerate(shown) if at is None]
    assert not missing, f"{len(missing)} of {len(sent)} values were never drawn, {missing[0]} is the first"
    return [at - begin for begin, at in zip(sent, shown, strict=True) if at is not None]


@row
def card_million(bench: Bench) -> Iterator[Result]:
    """A million points from the page's question to the drawn chart, and frames while it is looked at."""
    if no_browser(bench):
        return
    count = bench.scaled(1_000_000)
    with workspace_of(bench) as workspace, card_of(bench, workspace, "million_1_00000000", points=count) as (_, page):
        page.wait_for_function("window.drawn.length > 0 && Date.now() - window.strokes > 1500", timeout=120_000)
        took = page.evaluate("window.strokes - window.asked")
        yield Result(f"{count:,} points to a drawn chart", took, 500, "ms", 1.0)
        yield Result("a frame while the cursor moves over it", frame_ms(page), 1000 / 60, "ms", 1.05, "60 a second")


@row
def card_memory(bench: Bench) -> Iterator[Result]:
    """What a page keeps of 3.6 million points, an hour at 1,000 a second."""
    if no_browser(bench):
        return
    count = bench.scaled(3_600_000)
    kept = []
    with workspace_of(bench) as workspace:
        for points in (2, count):  # one alone is a figure, and no chart
            with card_of(bench, workspace, f"memory_1_{points:08x}", points) as (_, page):
                page.wait_for_function("window.drawn.length > 0 && Date.now() - window.strokes > 1500", timeout=120_000)
                page.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
                kept.append(page.evaluate("performance.memory.usedJSHeapSize") / 1e6)
    yield Result(f"page's memory for {count:,} points", kept[1] - kept[0], 20, "MB", 1.0, pressure=0.0)


def frame_ms(page: Any) -> float:
    """Return how long a frame takes while the cursor moves over the chart, in milliseconds."""
    box = page.locator(".td-plot").first.bounding_box()
    page.evaluate("() => { window.seen = 0; const see = () => { window.seen++; requestAnimationFrame(see); }; see(); }")
    begin = page.evaluate("performance.now()")
    for step in range(60):
        page.mouse.move(box["x"] + 60 + 3 * step, box["y"] + 60)
    seen, now = page.evaluate("[window.seen, performance.now()]")
    return float((now - begin) / seen)


def no_browser(bench: Bench) -> bool:
    """Return whether there is no Chromium here, which is noted then."""
    if chromium.program() is None:
        bench.notes.append("Cards were not measured: there is no Chromium here (Debian: apt-get install chromium).")
    return chromium.program() is None


def logged(bench: Bench, folder: RunFolder, count: int) -> list[float]:
    """Log 0, 1, 2, … in a process of its own, as a job does; return when, in milliseconds since 1970."""
    code = """
        import json, random, sys, time
        from traindock.runtime import Run
        run, sent = Run.get_context(), []
        for number in range(int(sys.argv[1])):
            time.sleep(0.25 + random.random() / 10)
            sent.append(time.time() * 1e3)
            run.log("number", number)
        print(json.dumps(sent))
    """
    variables = {**environment(bench), "TRAINDOCK_METRICS_DIR": str(folder.layout.metrics)}
    command = [sys.executable, "-c", textwrap.dedent(code), str(count)]
    found: list[float] = json.loads(subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE).stdout)
    return found


@contextmanager
def card_of(bench: Bench, workspace: Workspace, run_id: str, points: int = 0) -> Iterator[tuple[RunFolder, Any]]:
    """A run with so many points, and a page of JupyterLab with its card."""
    from playwright.sync_api import sync_playwright

    folder = published(workspace, run_id)
    if points:
        write_points(folder.layout.metrics, points)
    server = JupyterServer(bench.folder / f"lab-{run_id}", app="lab")
    try:
        (bench.folder / f"lab-{run_id}" / "card.ipynb").write_text(json.dumps(notebook(workspace, folder)))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium.program(), args=OPTIONS)
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            page.add_init_script(WATCH)
            page.goto(f"{server.url}lab/tree/card.ipynb?token={TOKEN}&reset")
            page.wait_for_selector(".td-card .td-state", timeout=60_000)
            page.wait_for_timeout(2000)
            yield folder, page
            browser.close()
    finally:
        server.kill()


def notebook(workspace: Workspace, folder: RunFolder) -> dict[str, Any]:
    """A notebook with the card of a run in its one output."""
    output = {
        "output_type": "display_data",
        "data": {CARD: {"version": 1}},
        "metadata": {CARD: {"workspace": workspace.id, "run": folder.id}},
    }
    cell = {"cell_type": "code", "id": "card", "metadata": {}, "execution_count": None, "source": ""}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [{**cell, "outputs": [output]}]
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
