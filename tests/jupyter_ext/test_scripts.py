"""The options of scripts below the server's root over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit
from tests.jupyter_ext.conftest import Ask

from traindock import Experiment, ScriptRunConfig, Workspace
from traindock.dispatcher import start

PATH = ("scripts", "options")
SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", "-l", type=float, default=float("inf"), help="the rate")
parser.parse_args()
"""


async def test_of_a_script(ask: Ask, source: Path) -> None:
    (source / "train.py").write_text(SCRIPT)

    found = await ask(*PATH, params={"path": "digits/train.py"})

    options = found.pop("options")
    assert found == {
        "path": "digits/train.py", "folder": "digits", "script": "train.py", "kind": "script", "experiment": "digits",
        "parsed": True, "why": "", "exclusive": [], "notes": [], "commands": [],
    }  # fmt: skip
    assert options == [
        {
            "flags": ["--lr", "-l"], "dest": "lr", "kind": "value", "action": "store", "type": "float",
            "type_source": "", "default": "Infinity", "default_source": "", "choices": None, "required": False,
            "help": "the rate", "nargs": None, "const": None, "metavar": None, "group": "", "on": None, "off": None,
            "line": 4,
        }
    ]  # fmt: skip


async def test_in_the_root_folder_the_experiment_is_called_like_the_script(ask: Ask, jp_root_dir: Path) -> None:
    (jp_root_dir / "my train.py").write_text("pass")

    found = await ask(*PATH, params={"path": "/my train.py"})

    assert {name: found[name] for name in ("path", "folder", "experiment")} == {
        "path": "my train.py", "folder": "", "experiment": "my-train",
    }  # fmt: skip


async def test_of_a_notebook(ask: Ask, source: Path) -> None:
    (source / "explore.ipynb").write_text('{"cells": [], "nbformat": 4}')

    found = await ask(*PATH, params={"path": "digits/explore.ipynb"})

    assert (found["kind"], found["parsed"], found["options"]) == ("notebook", True, [])


async def test_of_what_does_not_parse(ask: Ask, source: Path) -> None:
    (source / "train.py").write_text("def train(:\n")

    found = await ask(*PATH, params={"path": "digits/train.py"})

    assert (found["parsed"], "Line 1" in found["why"]) == (False, True)


async def test_what_is_no_script_is_told(ask: Ask, source: Path, tmp_path: Path) -> None:
    (source / "model.bin").write_bytes(b"\0\1")
    (source / "away.py").symlink_to(tmp_path / "elsewhere.py")
    (tmp_path / "elsewhere.py").write_text("secret = 1")
    for path, status, code in (
        ("digits/gone.py", 404, "script_not_found"),
        ("x" * 3000, 404, "script_not_found"),
        ("digits/train.py/x", 404, "script_not_found"),
        ("digits", 422, "script_file"),
        ("digits/model.bin", 422, "script_file"),
        ("digits/away.py", 403, "forbidden"),
        ("../elsewhere.py", 403, "forbidden"),
        ("digits/\0", 403, "forbidden"),
    ):
        error = await ask(*PATH, params={"path": path}, expect=status)
        assert error["code"] == code
        assert str(tmp_path) not in str(error)


async def test_a_path_is_needed(ask: Ask) -> None:
    assert (await ask(*PATH, expect=400))["code"] == "invalid_request"


async def test_where_the_contents_are_no_folder_no_script_is_read(ask: Ask, jp_serverapp: Any, source: Path) -> None:
    jp_serverapp.extension_manager.extension_points["jupyterlab_traindock"].app.managers.workspaces.root = None

    error = await ask(*PATH, params={"path": "digits/train.py"}, expect=403)

    assert "no disk of this server" in error["message"]


async def test_of_a_run_as_it_was_submitted(
    ask: Ask, workspace: Workspace, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    run = submit(SCRIPT)

    found = await ask("workspaces", workspace.id, "runs", run.id, "script-options")

    assert (found["path"], found["kind"], found["parsed"]) == (run.record.spec.script, "script", True)
    assert [option["flags"] for option in found["options"]] == [["--lr", "-l"]]


async def test_of_a_run_of_a_whole_command(
    ask: Ask, workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    run = Experiment(workspace, "digits").submit(ScriptRunConfig(source, command=["ls"], compute_target="local"))

    error = await ask("workspaces", workspace.id, "runs", run.id, "script-options", expect=404)

    assert error["code"] == "script_not_found"
