"""Whatever runs and notebooks contain stays text, and has nothing done that nobody asked for."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import BASE_URL, Lab, code, output
from tests.browser.scripts import NASTY, STEADY, showing
from tests.conftest import Submit

from traindock import Run
from traindock.states import State
from traindock_widgets.outputs import RUN, WIDGET

API = f"{BASE_URL}traindock/api"


def test_html_and_scripts_of_a_run_stay_text(show: Show, lab: Lab, hostile_run: Run):
    lab.write("hostile-run.ipynb", showing(hostile_run))
    page = show("hostile-run.ipynb")
    page.card.wait_for_state("Completed")
    expect(page.card.locator.locator(".td-chart-title").filter(has_text="alert(1)")).to_have_count(1)
    log = page.card.tab("Log")
    for number in (2, 3, 6):
        expect(log).to_contain_text(NASTY.format(number))
    links = log.get_by_role("link").evaluate_all("links => links.map(link => new URL(link.href).pathname)")
    assert links == [f"{API}/workspaces/{hostile_run.workspace.id}/runs/{hostile_run.id}/files/content"]
    files = page.card.tab("Files")
    expect(files).to_contain_text("<img src=x onerror=alert(10)>.txt")
    for name, content in (("table.csv", NASTY.format(7)), ("page.html", NASTY.format(8))):
        files.get_by_role("button", name=f"outputs/{name}").click()
        expect(files.locator(".td-preview").first).to_contain_text(content)
    files.get_by_role("button", name="outputs/picture.png").click()
    expect(files.locator("img.td-preview")).to_be_visible()  # no picture, and nothing else either
    expect(page.card.tab("Details")).to_contain_text(NASTY.format(11))
    for tab in ("Curves", "Log", "Files", "Model", "Details"):
        page.card.tab(tab)
        expect(page.card.locator.locator("script, iframe, object, embed, [onerror], [onload]"), tab).to_have_count(0)
        expect(page.card.locator.locator(".td-panel svg"), tab).to_have_count(0)


def test_a_hostile_notebook_has_nothing_requested_but_runs_by_valid_ids_and_nothing_changed(
    show: Show, lab: Lab, submit: Submit, tmp_path: Path
):
    run = submit(STEADY, tmp_path / "never")
    real = {"workspace": run.workspace.id, "run": run.id}
    unknown = {"workspace": "0" * 32, "run": "nobody_1_00000000"}
    forged = [
        {"workspace": "../../etc", "run": run.id},
        {"workspace": run.workspace.id, "run": "../../../api/shutdown"},
        {"workspace": run.workspace.id, "run": f"{run.id}/cancel"},
        {"workspace": run.workspace.id, "run": f"{run.id}?x=1#"},
        {"workspace": str(run.workspace.layout.root), "run": run.id},
        {"workspace": run.workspace.id.upper(), "run": "x" * 1_000_000},
        {"workspace": run.workspace.id, "run": NASTY.format(1)},
        {"workspace": [run.workspace.id], "run": {"toString": run.id}},
        {"workspace": None, "run": None},
        "text",
        None,
    ]
    data = {RUN.mime: {"version": 1, "html": NASTY.format(2), "state": NASTY.format(3)}, "text/plain": "a run"}
    data[WIDGET] = {"version_major": 2, "version_minor": 1, "model_id": NASTY.format(4)}
    cells = [code("", output(data, {RUN.mime: ids})) for ids in forged]
    for version in (2, 1e308, -1, "1", None, NASTY.format(5)):
        cells.append(code("", output({RUN.mime: {"version": version}, "text/plain": "a run"}, {RUN.mime: real})))
    extra = {**real, "cursor": "x", "path": "/etc", "action": "cancel", "url": "https://example.org"}
    cells += [code("", output(data, {RUN.mime: unknown})), code("", output(data, {RUN.mime: extra}))]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell{number}"
    lab.write("hostile-notebook.ipynb", *cells)
    requests: list[tuple[str, str]] = []
    subscriptions: list[dict[str, object]] = []
    page = show("hostile-notebook.ipynb", prepare=lambda one: listen(one.page, requests, subscriptions))
    page.expected.append("404")  # of the run that is unknown
    last = page.page.locator(".td-card").last
    last.scroll_into_view_if_needed()
    expect(last.locator(".td-state")).to_have_text("Running", timeout=60_000)

    refused = page.page.locator(".td-card.td-problem")
    expect(refused.filter(has_text="This output does not say what it shows")).to_have_count(
        len(forged) + 3
    )  # whose version is no number
    expect(page.page.get_by_text("does not know the workspace of this run")).to_be_visible()
    valid = {f"{API}/workspaces/{ids['workspace']}/runs/{ids['run']}" for ids in (real, unknown)}
    # Whatever is in a notebook, pages ask for the server's version, and which runs of a workspace have not ended.
    own = {one["id"] for one in lab.ask("traindock/api/workspaces")["workspaces"]}
    of_pages = {f"{API}/", f"{API}/workspaces", *(f"{API}/workspaces/{one}/runs" for one in own)}
    asked = {(method, path) for method, path in requests if path.startswith(API)}
    assert asked <= {("GET", path) for path in of_pages | valid}
    followed = [{key: one["to"].get(key) for key in ("workspace", "run")} for one in subscriptions if "to" in one]
    assert all(one in (real, unknown) or (one["run"] is None and one["workspace"] in own) for one in followed)
    assert not [path for _, path in requests if "example.org" in path or "shutdown" in path]
    assert run.record.state is State.RUNNING


def listen(page, requests: list, subscriptions: list) -> None:
    def opened(socket) -> None:
        path = urlsplit(socket.url).path
        if "traindock" in path:
            assert path == f"{API}/live"
            socket.on("framesent", lambda text: subscriptions.append(json.loads(text)))

    page.on("request", lambda request: requests.append((request.method, urlsplit(request.url).path)))
    page.on("websocket", opened)
