"""The page on REST and websocket: its commands, executed in order as they stand there, do what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.servers import TOKEN, JupyterServer
from tests.conftest import REPOSITORY, end_everything_in

from jupyterlab_traindock.app import TraindockApp
from traindock import Model, Run, Workspace

PAGE = (REPOSITORY / "docs" / "rest-and-websocket.md").read_text("utf-8")


@pytest.fixture
def server(private_folders: None, tmp_path: Path) -> Iterator[JupyterServer]:
    made = JupyterServer(tmp_path / "lab")
    shutil.copytree(REPOSITORY / "notebooks" / "pytorch-hymenoptera", tmp_path / "lab" / "pytorch-hymenoptera")
    yield made
    made.kill()
    for group in Workspace.list().values():
        for workspace in group:
            end_everything_in(workspace)


@pytest.mark.slow
def test_its_commands_submit_follow_keep_and_register(server: JupyterServer, tmp_path: Path) -> None:
    here = tmp_path / "shell"
    here.mkdir()
    [follow] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (here / "follow.py").write_text(follow)
    commands = "".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    commands = commands.replace("http://127.0.0.1:8888", server.url.rstrip("/")).replace("TOKEN=…", f"TOKEN={TOKEN}")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", commands], cwd=here, env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    workspace = Workspace.get("over-http")
    [first, *_] = sorted(Run.list(workspace), key=lambda run: run.record.turn)
    assert first.get_status() == "Completed"
    assert first.tags == {"from": "curl", "good": "yes"}
    assert "state: Running" in done.stdout
    assert "ended: Completed finished" in done.stdout
    assert (here / "model.pt").read_bytes() == (first.path / "outputs" / "model.pt").read_bytes()
    assert Model(workspace, "pt-dnn").run_id == first.id
    assert [*Model(workspace, "pt-dnn", version=2).files] == ["model.pt"]
    assert Model(workspace, "pt-dnn", alias="production").version == 1
    assert re.search(r"^val_acc,", done.stdout, re.MULTILINE)


def test_its_table_has_each_setting_with_its_default_and_no_other() -> None:
    table = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE, re.MULTILINE)
    own = TraindockApp.class_own_traits(config=True)
    sizes = {"1 MiB": 1 << 20, "64 MiB": 64 << 20, "4 MiB": 4 << 20, "`[]`": [], '`""`': ""}

    told = {name: sizes.get(value.strip(), value.strip()) for name, value in table}

    assert {name: str(value) for name, value in told.items()} == {
        name: str(trait.default()) for name, trait in own.items()
    }
