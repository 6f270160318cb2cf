"""Registered models and compute targets in JupyterLab: sections of the sidebar, a model's tab, moved queues."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect
from tests.browser.conftest import look_back
from tests.browser.labs import Lab, code
from tests.browser.pages import Card, LabPage
from tests.browser.scripts import NASTY
from tests.browser.sidebars import tab_to
from tests.conftest import Submit, wait_for

from traindock import ComputeTarget, Model, Run, Workspace

#: Leaves two files, and a metric to compare versions by.
LEAVING = """
    from pathlib import Path
    from traindock import Run
    Run.get_context().log("val_loss", 0.25)
    Path("outputs/net.pt").write_bytes(b"weights")
    Path("outputs/labels.txt").write_text("ants")
"""
#: Says that it has begun, and goes on until a file exists.
BLOCKING = """
    import sys, time
    from pathlib import Path
    with open(sys.argv[2], "a") as order:
        order.write(sys.argv[3])
    while not Path(sys.argv[1]).exists():
        time.sleep(0.02)
"""
#: All but the notebook, which asks whether it is to be saved.
_CLOSE_TABS = "[...jupyterapp.shell.widgets('main')].filter(tab => !tab.context).forEach(tab => tab.close())"
#: Numbers of versions are never given again: each test has a model of its own.
_numbers = iter(range(1, 1000))
#: Models of tests before this one.
_gone: list[str] = []


@pytest.fixture(scope="module")
def left(submit_early: Callable[..., Run]) -> Run:
    """A run that has completed and left files."""
    return submit_early(LEAVING)


@pytest.fixture(scope="module")
def page_of_all(context: BrowserContext, lab_as_installed: Lab) -> Iterator[LabPage]:
    """A page that all tests here use, one after the other: it takes long to come up."""
    lab_as_installed.write("registry.ipynb", code(""))
    page = LabPage(context, lab_as_installed).open("registry.ipynb")
    page.page.set_viewport_size({"width": 1200, "height": 1800})  # what is dragged is seen, and so is where it goes
    yield page
    page.page.close()


@pytest.fixture
def register(workspace: Workspace, left: Run) -> Iterator[Callable[[], str]]:
    """Register a model with three versions, whose alias production was version 1, and is version 2; return its name."""
    made: list[str] = []

    def register() -> str:
        made.append(f"pt-dnn-{next(_numbers)}")
        for number in (1, 2, 3):
            nasty = NASTY.format(number)
            model = left.register_model(made[-1], "outputs/", description=nasty, tags={"note": nasty})
            if number < 3:
                model.set_alias("production")
        return made[-1]

    yield register
    for version in [version for name in made for version in Model.list(workspace, name)]:
        for alias in version.aliases:
            version.remove_alias(alias)
        version.delete()
    _gone.extend(made)


@pytest.fixture
def sidebar(
    page_of_all: LabPage, register: Callable[[], str], request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[LabPage]:
    """A page with a notebook, and the sidebar beside it. What is shown of models is closed before they are gone."""
    page = page_of_all
    execute(page, "traindock:show-sidebar")
    page.page.get_by_role("region", name="Traindock").wait_for()
    page.expected += [rf"404.*/models/{name}\b" for name in _gone]  # asked for just before its tab was closed
    yield page
    faults = look_back(request, tmp_path, page)
    page.page.keyboard.press("Escape")
    page.page.evaluate(_CLOSE_TABS)
    page.faults.clear()
    page.expected.clear()
    assert not faults, "\n".join(faults)


@pytest.fixture
def model(register: Callable[[], str]) -> str:
    return register()


def execute(page: LabPage, command: str, **arguments: str) -> None:
    """Execute a command of JupyterLab, and wait for its end."""
    page.page.evaluate("([id, args]) => jupyterapp.commands.execute(id, args).then(() => null)", [command, arguments])


def models_of(page: LabPage) -> Locator:
    return page.page.get_by_role("list", name="Models")


def row_of_model(page: LabPage, name: str) -> Locator:
    """The row of a model that ``register`` has made, once the last of its versions is told of."""
    return models_of(page).get_by_role("button", name=re.compile(f"^{name} ?version 3"))


def open_model(page: LabPage, name: str) -> Locator:
    """Open a model's tab by its row, and return the card in it."""
    models_of(page).get_by_role("button", name=re.compile(f"^{name}")).click()
    page.page.get_by_role("tab", name=name).click()  # JupyterLab, coming up, may show the notebook after all
    card = page.page.get_by_role("article", name=f"Model {name}")
    card.get_by_role("group", name=re.compile("Lineage of version")).wait_for()
    return card


