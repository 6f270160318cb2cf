"""uv's settings, secrets, and running programs with their output in the log."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from traindock.errors import EnvironmentBuildException
from traindock.images.uv import BuildLog, BuildSettings, find_uv, mask, run_program


def test_nothing_set_leaves_uv_to_its_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX_URL", "https://mine")
    env = BuildSettings().environment()
    assert env["UV_INDEX_URL"] == "https://mine"
    assert "UV_DEFAULT_INDEX" not in env
    assert env["PATH"] == os.environ["PATH"]
    assert int(env["UV_LOCK_TIMEOUT"]) > 0
    assert (int(env["UV_HTTP_TIMEOUT"]), int(env["UV_HTTP_CONNECT_TIMEOUT"])) > (30, 10)
    assert env["UV_CONCURRENT_DOWNLOADS"] == "10"


def test_settings_are_told_to_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UV_INDEX_URL", "https://mine")
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    settings = BuildSettings(
        index_url="https://i",
        extra_index_urls=("https://e", "https://f"),
        find_links=("/shelf",),
        proxy="http://p:3128",
        ca_bundle=str(bundle),
        offline=True,
    )
    env = settings.environment()
    assert "UV_INDEX_URL" not in env
    assert (env["UV_DEFAULT_INDEX"], env["UV_INDEX"]) == ("https://i", "https://e https://f")
    assert env["HTTPS_PROXY"] == env["https_proxy"] == "http://p:3128"
    assert env["SSL_CERT_FILE"] == str(bundle)
    assert env["PIP_NO_INDEX"] == "1"


def test_the_recipes_index_wins() -> None:
    assert BuildSettings(index_url="https://i").environment("https://r")["UV_DEFAULT_INDEX"] == "https://r"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("get https://me:secret@host/x y", "get https://***@host/x y"),
        ("https://token@host", "https://***@host"),
        ("https://h/x?sv=1&sig=abc%2F&se=2", "https://h/x?sv=1&sig=***&se=2"),
        ("mail me@host and https://host/a@b", "mail me@host and https://host/a@b"),
    ],
)
def test_secrets_in_addresses_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


def test_uv_is_found() -> None:
    assert os.access(find_uv(), os.X_OK)


def run(code: str, log: Path) -> tuple[int, tuple[str, ...]]:
    with BuildLog(log) as out:
        outcome = run_program([sys.executable, "-c", code], log=out, cancelled=lambda: False, env=dict(os.environ))
    return outcome.code, outcome.output


def test_a_programs_words_and_exit_code_are_kept_and_its_secrets_are_not(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.write(1, 'grün\\n'.encode() + b'\\xff https://a:b@c\\n'); os.write(2, b'last'); sys.exit(3)"
    )
    assert run(code, tmp_path / "log") == (3, ("grün", "\ufffd https://***@c", "last"))
    assert (tmp_path / "log").read_text("utf-8") == "grün\n\ufffd https://***@c\nlast\n"


@pytest.mark.slow
def test_a_daemon_that_keeps_the_pipe_open_does_not_hold_up_the_build(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import subprocess, sys, pathlib\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(p.pid)); print('done')"
    )
    try:
        returned, lines = run(code, tmp_path / "log")
        assert (returned, lines) == (0, ("done",))
    finally:
        os.kill(int(pid_file.read_text()), 9)


def test_a_program_that_is_not_there_is_a_typed_error(tmp_path: Path) -> None:
    with BuildLog(tmp_path / "log") as out, pytest.raises(EnvironmentBuildException, match="/no/such/uv"):
        run_program(["/no/such/uv"], log=out, cancelled=lambda: False, env={})
