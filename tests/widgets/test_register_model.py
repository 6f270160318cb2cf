"""The model-registration panel, as a widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets
import pytest
from tests.conftest import wait_for
from tests.widgets.conftest import Page

from traindock import UserErrorException
from traindock_widgets import RegisterModel, RunDetails

Start = Callable[..., Any]


def test_what_is_registered_from_the_run_is_told_whoever_registers_it(page: Page, start: Start, tmp_path: Any) -> None:
    run = start()
    (tmp_path / "model.pt").write_bytes(b"weights")
    run.upload_file("outputs/model.pt", str(tmp_path / "model.pt"))
    run.complete()
    panel = RegisterModel(run)
    assert panel.versions == []

    run.register_model("bees", "outputs/model.pt")

    wait_for(lambda: panel.versions == ["bees:1"], "the version")
    assert ["bees:1"] in page.states(panel, "versions")


def test_what_is_registered_while_the_panel_begins_to_follow_is_told_as_well(
    page: Page, start: Start, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    (tmp_path / "model.pt").write_bytes(b"weights")
    run.upload_file("outputs/model.pt", str(tmp_path / "model.pt"))
    run.complete()
    begin = RegisterModel._start

    def begin_late(panel: RegisterModel) -> None:
        assert panel.versions == []
        run.register_model("bees", "outputs/model.pt")
        begin(panel)

    monkeypatch.setattr(RegisterModel, "_start", begin_late)
    panel = RegisterModel(run)
    wait_for(lambda: panel.versions == ["bees:1"], "the version", seconds=10)


def test_registering_over_the_comm_needs_no_server(page: Page, start: Start, tmp_path: Any) -> None:
    run = start()
    (tmp_path / "model.pt").write_bytes(b"weights")
    run.upload_file("outputs/model.pt", str(tmp_path / "model.pt"))
    run.complete()
    panel = RegisterModel(run)

    answer, _ = page.answer(
        panel,
        f"/workspaces/{run.workspace.id}/models",
        method="POST",
        body={"name": "bees", "run": run.id, "path": "outputs/model.pt", "alias": "production"},
    )

    assert answer["body"]["id"] == "bees:1"
    assert answer["body"]["aliases"] == ["production"]


@pytest.mark.parametrize("kind", [RegisterModel, RunDetails])
def test_picked_files_are_a_trait_that_both_sides_set(page: Page, start: Start, kind: Any) -> None:
    first = kind(start())
    first.selected_files = ["outputs/model.pt"]
    assert page.states(first, "selected_files") == [["outputs/model.pt"]]

    update = {"method": "update", "state": {"selected_files": ["outputs/other.pt"]}, "buffer_paths": []}
    first.comm.handle_msg({"content": {"data": update}, "buffers": []})

    assert first.selected_files == ["outputs/other.pt"]
    ipywidgets.HBox([first, ipywidgets.Label("beside it")])


def test_what_is_no_run_is_refused(page: Page) -> None:
    with pytest.raises(UserErrorException, match="RegisterModel takes a run"):
        RegisterModel("run_1")  # type: ignore[arg-type]
