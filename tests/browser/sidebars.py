"""The sidebar of a page of JupyterLab, as the tests see and use it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.pages import LabPage

#: Where it is in a page.
SIDEBAR = "#jp-traindock-sidebar"

#: More steps than any menu has entries, and any form fields.
MANY = 60


class Sidebar:
    """The sidebar of a page, which is shown when this is made.

    Attributes:
        locator: the whole of it.
        page: where it is.
    """

    def __init__(self, page: LabPage, *, show: bool = True) -> None:
        self.page = page.page
        self.locator = page.page.locator(SIDEBAR)
        if show:
            page.choose("View", "Traindock")
        self.locator.wait_for()

    @property
    def rows(self) -> Locator:
        """All runs that are to be seen."""
        return self.locator.locator(".jp-Traindock-Run")

    @property
    def groups(self) -> Locator:
        """All groups that are to be seen."""
        return self.locator.locator(".jp-Traindock-Group")

    @property
    def names(self) -> Locator:
        """The names of all runs that are to be seen."""
        return self.rows.locator(".jp-Traindock-Name")

    def row(self, name: str) -> Locator:
        """Return the line of a run."""
        return self.rows.filter(has=self.page.get_by_text(name, exact=True))

    def filter(self, text: str) -> None:
        """Show the runs whose name or experiment has a text in it, and wait until no others are to be seen."""
        self.locator.get_by_label("Filter runs by name").fill(text)
        # What a run is called and its id, which begins with its experiment, are in its title.
        expect(self.locator.locator(f'.jp-Traindock-Run:not([title*="{text}" i])')).to_have_count(0)

    def choose(self, field: str, option: str) -> None:
        """Choose how runs are filtered, sorted or grouped."""
        fields = self.locator.locator(".jp-Traindock-RunOptions")
        if not fields.is_visible():
            self.locator.get_by_title("Filter, sort and group").click()
        fields.get_by_label(field).select_option(option)

    def select(self, first: str, *others: str) -> None:
        """Select runs by clicks."""
        self.row(first).click()
        for name in others:
            self.row(name).click(modifiers=["Control"])

    def menu(self, name: str, entry: str) -> None:
        """Choose an entry of the menu of a run."""
        self.row(name).click(button="right")
        self.entry(entry).click()

    def entry(self, name: str) -> Locator:
        """Return an entry of the menu that is open."""
        return self.page.locator(".lm-Menu").get_by_text(name, exact=True)

    def section(self, title: str) -> Locator:
        """Return the title of a section, by which it is opened and closed."""
        return self.locator.locator(".jp-AccordionPanel-title").filter(has_text=title)

    def answer(self, button: str) -> None:
        """Press a button of the dialog that is open, and wait for its end."""
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("button", name=button, exact=True).click()
        expect(dialog).to_have_count(0)

    def expect_names(self, names: Sequence[str]) -> None:
        """Wait until it shows these runs, in this order."""
        expect(self.names).to_have_text(list(names))

    def expect_last(self, name: str) -> None:
        """Wait until the last of the runs that it shows is this one."""
        expect(self.names.last).to_have_text(name)


class Keys:
    """A person without a mouse, who is at the sidebar's list of runs."""

    def __init__(self, sidebar: Sidebar) -> None:
        self._page, self._sidebar = sidebar.page, sidebar
        self.press = self._page.keyboard.press
        self.type = self._page.keyboard.type

    def go_to(self, run: str) -> None:
        """Go to a run, from the filter above the list."""
        self._sidebar.locator.get_by_label("Filter runs by name").focus()
        row = self._sidebar.row(run)
        row.wait_for()
        until(self._page, "Tab", lambda: self._focused(".jp-Traindock-Run"), "a run of the list")
        self.press("Home")
        until(self._page, "ArrowDown", lambda: row.evaluate("row => row === document.activeElement"), run)

    def choose(self, run: str, entry: str | re.Pattern[str]) -> None:
        """Choose an entry of the menu of a run."""
        self.go_to(run)
        self.press("Shift+F10")
        choose(self._page, entry)

    def tab_to(self, target: Locator) -> None:
        """Go on to a field or a button."""
        tab_to(self._page, target)

    def _focused(self, selector: str) -> object:
        return self._page.evaluate("selector => document.activeElement?.matches(selector)", selector)


def tab_to(page: Page, target: Locator) -> None:
    """Go on to a field or a button by the Tab key."""
    until(page, "Tab", lambda: target.evaluate("one => one.contains(document.activeElement)"), str(target))


def choose(page: Page, entry: str | re.Pattern[str]) -> None:
    """Choose an entry of the menu that is open by the arrow keys."""
    active = page.locator(".lm-Menu-item.lm-mod-active .lm-Menu-itemLabel")
    page.locator(".lm-Menu").wait_for()
    page.keyboard.press("ArrowDown")
    until(page, "ArrowDown", lambda: re.fullmatch(entry, active.inner_text()), f"{entry} of the menu")
    page.keyboard.press("Enter")


def until(page: Page, key: str, reached: Callable[[], object], what: str) -> None:
    """Press a key as often as it takes to reach something."""
    for _ in range(MANY):
        if reached():
            return
        page.keyboard.press(key)
    pytest.fail(f"{key} does not lead to {what}")
