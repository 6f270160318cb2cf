"""Pages of JupyterLab, and the cards on them, as the tests see and use them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Locator, Page, expect
from tests.browser.labs import Lab
from tests.conftest import REPOSITORY, wait_for

#: Milliseconds that JupyterLab may take to come up on a busy machine.
COMING_UP = 90_000
#: Errors of JupyterLab and of Chromium, which have nothing to do with us.
_OTHERS = re.compile(r"favicon|ResizeObserver loop")
#: What a page says whose server is gone, and its kernel with it; most of it JupyterLab does, up to half a minute later.
LOST_SERVER = [
    "net::ERR_", "WebSocket", "Failed to fetch", "reading 'kernel'", "Canceled future", "404", "Kernel is dead"
]  # fmt: skip
#: What panels say until what they ask for is there.
_ASKING = re.compile(r"^(Asking|Looking) for .*…$")
_POINTS = re.compile(r"(\S+) (\S+) after ([\d,]+) points")

#: Elements that are cut off or lie beside the card, but for those in something that scrolls.
_STICKING_OUT = """card => {
    const right = card.getBoundingClientRect().right;
    const scrolls = element => {
        for (let one = element.parentElement; one !== card; one = one.parentElement) {
            if (['auto', 'scroll'].includes(getComputedStyle(one).overflowX)) { return true; }
        }
        return false;
    };
    return [...card.querySelectorAll('*')]
        .filter(one => one.getBoundingClientRect().right > right + 1 && !scrolls(one))
        .map(one => one.outerHTML.slice(0, 200));
}"""


#: Whether charts have been drawn anew in the width that there is.
_CHARTS_FIT = """() => [...document.querySelectorAll('.td-card .uplot')].every(
    chart => chart.getBoundingClientRect().right <= chart.closest('.td-card').getBoundingClientRect().right + 1
)"""


class LabPage:
    """A page of JupyterLab that shows a notebook.

    Attributes:
        notebook: its name, once it is open.
        faults: what went wrong in it: errors of its console, exceptions, and dialogs that it opened.
        expected: patterns of faults that are meant to be.
    """

    def __init__(self, context: BrowserContext, lab: Lab) -> None:
        self.page: Page = context.new_page()
        self.lab = lab
        self.notebook = ""
        self.faults: list[str] = []
        self.expected: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        self.page.on("dialog", self._asked)

    def open(self, notebook: str | Path, app: str = "lab/tree") -> LabPage:
        """Show a notebook and nothing else, in JupyterLab or another application; or a file that is none, as it is."""
        if isinstance(notebook, Path):
            self.page.goto(notebook.as_uri())
            return self
        self.notebook = notebook
        self.page.goto(self.lab.address(notebook, app), timeout=COMING_UP)
        return self._await_notebook()

    def reload(self) -> LabPage:
        """Load the page anew, as F5 does."""
        self.page.reload(timeout=COMING_UP)
        return self._await_notebook()

    def run_all(self) -> None:
        """Execute all cells of the notebook, by the menu."""
        self.wait_for_kernel()
        self.choose("Run", "Run All Cells")

    def wait_for_kernel(self) -> None:
        """Wait until the notebook's kernel is there and does nothing."""
        self.page.get_by_text(re.compile(r"^Python 3.*Idle$")).wait_for(timeout=COMING_UP)

    def choose(self, menu: str, entry: str) -> None:
        """Choose an entry of a menu."""
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.locator(".lm-Menu").get_by_text(entry, exact=True).click()

    def choose_theme(self, theme: str) -> None:
        """Have JupyterLab look as one of its themes does."""
        self.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        expect(self.page.locator(f"body[data-jp-theme-name='{theme}']")).to_be_attached()

    def save(self) -> None:
        """Save the notebook, and wait for it: what is not saved yet is lost when the page is loaded anew."""
        file = self.lab.folder / self.notebook
        before = file.stat().st_mtime_ns
        self.choose("File", "Save Notebook")
        wait_for(lambda: file.stat().st_mtime_ns != before, "the notebook to be saved")

    @property
    def card(self) -> Card:
        """The first card of the page."""
        return Card(self.page.locator(".td-card").first)

    @property
    def second_card(self) -> Card:
        """The second one, which may have to come yet."""
        return Card(self.page.locator(".td-card").nth(1))

    @property
    def cards(self) -> list[Card]:
        """All cards of the page."""
        return [Card(one) for one in self.page.locator(".td-card").all()]

    @property
    def unexpected(self) -> list[str]:
        """What went wrong, and was not meant to."""
        return [one for one in self.faults if not any(re.search(pattern, one) for pattern in self.expected)]

    def violations(self, where: str = ".td-card") -> list[str]:
        """Return what axe finds about a part of the page that keeps people from using it, Jupyter's buttons apart."""
        if not self.page.evaluate("typeof axe !== 'undefined'"):
            self.page.add_script_tag(path=REPOSITORY / "node_modules/axe-core/axe.min.js")
        part = {"include": [where], "exclude": ["jp-button"]}
        found = self.page.evaluate("part => axe.run(part, { resultTypes: ['violations'] })", part)
        return [
            f"{violation['id']}: {violation['help']}: {node['html'][:200]} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def narrow(self, width: int = 320) -> None:
        """Have the window be as wide as a phone, in which JupyterLab makes columns of its outputs; or that wide."""
        if self.page.locator(".jp-FileBrowser").is_visible():
            self.page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
        self.page.set_viewport_size({"width": width, "height": 1000})
        self.page.wait_for_function(_CHARTS_FIT)

    def heap_bytes(self) -> int:
        """Return the size of all that the page keeps, garbage apart."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("HeapProfiler.collectGarbage")
        used = session.send("Runtime.getHeapUsage")["usedSize"]
        session.detach()
        return int(used)

    def shoot(self, file: Path) -> None:
        """Take a picture."""
        self.page.screenshot(path=file)

    def _await_notebook(self) -> LabPage:
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=COMING_UP)
        return self

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not _OTHERS.search(message.text):
            self.faults.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _asked(self, dialog: Dialog) -> None:
        if dialog.type != "beforeunload":  # JupyterLab's own, for a notebook that is not saved
            self.faults.append(f"dialog: {dialog.message}")
        dialog.accept()


class Card:
    """A run's card on a page."""

    def __init__(self, locator: Locator) -> None:
        self.locator = locator

    def wait_for_state(self, *words: str, seconds: float = 60) -> None:
        """Wait until it shows one of the states."""
        pattern = re.compile("^(" + "|".join(words) + ")$")
        expect(self.locator.locator(".td-state")).to_have_text(pattern, timeout=1000 * seconds)

    @property
    def state(self) -> str:
        """The state that it shows."""
        return self.locator.locator(".td-state").inner_text()

    def points(self) -> dict[str, int]:
        """Return how many points of each metric it has, as it tells those who do not see its charts."""
        return {name: count for name, (_, count) in self._told().items()}

    def values(self) -> dict[str, float]:
        """Return the last value of each metric, with four significant digits."""
        return {name: value for name, (value, _) in self._told().items()}

    def wait_for_all(self, points: Mapping[str, int], seconds: float = 60) -> None:
        """Wait until it has so many points of each metric: the last may come a moment after the run's end was told."""
        deadline = time.monotonic() + seconds
        while self.points() != points and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.points() == points, "each point once, and none lost"

    def wait_for_points(self, name: str, count: int, seconds: float = 60) -> int:
        """Wait until it has at least ``count`` points of a metric; return how many it has."""

        def enough() -> int:
            found = self.points().get(name, 0)
            return found if found >= count else 0

        return int(wait_for(enough, f"{count} points of {name} in the card", seconds))

    def tab(self, name: str) -> Locator:
        """Choose a tab, wait for what it asks for, and return its panel."""
        self.locator.get_by_role("tab", name=name, exact=True).click()
        return self.filled_panel()

    def filled_panel(self) -> Locator:
        """Return the panel of the tab that is chosen, once it has all that it asks for."""
        panel = self.locator.get_by_role("tabpanel")
        expect(panel.get_by_text(_ASKING)).to_have_count(0)
        return panel

    def sticking_out(self) -> list[str]:
        """Return what of it is cut off or lies beside it, but for what is in something that scrolls."""
        found: list[str] = self.locator.evaluate(_STICKING_OUT)
        wider = int(self.locator.evaluate("card => card.scrollWidth - card.clientWidth"))
        return [*found, f"{wider} pixels"] if wider > 0 else found

    def button(self, name: str) -> Locator:
        """Return the button of that name."""
        return self.locator.get_by_role("button", name=name, exact=True)

    def stop(self) -> None:
        """Have the run stopped, and say so twice."""
        self.button("Stop").click()
        self.button("Stop the run").click()

    def _told(self) -> dict[str, tuple[float, int]]:
        labels: list[Any] = self.locator.locator(".td-plot").evaluate_all(
            "charts => charts.map(chart => chart.getAttribute('aria-label'))"
        )
        found = [match for label in labels for match in _POINTS.findall(label)]
        return {name: (float(value.replace("−", "-")), int(count.replace(",", ""))) for name, value, count in found}


def watch(page: LabPage) -> None:
    """Have the page note its frames, and what keeps it from reacting."""
    page.page.evaluate(
        """() => {
            window.watched = { begin: performance.now(), frames: 0, tasks: [] };
            const frame = () => { window.watched.frames++; requestAnimationFrame(frame); };
            requestAnimationFrame(frame);
            new PerformanceObserver(list => {
                for (const task of list.getEntries()) { window.watched.tasks.push(task.duration); }
            }).observe({ type: 'longtask' });
        }"""
    )


def watched(page: LabPage) -> tuple[float, float, float]:
    """Return frames a second, the longest task in ms, and the share of time in tasks of more than 50 ms."""
    found = page.page.evaluate(
        """() => {
            const { begin, frames, tasks } = window.watched;
            const time = performance.now() - begin;
            return [1000 * frames / time, Math.max(0, ...tasks), tasks.reduce((sum, one) => sum + one, 0) / time];
        }"""
    )
    return (found[0], found[1], found[2])
