"""What a kernel answers to views where there is no server of ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyterlab_traindock.errors import ApiError
from traindock_widgets import kernel_api
from traindock_widgets.following import kernel_side

Start = Callable[..., Any]


def ask(run: Any, path: str, method: str = "GET", body: Any = None, **headers: str) -> Any:
    """Ask the kernel for something below a run."""
    api = kernel_side(run.workspace).api
    return api.answer(method, f"/workspaces/{run.workspace.id}/runs/{run.id}{path}", body, headers)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source folder."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "train.py").write_text("print('hello')\n")
    return folder


def test_a_run_is_changed(start: Start) -> None:
    run = start()
    assert ask(run, "", "PATCH", {"tags": {"good": "yes"}})["tags"] == {"good": "yes"}
    assert run.get_tags() == {"good": "yes"}


def test_curves_come_in_buckets(start: Start) -> None:
    run = start()
    run.log("loss", 1)
    run.log("loss", float("inf"))
    (series,) = ask(run, "/metrics/buckets?name=loss")["series"]
    assert series["buckets"]["last"] == [1, "Infinity"]


def test_lists_have_groups_and_sparklines(start: Start) -> None:
    run = start()
    run.log("loss", 0.5)
    workspace = f"/workspaces/{run.workspace.id}"
    api = kernel_side(run.workspace).api
    (group,) = api.answer("GET", f"{workspace}/run-groups?by=state", None, {})["groups"]
    found = api.answer("GET", f"{workspace}/sparklines?run={run.id}", None, {})["sparklines"]
    assert (group["runs"], group["unfinished"]) == (1, 1)
    assert found == {run.id: {"metric": "loss", "values": [0.5], "count": 1}}


def test_the_source_folder_is_listed_and_its_files_read(start: Start, folder: Path) -> None:
    run = start(snapshot=folder)
    assert [entry["path"] for entry in ask(run, "/snapshot")["entries"]] == ["train.py"]
    assert ask(run, "/snapshot/content?name=train.py") == b"print('hello')\n"
    assert ask(run, "/snapshot/content?name=train.py", Range="bytes=0-4") == b"print"


def test_no_file_leads_out_of_the_source_folder(start: Start, folder: Path) -> None:
    with pytest.raises(ApiError, match="leads out"):
        ask(start(snapshot=folder), "/snapshot/content?name=../../secret")


def test_a_file_that_is_too_large_for_a_comm_is_refused(
    start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_api, "MOST_BYTES", 10)
    with pytest.raises(ApiError, match=r"train.py has 15 bytes: a kernel sends 10 at once at most"):
        ask(start(snapshot=folder), "/snapshot/content?name=train.py")


@pytest.mark.parametrize(
    ("path", "method", "body", "code"),
    [
        ("/nothing", "GET", None, "not_found"),
        ("", "DELETE", None, "not_found"),
        ("/metrics/buckets?name=loss&buckets=many", "GET", None, "invalid_request"),
        ("", "PATCH", {"display_name": 3}, "invalid_request"),
        ("/snapshot", "GET", None, "snapshot_not_found"),
    ],
)
def test_what_cannot_be_is_refused_with_a_code(start: Start, path: str, method: str, body: Any, code: str) -> None:
    with pytest.raises(ApiError) as refused:
        ask(start(), path, method, body)
    assert refused.value.document()["code"] == code


def test_no_other_workspace_is_opened(start: Start, tmp_path: Path) -> None:
    run = start()
    with pytest.raises(ApiError) as refused:
        kernel_side(run.workspace).api.answer("GET", f"/workspaces/{'0' * 32}/runs", None, {})
    assert refused.value.document()["code"] == "workspace_not_found"


def test_a_kernel_does_not_wait_for_what_only_requests_need() -> None:
    program = "import sys, traindock_widgets.kernel_api as _; print('jsonschema' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
