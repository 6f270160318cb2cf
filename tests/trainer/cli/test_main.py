"""The command as a whole: its help, its exit codes, its errors, its place in a pipe."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.recorded_runs import Record

from traindock.cli.parsers import COMMANDS
from traindock.states import State
from traindock.workspace import Workspace

from .conftest import Cli

HEAVY = {"sqlite3", "numpy", "pandas", "torch", "yaml", "packaging", "psutil", "pathspec", "traindock.workspace"}


def loaded_by(*words: str) -> set[str]:
    """Names of the modules that a call of the command imports."""
    code = (
        "import sys, io, contextlib\n"
        "from traindock.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    main({list(words)!r})\n"
        "print(*sys.modules)"
    )
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("words", [("--help",), ("--version",), *[(name, "--help") for name, *_ in COMMANDS]])
def test_help_costs_next_to_nothing(words: tuple[str, ...]) -> None:
    assert not loaded_by(*words) & HEAVY


def test_help_names_all_commands_and_teaches_by_examples(cli: Cli) -> None:
    general = cli("--help", here=False)
    assert general.code == 0
    for name, *_ in COMMANDS:
        assert f"\n    {name} " in general.out
        own = cli(name, "--help", here=False)
        assert own.code == 0
        assert f"\nexamples:\n  traindock {name}" in own.out
        assert own.out.startswith(f"usage: traindock {name}")


def test_the_version_is_told(cli: Cli) -> None:
    from traindock import __version__

    assert cli("--version", here=False).out.startswith(f"traindock {__version__} (Python 3.")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("fly",),
        ("runs", "--no-such-option"),
        ("runs", "--lim", "3"),
        ("runs", "--limit", "-3"),
        ("runs", "--above", "1"),
        ("runs", "--asc"),
        ("runs", "--state", "asleep"),
        ("show",),
        ("submit",),
        ("submit", "--tag", "novalue", "train.py"),
        ("submit", "--pip", "six", "--user-managed", "train.py"),
        ("submit", "--plan", "--wait", "train.py"),
        ("logs", "last", "--exit-status"),
        ("register", "last"),
        ("register", "--file", "x", "run", "name"),
    ],
)
def test_what_is_not_understood_exits_with_2_and_shows_the_usage(cli: Cli, words: tuple[str, ...]) -> None:
    answer = cli(*words)
    assert answer.code == 2
    assert "usage: traindock" in answer.err
    assert answer.out == ""


def test_an_error_is_a_message_and_never_a_traceback(cli: Cli) -> None:
    answer = cli("show", "nobody")
    assert answer.code == 1
    assert answer.out == ""
    assert answer.err.startswith("traindock: there is no run 'nobody' in workspace 'test'")
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("words", [("--json", "show", "nobody"), ("show", "nobody", "--json")])
def test_with_json_an_error_is_one_document_on_stderr(cli: Cli, words: tuple[str, ...]) -> None:
    answer = cli(*words)
    assert (answer.code, answer.out) == (1, "")
    assert answer.error["code"] == "run_not_found"
    assert answer.error["type"] == "RunNotFoundException"
    assert "'nobody'" in answer.error["message"]


@pytest.mark.parametrize(
    "words", [("fly",), ("runs", "--limit", "-3"), ("logs", "last", "-f"), ("metrics", "last", "--csv"), ("show",)]
)
def test_with_json_what_is_not_understood_is_such_a_document_too(cli: Cli, words: tuple[str, ...]) -> None:
    answer = cli(*words, "--json")
    assert (answer.code, answer.out) == (2, "")
    assert (answer.error["code"], answer.error["type"]) == ("usage", "NotUnderstood")
    assert answer.error["message"]


def test_json_among_the_words_of_a_command_is_its_own(cli: Cli) -> None:
    assert "usage: traindock submit" in cli("submit", "--no-such", "--command", "--", "jq", "--json").err


def test_a_workspace_is_named_by_its_folder_its_name_or_a_config_file(cli: Cli, record: Record, tmp_path: Path) -> None:
    run_id = record()
    root = tmp_path / "workspace"
    (tmp_path / "config.json").write_text(json.dumps({"workspace_path": "workspace"}))
    for named in (root, "test", tmp_path / "config.json", os.path.relpath(root)):
        answer = cli("runs", "--workspace", named, "--json", here=False)
        assert [run["id"] for run in answer.document["runs"]] == [run_id]
    assert "yours: test" in cli("--workspace", "other", "runs", here=False).err
    assert cli("--workspace", tmp_path / "nowhere", "runs", "--json", here=False).error["code"] == "workspace"


def test_the_workspace_above_the_current_folder_is_used_unless_one_is_named(
    cli: Cli, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = record()
    (tmp_path / "config.json").write_text(json.dumps({"workspace_path": "workspace"}))
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert run_id in cli("runs", here=False).out


def test_the_default_workspace_is_told_of_once_by_who_makes_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAINDOCK_WORKSPACE", str(tmp_path / "mine"))
    words = ("computes", "create", "many", "--kind", "local")
    first, second = cli(*words, here=False), cli(*words, here=False)
    assert f"using your default workspace 'mine' ({tmp_path}/mine)" in first.err
    assert (second.code, second.err) == (0, "")


def test_a_current_folder_that_was_deleted_is_told(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for words, here in ((["runs"], False), (["submit", "train.py"], True), (["runs", "--workspace", "x/y"], False)):
        answer = cli(*words, here=here)
        assert answer.code == 1
        assert re.fullmatch("traindock: the current folder is gone: change to another one .*\n", answer.err)


def test_a_corrupt_config_is_named(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    answer = cli("runs", here=False)
    assert answer.code == 1
    assert str(tmp_path / "config.json") in answer.err


def test_a_closed_pipe_ends_it_quietly(record: Record, process: Callable[..., subprocess.Popen[bytes]]) -> None:
    run_id = record(log=b"x" * 99 + b"\n" + b"a line of the log\n" * 200_000)
    reader = process("logs", run_id)
    assert reader.stdout is not None
    assert reader.stderr is not None
    assert reader.stdout.read(100) == b"x" * 99 + b"\n"
    reader.stdout.close()
    assert reader.wait(60) == 141
    assert reader.stderr.read() == b""


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_is_written_to_in_vain(record: Record, workspace: Workspace, closed: str) -> None:
    record()
    command = shlex.join([sys.executable, "-m", "traindock", "--workspace", str(workspace.layout.root), "runs"])
    done = subprocess.run(["sh", "-c", f"{command} {closed}"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_an_output_that_cannot_be_written_is_a_message(
    record: Record, process: Callable[..., subprocess.Popen[bytes]], buffered: str
) -> None:
    record()
    with open("/dev/full", "wb") as full:
        listing = process("runs", stdout=full, env={**os.environ, "PYTHONUNBUFFERED": buffered})
    _, err = listing.communicate(timeout=60)
    assert listing.returncode == 1
    assert re.fullmatch(rb"traindock: .*No space left on device\n", err)


@pytest.mark.parametrize("module", ["argparse", "traindock.cli.listing", "traindock.cli.output", "traindock.workspace"])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["runs"], "traindock: interrupted\n"),
        (["runs", "--json"], '"code": "interrupted", "type": "KeyboardInterrupt", "message": "interrupted"'),
    ],
)
def test_ctrl_c_is_quiet_from_the_first_moments_on(
    workspace: Workspace, module: str, words: list[str], told: str
) -> None:
    code = f"""
