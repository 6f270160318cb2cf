"""A plan says what the submit will: what it would send, warn of and refuse, without doing it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import as_ordinary_user, be_at_home_in, make_workspace

from traindock import Experiment, ScriptRunConfig, UserErrorException, Workspace, snapshot
from traindock.dispatcher import start
from traindock.planning import MOST_FILES, plan_document
from traindock.source_tree import GivenUp


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source folder whose runs are submitted, and launched by nobody."""
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "train.py").write_text("pass")
    return folder


def configuration(source: Path) -> ScriptRunConfig:
    return ScriptRunConfig(source, "train.py")


def plan(workspace: Workspace, source: Path, is_wanted: Callable[[], bool] = lambda: True):
    return plan_document(workspace, "tests", configuration(source).to_request(), is_wanted)


def limit(workspace: Workspace, line: str) -> None:
    with workspace.layout.settings.open("a") as settings:
        settings.write(f"[snapshot]\n{line}\n")


def large(source: Path, size: int) -> None:
    with (source / "weights.bin").open("wb") as file:
        file.truncate(size)


def too_large(source: Path, workspace: Workspace) -> None:
    large(source, 2_600_000_000)


def too_many(source: Path, workspace: Workspace) -> None:
    limit(workspace, "max_files = 5")
    for number in range(9):
        (source / f"{number}.txt").touch()


def ignored_script(source: Path, workspace: Workspace) -> None:
    (source / ".gitignore").write_text("*.py\n")


def outputs_is_a_file(source: Path, workspace: Workspace) -> None:
    (source / ".amlignore").write_text("!outputs\n")
    (source / "outputs").touch()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (too_large, r"holds 2\.60 GB, and 2\.00 GB are allowed. The biggest: weights\.bin"),
        (too_many, r"more than the 5 files that are allowed.*max_files"),
        (ignored_script, r"'train\.py' is not part of what is sent.*line 1 of \.gitignore"),
        (outputs_is_a_file, r"'outputs' in the source folder is a file"),
    ],
)
def test_what_a_submit_refuses_a_plan_refuses_in_the_same_words(
    workspace: Workspace, source: Path, spoil: Callable[[Path, Workspace], None], why: str
) -> None:
    spoil(source, workspace)
    with pytest.raises(UserErrorException, match=why) as planned:
        plan(workspace, source)
    with pytest.raises(UserErrorException) as refused:
        Experiment(workspace, "tests").submit(configuration(source))
    assert (type(planned.value), str(planned.value)) == (type(refused.value), str(refused.value))


def test_a_file_that_may_not_be_read_is_refused_before_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "of-user"
    home.mkdir()
    be_at_home_in(home, monkeypatch)

    def check() -> None:
        source = home / "source"
        source.mkdir()
        for name in ("train.py", "secret.txt"):
            (source / name).write_text("pass")
        (source / "secret.txt").chmod(0)
        with pytest.raises(UserErrorException, match=r"'secret\.txt' in the source folder cannot be read: Permission"):
            plan(make_workspace(home / "workspace"), source)

    as_ordinary_user(home, check)


def test_what_a_submit_warns_of_stands_in_its_plan(
    workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "WARN_BYTES", 1_000)
    monkeypatch.setattr(snapshot, "WARN_FILES", 3)
    large(source, 5_000)
    for number in range(3):
        (source / f"{number}.txt").touch()
    os.mkfifo(source / "pipe")
    warnings = plan(workspace, source)["source"]["warnings"]
    assert warnings == Experiment(workspace, "tests").submit(configuration(source)).record.warnings
    assert [text.split(";")[0] for text in warnings] == [
        "'pipe' is a FIFO, which no snapshot can hold",
        "the source folder holds 5 files",
        "the source folder holds 5.0 kB",
    ]


def test_a_large_folder_is_warned_of_though_none_of_it_is_read(workspace: Workspace, source: Path) -> None:
    large(source, 1_900_000_000)
    [warning] = plan(workspace, source)["source"]["warnings"]
    assert "holds 1.90 GB; the biggest: weights.bin (1.90 GB)" in warning


def test_of_many_files_the_largest_are_named_and_all_are_counted(workspace: Workspace, source: Path) -> None:
    for number in range(MOST_FILES + 20):
        (source / f"{number:03}.bin").write_bytes(bytes(number))
    told = plan(workspace, source)["source"]
    assert list(told["files"])[:2] == [f"{MOST_FILES + 19}.bin", f"{MOST_FILES + 18}.bin"]
    assert (len(told["files"]), told["count"]) == (MOST_FILES, MOST_FILES + 21)
    assert told["bytes"] == sum(range(MOST_FILES + 20)) + len("pass")


@pytest.mark.parametrize(
    "change",
    [
        lambda source: (source / "train.py").write_text("fail"),
        lambda source: (source / "train.py").chmod(0o755),
        lambda source: (source / "more.txt").touch(),
        lambda source: (source / "empty").mkdir(),
        lambda source: (source / "link").symlink_to("train.py"),
    ],
    ids=["a file of the same size", "whether it is executable", "one more", "a folder", "a link"],
)
def test_its_stamp_is_the_same_until_the_folder_is_changed(
    workspace: Workspace, source: Path, change: Callable[[Path], object]
) -> None:
    stamp = plan(workspace, source)["source"]["stamp"]
    (source / "__pycache__").mkdir()  # which is not sent
    Experiment(workspace, "tests").submit(configuration(source))
    assert plan(workspace, source)["source"]["stamp"] == stamp
    change(source)
    assert plan(workspace, source)["source"]["stamp"] != stamp


def test_a_plan_that_nobody_wants_any_more_is_given_up(
    workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        (source / f"{number}").mkdir()
    looked_into: list[str] = []
    really = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (looked_into.append(str(path)), really(path))[1])
    with pytest.raises(GivenUp):
        plan(workspace, source, lambda: len(looked_into) < 4)
    assert len(looked_into) == 4
