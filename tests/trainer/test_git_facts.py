"""What a run remembers of the repository that its source lies in."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from traindock import Experiment, ScriptRunConfig, Workspace, git_facts
from traindock.git_facts import GitFacts

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")

Git = Callable[..., str]


def facts(folder: Path) -> dict[str, str]:
    with GitFacts(folder) as asked:
        return asked.properties()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "repository" / "source folder"
    folder.mkdir(parents=True)
    (folder / "train.py").write_text("print('hello')")
    return folder


@pytest.fixture
def git(source: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Run Git in a new repository around the source folder, with nothing of the developer's configuration."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "somebody@example.org")

    def run(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=source.parent, capture_output=True, text=True, check=True
        ).stdout.strip()

    run("init", "-q", "-b", "trunk")
    return run


def commit(git: Git) -> str:
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return git("rev-parse", "HEAD")


def test_commit_branch_state_and_origin_without_its_password(source: Path, git: Git) -> None:
    head = commit(git)
    git("remote", "add", "origin", "https://user:secret@example.org/team/project.git")
    assert facts(source) == {
        "azureml.git.commit": head,
        "azureml.git.branch": "trunk",
        "azureml.git.dirty": "False",
        "azureml.git.repository_uri": "https://example.org/team/project.git",
    }
    (source / "train.py").write_text("changed")
    assert facts(source)["azureml.git.dirty"] == "True"


def test_a_repository_without_a_commit_and_an_origin(source: Path, git: Git) -> None:
    assert facts(source)["azureml.git.branch"] == "trunk"
    assert "azureml.git.repository_uri" not in facts(source)


def test_outside_of_a_repository_no_process_is_started(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("a process was started")

    monkeypatch.setattr(subprocess, "Popen", never)
    assert facts(source) == {}


def test_no_git_no_facts(source: Path, git: Git, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert facts(source) == {}


def test_something_that_only_looks_like_a_repository(source: Path) -> None:
    (source / ".git").write_text("nonsense")
    assert facts(source) == {}


def test_a_git_that_hangs_is_given_up_and_ended(
    source: Path, git: Git, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(git_facts, "_SECONDS", 0.3)
    started = time.monotonic()
    assert facts(source) == {}
    assert time.monotonic() - started < 10
    assert not [each for each in psutil.Process().children() if each.name() == "sleep"]


def test_no_program_that_the_repository_names_is_run(source: Path, git: Git, tmp_path: Path) -> None:
    commit(git)
    program = tmp_path / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    program.chmod(0o755)
    git("config", "core.fsmonitor", str(program))
    assert facts(source)["azureml.git.branch"] == "trunk"
    assert not (tmp_path / "was-run").exists()


def test_a_run_keeps_them_as_properties(workspace: Workspace, source: Path, git: Git) -> None:
    head = commit(git)
    run = Experiment(workspace, "tests").submit(ScriptRunConfig(source, "train.py"))
    assert run.properties["azureml.git.commit"] == head
    run.wait_for_completion()