import sys
class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from traindock.cli.main import main
sys.exit(main(["--workspace", {str(workspace.layout.root)!r}, *{words!r}]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert told in " ".join(done.stderr.split()) + "\n"
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_names_that_the_terminal_cannot_show_end_nothing(
    record: Record, process: Callable[..., subprocess.Popen[bytes]]
) -> None:
    record(display_name="猫 und Grüße")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    out, err = process("runs", env=environment).communicate(timeout=60)
    assert rb"\u732b und Gr\xfc\xdfe" in out
    assert err == b""


def test_windows_is_pointed_to_wsl(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traindock.cli.main.sys.platform", "win32")
    answer = cli("runs")
    assert answer.code == 1
    assert "WSL2" in answer.err


def test_a_refusal_of_the_system_is_a_message(cli: Cli, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "/secret")

    monkeypatch.setattr("traindock.store.index.Index.runs", refuse)
    answer = cli("runs", "--json")
    assert answer.code == 1
    assert answer.error["code"] == "system"
    assert "/secret" in answer.error["message"]


def test_a_damaged_index_is_rebuilt_with_a_warning_and_the_answer_is_right(cli: Cli, record: Record) -> None:
    run_id = record(State.COMPLETED)
    cli("rebuild-index")
    root = Workspace.list()["test"][0].layout
    for suffix in ("-wal", "-shm"):
        root.index.with_name(root.index.name + suffix).unlink(missing_ok=True)
    root.index.write_bytes(b"this is no database" * 1000)
    answer = cli("runs")
    assert answer.code == 0
    assert run_id in answer.out
    assert "traindock: warning: the index" in answer.err