def choose_in_menu(page: Page, entry: str) -> None:
    page.locator(".lm-Menu").get_by_text(entry, exact=True).click()


class TestModels:
    @pytest.mark.soak
    def test_a_model_registered_elsewhere_appears_and_its_alias_is_rolled_back_in_its_tab(
        self, sidebar: LabPage, workspace: Workspace, register: Callable[[], str]
    ):
        model = register()
        row = models_of(sidebar).get_by_role("button", name=re.compile(f"^{model}"))
        expect(row).to_contain_text("production: version 2")
        expect(row).to_contain_text("version 3")

        card = open_model(sidebar, model)
        expect(card.get_by_role("region", name="Versions", exact=True)).to_contain_text("0.25")
        card.get_by_role("button", name="Roll production back to version 1").click()
        expect(card).to_contain_text("Rolled production back to version 1.")
        expect(row).to_contain_text("production: version 1")
        assert Model(workspace, model, alias="production").version == 1
        card.get_by_text("Who moved aliases").click()
        expect(card).to_contain_text("rolled production back from version 2 to 1")

    def test_an_alias_is_moved_rolled_back_and_removed_by_mouse_and_by_keys(
        self, sidebar: LabPage, model: str, workspace: Workspace
    ):
        card = open_model(sidebar, model)
        press = sidebar.page.keyboard.press
        aliases, told = card.get_by_role("list", name="Aliases"), card.get_by_role("status")
        form = card.get_by_role("form", name="Move an alias")
        name, version, move = form.get_by_label("Alias"), form.get_by_label("to version"), form.get_by_role("button")

        version.select_option("3")
        move.click()
        expect(told.filter(has_text="Moved production to version 3.")).to_be_visible()
        expect(aliases).to_contain_text("production is version 3")
        card.get_by_role("button", name="Remove production", exact=True).click()
        card.get_by_role("button", name="Remove it").click()
        expect(aliases).to_contain_text("No alias stands for a version yet.")
        assert not any(one.aliases for one in Model.list(workspace, model))

        name.focus()
        press("ControlOrMeta+a")
        sidebar.page.keyboard.type("staging")
        for wanted in ("3", "2"):
            tab_to(sidebar.page, version)
            press(wanted)
            tab_to(sidebar.page, move)
            press("Enter")
            expect(aliases).to_contain_text(f"staging is version {wanted}")
        tab_to(sidebar.page, card.get_by_role("button", name="Roll staging back to version 3"))
        press("Enter")
        expect(aliases).to_contain_text("staging is version 3")
        assert Model(workspace, model, alias="staging").version == 3
        tab_to(sidebar.page, card.get_by_role("button", name="Remove staging", exact=True))
        press("Enter")
        expect(card.get_by_role("button", name="Keep it")).to_be_focused()
        press("Shift+Tab")
        expect(card.get_by_role("button", name="Remove it")).to_be_focused()
        press("Enter")
        expect(aliases).to_contain_text("No alias stands for a version yet.")
        assert not any(one.aliases for one in Model.list(workspace, model))

    def test_an_alias_is_set_by_the_menu_and_asked_for_again_where_it_cannot_be(
        self, sidebar: LabPage, model: str, workspace: Workspace
    ):
        sidebar.expected.append("422")
        row = row_of_model(sidebar, model)
        row.click(button="right")
        choose_in_menu(sidebar.page, "Set an Alias…")
        dialog = sidebar.page.get_by_role("dialog")
        dialog.get_by_role("textbox").fill("latest")
        dialog.get_by_role("button", name="Set").click()
        expect(dialog).to_contain_text("'latest'")
        dialog.get_by_role("textbox").fill("staging")
        dialog.get_by_role("textbox").press("Enter")
        expect(row).to_contain_text("staging")
        assert Model(workspace, model, alias="staging").version == 3

    def test_the_lineage_opens_what_it_names_and_is_there_again_after_a_reload(
        self, sidebar: LabPage, model: str, left: Run
    ):
        page = sidebar.page
        graph = open_model(sidebar, model).get_by_role("group", name="Lineage of version 3")
        graph.get_by_role("button", name=re.compile("^Snapshot")).press("Enter")
        card = page.get_by_role("article", name=f"Model {model}")
        card.get_by_role("button", name="train.py", exact=True).click()
        expect(page.locator(".jp-CodeMirrorEditor", has_text="net.pt").first).to_be_visible()
        page.get_by_role("tab", name=model).click()
        graph.get_by_role("button", name=re.compile("^Environment")).click()
        expect(card.get_by_role("heading", name="Packages")).to_be_visible()
        graph.get_by_role("button", name=re.compile("^Run")).press("Enter")
        named = f"{left.experiment.name} #{left.number}"
        shown = page.locator(".jp-Traindock-RunTab:not(.lm-mod-hidden) .td-card").filter(has_text=named)
        Card(shown.filter(has=page.locator(".td-state"))).wait_for_state("Completed")

        page.get_by_role("tab", name="registry.ipynb").click()
        kept = f"traindock-models:traindock-model-{left.workspace.id}-{model}"
        wait_for(lambda: kept in json.dumps(sidebar.lab.ask("lab/api/workspaces")), "the tab in what JupyterLab keeps")
        page.goto(page.url.replace("reset", ""))
        page.get_by_role("tab", name=model).click()
        page.get_by_role("group", name="Lineage of version 3").wait_for()

    @pytest.mark.soak
    def test_names_and_descriptions_are_text(self, sidebar: LabPage, model: str):
        card = open_model(sidebar, model)
        expect(card.locator(".td-description")).to_have_text(NASTY.format(3))
        card.get_by_role("button", name="Version 1", exact=True).click()
        expect(card.locator(".td-description")).to_have_text(NASTY.format(1))
        assert card.locator("img, script").count() == 0

    def test_a_file_is_downloaded(self, sidebar: LabPage, model: str):
        card = open_model(sidebar, model)
        with sidebar.page.expect_download() as download:
            card.get_by_role("link", name="Download net.pt").click()
        assert Path(download.value.path()).read_bytes() == b"weights"
        assert download.value.suggested_filename == "net.pt"

    @pytest.mark.soak
    def test_the_code_that_is_inserted_loads_the_model(self, sidebar: LabPage, model: str):
        page = sidebar.page
        row_of_model(sidebar, model).click(button="right")
        choose_in_menu(page, "Insert Code That Loads It")
        expect(page.locator(".jp-Cell")).to_have_count(2)
        sidebar.run_all()
        expect(page.locator(".jp-OutputArea-output").last).to_contain_text(f"models/{model}-3/outputs")
        assert (sidebar.lab.folder / f"models/{model}-3/outputs/net.pt").read_bytes() == b"weights"

    def test_a_version_is_deleted_by_keys_alone_and_one_that_an_alias_stands_for_is_not(
        self, sidebar: LabPage, model: str, workspace: Workspace
    ):
        page = sidebar.page
        sidebar.expected.append("409")
        row_of_model(sidebar, model).focus()
        page.keyboard.press("Shift+F10")
        menu = page.locator(".lm-Menu")
        menu.wait_for()
        for _ in range(5):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        chosen = page.get_by_role("dialog").get_by_role("combobox")
        expect(chosen.locator("option")).to_have_text(["3", "2 (production)", "1"])
        chosen.press("ArrowDown")
        page.get_by_role("button", name="Delete…").press("Enter")
        page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).press("Enter")
        refused = page.get_by_role("dialog", name=re.compile("Nothing was deleted"))
        expect(refused).to_contain_text("production")
        refused.get_by_role("button").press("Enter")
        assert {one.version for one in Model.list(workspace, model)} == {1, 2, 3}

        card = open_model(sidebar, model)
        card.get_by_role("button", name="Delete version 3").press("Enter")
        card.get_by_role("button", name="Delete it with its files").press("Enter")
        expect(card.get_by_role("region", name="Version 2")).to_be_visible()
        assert {one.version for one in Model.list(workspace, model)} == {1, 2}


