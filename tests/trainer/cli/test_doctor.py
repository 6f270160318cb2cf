"""`traindock doctor` says what is wrong, and what to do."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from tests.recorded_runs import Record

from traindock.experiment import Experiment
from traindock.model import Model
from traindock.run import Run
from traindock.states import State
from traindock.workspace import Workspace

from .conftest import Cli


def checks(cli: Cli) -> dict[str, dict[str, Any]]:
    answer = cli("doctor", "--json")
    document = answer.document
    assert document["ok"] == (answer.code == 0) == all(check["level"] != "FAIL" for check in document["checks"])
    return {check["check"]: check for check in document["checks"]}


def test_a_healthy_workspace_is_ok_line_by_line(cli: Cli, record: Record, workspace: Workspace) -> None:
    record()
    answer = cli("doctor")
    assert answer.code == 0
    levels = [line.split()[0] for line in answer.out.splitlines()]
    assert set(levels) <= {"ok", "warn"}
    found = checks(cli)
    for check in ("Python", "platform", "uv", "GPUs", "signing key", "workspace", "disk", "index", "runs", "leftovers"):
        assert found[check]["message"]
    assert found["runs"]["message"] == "1 in the index, as in the folders"
    assert str(workspace.layout.root) in found["workspace"]["message"]


def test_a_damaged_index_fails_with_the_command_that_mends_it(cli: Cli, record: Record, workspace: Workspace) -> None:
    record()
    assert workspace.index.count() == 1
    workspace.index.close()
    for suffix in ("-wal", "-shm"):
        workspace.layout.index.with_name(workspace.layout.index.name + suffix).unlink(missing_ok=True)
    workspace.layout.index.write_bytes(b"no database" * 1000)
    found = checks(cli)["index"]
    assert found["level"] == "FAIL"
    assert found["advice"].endswith("rebuild-index")
    cli("rebuild-index")
    assert checks(cli)["index"]["level"] == "ok"


def test_an_index_that_forgot_a_run_fails(cli: Cli, record: Record, workspace: Workspace) -> None:
    run_id = record()
    assert workspace.index.count() == 1
    with workspace.index._writing() as connection:
        connection.execute("DELETE FROM runs")
    found = checks(cli)["runs"]
    assert found["level"] == "FAIL"
    assert run_id in found["message"]


def test_an_index_with_an_old_state_fails(cli: Cli, record: Record, workspace: Workspace) -> None:
    run_id = record()
    assert workspace.index.count() == 1
    with workspace.index._writing() as connection:
        connection.execute("UPDATE runs SET state = 'Running'")
    assert run_id in checks(cli)["runs"]["message"]


def test_folders_of_other_programs_are_named_and_hinder_nothing(
    cli: Cli, record: Record, workspace: Workspace, tmp_path: Path
) -> None:
    record()
    assert "strange folders" not in checks(cli)
    (tmp_path / "net.pt").write_bytes(b"x")
    Model.register(workspace, tmp_path / "net.pt", "net")
    Experiment(workspace, "ants")
    layout = workspace.layout
    for folder in (layout.models, layout.experiments, layout.runs):
        (folder / ".ipynb_checkpoints").mkdir()
        (folder / "no name").mkdir()
        (folder / "no name" / "events.jsonl").touch()
    strange = checks(cli)["strange folders"]
    assert strange["level"] == "warn"
    assert "models/.ipynb_checkpoints" in strange["message"]
    assert "and 1 more" in strange["message"]
    assert [model.id for model in Model.list(workspace)] == ["net:1"]
    assert len(Experiment.list(workspace)) == 1
    workspace.rebuild_index()
    assert len([*Run.list(workspace)]) == 1
    assert "unreadable runs" not in checks(cli)
    assert cli("models").code == cli("runs").code == 0


def test_records_with_damaged_lines_are_named(cli: Cli, record: Record, workspace: Workspace, tmp_path: Path) -> None:
    run_id = record()
    (tmp_path / "net.pt").write_bytes(b"x")
    Model.register(workspace, tmp_path / "net.pt", "net")
    Experiment(workspace, "ants")
    assert checks(cli)["records"]["level"] == "ok"
    layout = workspace.layout
    layout.model_events("net").write_bytes(b"\xff" * 100)
    for path in (layout.run(run_id).events, layout.experiment_events("ants")):
        with open(path, "ab") as file:
            file.write(b"\xff\n\xff\n{")
    found = checks(cli)["records"]
    assert found["level"] == "warn"
    assert f"runs/{run_id}/events.jsonl (3)" in found["message"]
    assert "models/net/events.jsonl (1)" in found["message"]
    assert "experiments/ants/events.jsonl (3)" in found["message"]
    assert "models/net/events.jsonl has lines that cannot be read (1)" in cli("models").err


def test_unreadable_and_unsigned_runs_are_named(cli: Cli, record: Record, workspace: Workspace) -> None:
    broken, strange = record(), record()
    workspace.layout.run(broken).run_json.write_text("{")
    path = workspace.layout.run(strange).run_json
    path.write_text(path.read_text().replace('"ann"', '"eve"'))
    workspace.rebuild_index()
    found = checks(cli)
    assert broken in found["unreadable runs"]["message"]
    assert strange in found["unsigned runs"]["message"]


def test_a_waiting_run_without_a_dispatcher_is_warned_of(cli: Cli, record: Record) -> None:
    run_id = record(State.NOT_STARTED)
    found = checks(cli)["dispatcher"]
    assert found["level"] == "warn"
    assert f"1 run is unfinished: {run_id}" in found["message"]
    assert "runs" in found["advice"]
    record(State.NOT_STARTED)
    assert "2 runs are unfinished" in checks(cli)["dispatcher"]["message"]


def test_trouble_in_the_dispatchers_log_is_shown(cli: Cli, record: Record, workspace: Workspace) -> None:
    lines = "2026-11-23 INFO 1 Main: all is well\n2026-11-23 WARNING 1 Main: sky fell\n"
    workspace.layout.dispatcher_log.write_text(lines)
    found = checks(cli)["dispatcher log"]
    assert found["level"] == "warn"
    assert "sky fell" in found["message"]
    assert "all is well" not in found["message"]


def test_a_key_that_others_can_read_fails(cli: Cli, record: Record) -> None:
    from traindock.store import signing

    record()
    key = signing._key_path()
    key.chmod(0o644)
    signing._load_key.cache_clear()
    found = checks(cli)["signing key"]
    assert found["level"] == "FAIL"
    assert "600" in found["message"]


def test_wrong_settings_fail(cli: Cli, workspace: Workspace) -> None:
    workspace.layout.settings.write_text("[jobs]\ngrace_seconds = 'long'\n")
    found = checks(cli)["settings"]
    assert found["level"] == "FAIL"
    assert "grace_seconds" in found["message"]


def test_a_workspace_open_to_others_is_warned_of(cli: Cli, workspace: Workspace) -> None:
    workspace.layout.root.chmod(0o755)
    assert checks(cli)["workspace"]["level"] == "warn"
    assert stat.S_IMODE(workspace.layout.root.stat().st_mode) == 0o755


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_workspace_that_cannot_be_written_fails(cli: Cli, workspace: Workspace) -> None:
    workspace.layout.root.chmod(0o500)
    try:
        assert checks(cli)["workspace"]["level"] == "FAIL"
    finally:
        workspace.layout.root.chmod(0o700)


def test_a_workspace_of_a_newer_format_fails(cli: Cli, workspace: Workspace) -> None:
    path = workspace.layout.workspace_json
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    found = checks(cli)["workspace"]
    assert found["level"] == "FAIL"
    assert "format 99" in found["message"]


def test_a_disk_without_room_fails(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = shutil.disk_usage("/")
    monkeypatch.setattr("traindock.cli.check_workspace.shutil.disk_usage", lambda _: usage._replace(free=1000))
    assert checks(cli)["disk"]["level"] == "FAIL"


def test_a_network_disk_is_warned_of(cli: Cli, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    root = workspace.layout.root
    monkeypatch.setattr("traindock.store.disks.file_system", lambda path, *_: "nfs4" if path == root else "ext4")
    found = checks(cli)["file system"]
    assert found["level"] == "warn"
    assert "nfs4, a network file system: slower; this host may write" in found["message"]


def test_missing_programs_are_named(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from traindock.errors import EnvironmentBuildException

    def none() -> str:
        raise EnvironmentBuildException("uv was not found")

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("traindock.images.uv.find_uv", none)
    found = checks(cli)
    assert found["uv"]["level"] == "FAIL"
    assert found["git"]["level"] == "warn"


def test_devices_are_listed_with_who_holds_them(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from traindock.compute.leases import Leases

    monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", "fake-a,fake-b")
    lease = Leases().try_acquire(1, ["fake-a"], {"run": "digits_1_00000000", "workspace": "test"})
    assert lease is not None
    try:
        found = checks(cli)
        assert found["GPUs"]["message"].startswith("2 devices")
        assert "held by digits_1_00000000" in found["GPU 0"]["message"]
        assert found["GPU 1"]["message"].endswith(": free")
    finally:
        lease.release()


def test_what_crashes_left_behind_is_named(cli: Cli, workspace: Workspace) -> None:
    old = workspace.layout.runs / ".new-digits_1_00000000"
    young = workspace.layout.runs / ".new-digits_2_00000000"
    old.mkdir()
    young.mkdir()
    os.utime(old, (0, 0))
    found = checks(cli)["leftovers"]
    assert found["level"] == "warn"
    assert old.name in found["message"]
    assert young.name not in found["message"]


def test_windows_is_pointed_to_wsl_and_nothing_else_is_tried(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    answer = cli("doctor")
    monkeypatch.undo()
    assert answer.code == 1
    assert "WSL2" in answer.out
    assert len(answer.out.splitlines()) == 2