class Waiting:
    """Three runs that wait on a compute target, one that is at work there, and what has begun so far."""

    def __init__(self, submit: Submit, target: str, folder: Path) -> None:
        self.end, self._order = folder / "end", folder / "order"
        self.target = target
        self.runs = {
            name: submit(BLOCKING, str(self.end), str(self._order), name, compute_target=target) for name in "abcd"
        }
        for name, run in self.runs.items():
            run.display_name = f"run {name}"
        assert wait_for(lambda: self.begun, "the first run's beginning") == "a"

    @property
    def begun(self) -> str:
        """Names of the runs that have begun, in order."""
        return self._order.read_text() if self._order.exists() else ""

    def finish(self) -> str:
        """Let them run; return the order in which they have."""
        self.end.touch()
        for run in self.runs.values():
            run.wait_for_completion()
        return self.begun


@pytest.fixture
def target(workspace: Workspace) -> Iterator[str]:
    """The name of a compute target that a test makes by the form."""
    yield "box"
    if "box" in workspace.compute_targets:
        workspace.compute_targets["box"].delete()


def make_by_form(page: LabPage, name: str) -> None:
    page.page.get_by_role("button", name="New compute target…").click()
    form = page.page.get_by_role("article", name="New compute target")
    form.get_by_role("radio", name="local").check()
    form.get_by_role("textbox", name="Name").fill(name)
    form.get_by_role("textbox", name="Max nodes").fill("0")
    form.get_by_role("button", name="Create").click()
    expect(form).to_contain_text("0 is too little: 1 at least.")
    expect(form.get_by_role("textbox", name="Max nodes")).to_be_focused()
    form.get_by_role("textbox", name="Max nodes").fill("1")
    form.get_by_role("textbox", name="Max nodes").press("Enter")
    expect(form).to_have_count(0)


def queue_of(page: LabPage, target: str) -> Locator:
    return page.page.get_by_role("list", name=f"Queue of {target}").get_by_role("listitem")


def expect_order(page: LabPage, target: str, names: str) -> None:
    expect(queue_of(page, target)).to_have_text([re.compile(f"run {name}") for name in names])


def queued(page: LabPage, target: str, name: str) -> Locator:
    """Return the line of a run that waits, by which it is opened and moved."""
    return queue_of(page, target).get_by_role("button", name=re.compile(rf"^\d+ run {name}"))


@pytest.fixture
def second_page(
    browser: Browser, lab_as_installed: Lab, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[LabPage]:
    """The page of somebody else, with the sidebar beside a notebook: another browser, which shares nothing."""
    lab_as_installed.write("theirs.ipynb", code(""))
    context = browser.new_context(viewport={"width": 1200, "height": 1800})
    page = LabPage(context, lab_as_installed).open("theirs.ipynb")
    execute(page, "traindock:show-sidebar")
    yield page
    faults = look_back(request, tmp_path / "theirs", page)
    context.close()
    assert not faults, "\n".join(faults)


def wait_for_request(page: LabPage, on_its_way: list[Route]) -> None:
    """Wait until a page has asked for something that is held up."""
    while not on_its_way:
        page.page.wait_for_timeout(20)


class TestCompute:
    def test_runs_begin_in_the_order_into_which_they_were_moved_by_mouse_and_by_keys(
        self, sidebar: LabPage, target: str, submit: Submit, tmp_path: Path, workspace: Workspace
    ):
        make_by_form(sidebar, target)
        assert ComputeTarget(workspace, target).settings["max_nodes"] == 1
        waiting = Waiting(submit, target, tmp_path)
        section = sidebar.page.get_by_role("region", name=f"Compute target {target}")
        expect(section).to_contain_text("1 of 1 node busy, 3 runs wait")
        expect_order(sidebar, target, "bcd")
        expect(queue_of(sidebar, target).first).to_contain_text("held by “run a”")

        queue_of(sidebar, target).nth(0).drag_to(queue_of(sidebar, target).nth(2))
        expect_order(sidebar, target, "cdb")
        moved = queue_of(sidebar, target).get_by_role("button", name=re.compile(r"^\d run d"))
        moved.focus()
        sidebar.page.keyboard.press("Alt+ArrowUp")
        expect_order(sidebar, target, "dcb")
        expect(moved).to_be_focused()
        expect(section.get_by_role("status")).to_have_text("run d is number 1 of 3 in the queue now.")
        queue_of(sidebar, target).nth(2).click(button="right")
        choose_in_menu(sidebar.page, "Move Up")
        expect_order(sidebar, target, "dbc")
        find = sidebar.page.get_by_label("Filter compute targets")
        find.fill("run c")
        expect_order(sidebar, target, "c")
        queue_of(sidebar, target).get_by_role("button", name=re.compile(r"^3 run c")).press("Alt+Home")
        expect(section.get_by_role("status")).to_have_text("run c is number 1 of 3 in the queue now.")
        find.fill("")
        expect_order(sidebar, target, "cdb")
        queued(sidebar, target, "b").hover()
        section.get_by_role("button", name="Move run b up").click()
        expect_order(sidebar, target, "cbd")
        queued(sidebar, target, "c").hover()
        section.get_by_role("button", name="Move run c down").click()
        expect_order(sidebar, target, "bcd")
        for name, entry, order in (
            ("b", "Move Down", "cbd"),
            ("c", "Move to the End", "bdc"),
            ("c", "Move to the Front", "cbd"),
        ):
            queued(sidebar, target, name).click(button="right")
            choose_in_menu(sidebar.page, entry)
            expect_order(sidebar, target, order)
        queued(sidebar, target, "b").click(button="right")
        choose_in_menu(sidebar.page, "Stop…")
        sidebar.page.get_by_role("dialog").get_by_role("button", name="Stop").click()
        expect_order(sidebar, target, "cd")
        assert waiting.finish() == "acd"
        expect(section).not_to_contain_text("run a")

    @pytest.mark.soak
    def test_whoever_moves_a_run_that_has_been_cancelled_is_told_and_sees_the_queue_as_it_is(
        self, sidebar: LabPage, target: str, submit: Submit, tmp_path: Path
    ):
        make_by_form(sidebar, target)
        waiting = Waiting(submit, target, tmp_path)
        expect_order(sidebar, target, "bcd")
        sidebar.expected.append("409")

        def quicker(route: object) -> None:
            waiting.runs["b"].cancel()
            wait_for(lambda: waiting.runs["b"].record.state.terminal, "the end of run b")
            route.continue_()  # type: ignore[attr-defined]

        sidebar.page.route(re.compile("/move"), quicker)
        queue_of(sidebar, target).get_by_role("button", name=re.compile(r"^\d run b")).focus()
        sidebar.page.keyboard.press("Alt+End")
        section = sidebar.page.get_by_role("region", name=f"Compute target {target}")
        expect(section.get_by_role("status")).to_contain_text("The queue is shown as it is now.")
        expect_order(sidebar, target, "cd")
        sidebar.page.unroute_all()

        queue_of(sidebar, target).get_by_role("button", name=re.compile(r"^\d run d")).press("Delete")
        sidebar.page.get_by_role("dialog").get_by_role("button", name="Stop").click()
        expect_order(sidebar, target, "c")
        assert waiting.runs["a"].get_status() == "Running"

    def test_of_two_who_move_one_queue_the_second_is_told_what_became_of_it(
        self, sidebar: LabPage, second_page: LabPage, target: str, submit: Submit, tmp_path: Path
    ):
        make_by_form(sidebar, target)
        waiting = Waiting(submit, target, tmp_path)
        pages = (sidebar, second_page)
        for page in pages:
            expect_order(page, target, "bcd")
        second_page.expected.append("409")
        told = second_page.page.get_by_role("region", name=f"Compute target {target}").get_by_role("status")
        on_its_way: list[Route] = []
        second_page.page.route(re.compile("/move"), lambda route: on_its_way.append(route))

        # the second one has d go before c, while the first one moves c
        queued(second_page, target, "d").press("Alt+ArrowUp")
        wait_for_request(second_page, on_its_way)
        queued(sidebar, target, "c").press("Alt+Home")
        for page in pages:
            expect_order(page, target, "cbd")
        on_its_way.pop().continue_()
        expect(told).to_have_text("run d is number 1 of 3 in the queue now.")
        for page in pages:
            expect_order(page, target, "dcb")

        # and b before c, while the first one stops c
        queued(second_page, target, "b").press("Alt+ArrowUp")
        wait_for_request(second_page, on_its_way)
        queued(sidebar, target, "c").press("Delete")
        sidebar.page.get_by_role("dialog").get_by_role("button", name="Stop").click()
        for page in pages:
            expect_order(page, target, "db")
        on_its_way.pop().continue_()
        expect(told).to_have_text(
            "run “run b” cannot go before “run c”: it has ended (Canceled). Nothing was changed. "
            "The queue is shown as it is now."
        )
        for page in pages:
            expect_order(page, target, "db")
        assert waiting.finish() == "adb"

    def test_a_target_is_changed_and_deleted_and_what_becomes_of_its_runs_is_said_before(
        self, sidebar: LabPage, target: str, submit: Submit, tmp_path: Path, workspace: Workspace
    ):
        make_by_form(sidebar, target)
        Waiting(submit, target, tmp_path)
        page = sidebar.page
        expect_order(sidebar, target, "bcd")
        page.get_by_role("button", name=f"Actions of {target}").click()
        choose_in_menu(page, "Change…")
        form = page.get_by_role("article", name=f"Compute target {target}")
        expect(form.get_by_role("textbox", name="Max nodes")).to_have_value("1")
        form.get_by_role("textbox", name="Max nodes").fill("2")
        form.get_by_role("button", name="Save").click()
        section = page.get_by_role("region", name=f"Compute target {target}")
        expect(section).to_contain_text("2 of 2 nodes busy, 2 runs wait")

        page.get_by_role("button", name=f"Actions of {target}").click()
        choose_in_menu(page, "Delete…")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("2 runs wait for it: they will end as failed, and say so.")
        expect(dialog).to_contain_text("2 runs are at work on it, and go on.")
        dialog.get_by_role("button", name="Delete").click()
        expect(section).to_have_count(0)
        assert target not in workspace.compute_targets

    @pytest.mark.soak
    def test_what_the_server_refuses_is_said_beside_its_field_and_nothing_typed_is_lost(self, sidebar: LabPage):
        page = sidebar.page
        sidebar.expected.append("422")
        execute(sidebar, "traindock:new-compute")
        form = page.get_by_role("article", name="New compute target")
        form.get_by_role("textbox", name="Name").fill("containers")
        form.get_by_role("radio", name="docker").check()
        form.get_by_role("textbox", name="CPUs").fill("1.5")
        form.get_by_text("More settings").click()
        form.get_by_role("textbox", name="Min nodes").fill("3")
        form.get_by_role("textbox", name="Mounts").fill("/nowhere/at/all:/data:ro")
        form.get_by_role("button", name="Create").click()
        expect(form).to_contain_text("min_nodes is 3 and max_nodes 1")
        expect(form.get_by_role("textbox", name="Min nodes")).to_have_attribute("aria-invalid", "true")
        expect(form.get_by_role("textbox", name="CPUs")).to_have_value("1.5")
        form.get_by_role("textbox", name="Min nodes").fill("0")
        form.get_by_role("button", name="Create").click()
        expect(form.get_by_role("textbox", name="Mounts")).to_have_attribute("aria-invalid", "true")
        expect(form.get_by_role("textbox", name="Mounts")).to_have_value("/nowhere/at/all:/data:ro")
        # the page keeps what is typed for when it is loaded anew, and the form with it
        form.get_by_role("textbox", name="Description").fill("for the large ones")
        sidebar.lab.wait_for_kept("for the large ones")
        page.reload()
        expect(form.get_by_role("textbox", name="Mounts")).to_have_value("/nowhere/at/all:/data:ro")
        expect(form.get_by_role("textbox", name="Description")).to_have_value("for the large ones")
        expect(form.get_by_role("radio", name="docker")).to_be_checked()
        expect(form).to_contain_text("It is filled in as you left it.")
        form.get_by_role("button", name="Close").click()
        expect(form).to_have_count(0)
        execute(sidebar, "traindock:new-compute")
        expect(form.get_by_role("textbox", name="Name")).to_have_value("")
        form.get_by_role("button", name="Close").click()


def test_axe_finds_nothing_in_sections_tabs_and_forms_be_they_light_or_dark(
    sidebar: LabPage, model: str, target: str, submit: Submit, tmp_path: Path
):
    make_by_form(sidebar, target)
    Waiting(submit, target, tmp_path)
    expect_order(sidebar, target, "bcd")
    open_model(sidebar, model).get_by_role("button", name=re.compile("^Environment")).click()
    found = []
    for theme, form in product(("JupyterLab Dark", "JupyterLab Light"), (False, True)):
        sidebar.choose_theme(theme)
        if form:
            execute(sidebar, "traindock:new-compute")
            sidebar.page.get_by_role("button", name="Create").wait_for()
        for part in (".td-card", ".jp-Traindock-Section"):
            found += [f"{theme}, {part}: {violation}" for violation in sidebar.violations(part)]
    assert not found, "\n".join(found)
