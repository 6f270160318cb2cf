"""What no job could be started from is refused at submit, and nothing is recorded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from traindock import ActivityFailedException, Experiment, ExperimentExecutionException, Run, ScriptRunConfig, Workspace
from traindock.dispatcher import start
from traindock.errors import SnapshotException
from traindock.snapshot_checks import check_layout
from traindock.store.copying import temporary_name


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source folder whose runs are submitted, and launched by nobody."""
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    folder = tmp_path / "source"
    write(folder / "train.py")
    return folder


def write(path: Path, text: str = "pass") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def submit(workspace: Workspace, source: Path, script: str = "train.py") -> Run:
    return Experiment(workspace, "tests").submit(ScriptRunConfig(source, script))


@pytest.mark.parametrize(
    ("script", "files", "why"),
    [
        ("train.py", {".gitignore": "# mine\n*.py\n"}, r"file 'train.py' is left out by line 2 of .gitignore"),
        ("a/a/train.py", {"a/.gitignore": "a/"}, r"folder 'a/a' is left out by line 1 of a/.gitignore"),
        ("train.py", {".gitignore": "", ".amlignore": "\ntrain*"}, r"left out by line 2 of .amlignore"),
        ("outputs/train.py", {}, r"folder 'outputs' is left out by default.*'!outputs'"),
        (".git/train.py", {}, r"folder '.git' is left out by default"),
        ("env/bin/train.py", {"env/pyvenv.cfg": ""}, r"folder 'env' is left out, since it is a virtual environment"),
    ],
)
def test_a_script_that_is_left_out_is_refused_with_what_leaves_it_out(
    workspace: Workspace, source: Path, script: str, files: dict[str, str], why: str
) -> None:
    write(source / script)
    for name, text in files.items():
        write(source / name, text)
    with pytest.raises(ExperimentExecutionException, match=why):
        submit(workspace, source, script)
    assert list(Run.list(workspace)) == []


def test_a_script_behind_links_that_are_sent_along_is_there(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    write(source / "package" / "main.py")
    write(tmp_path / "shared" / "train.py")
    (source / "linked").symlink_to("package")
    (source / "latest.py").symlink_to("linked/main.py")
    (source / "outside.py").symlink_to(tmp_path / "shared" / "train.py")
    for script in ("linked/main.py", "latest.py", "outside.py"):
        submit(workspace, source, script)


@pytest.mark.parametrize("name", ["outputs", "logs"])
@pytest.mark.parametrize("kind", ["file", "link"])
def test_outputs_and_logs_can_only_be_folders(workspace: Workspace, source: Path, name: str, kind: str) -> None:
    write(source / ".amlignore", f"!{name}")
    if kind == "file":
        write(source / name)
    else:
        write(source / "real" / "data.txt")
        (source / name).symlink_to("real")
    with pytest.raises(SnapshotException, match=f"'{name}' in the source folder is a {kind}"):
        submit(workspace, source)
    assert list(Run.list(workspace)) == []


def test_outputs_that_are_sent_along_as_a_folder_are_fine(workspace: Workspace, source: Path) -> None:
    write(source / ".amlignore", "!outputs")
    write(source / "outputs" / "model.pt")
    submit(workspace, source)


def test_a_path_whose_copy_would_be_too_long_is_refused(
    workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Path.cwd()
    os.chdir(source)
    try:
        while len(os.fsencode(Path.cwd())) < 3800:
            Path("d" * 200).mkdir()
            os.chdir("d" * 200)
        rest = 4090 - len(os.fsencode(Path.cwd()))
        for length in (rest // 2, rest - rest // 2):
            Path("d" * (length - 1)).mkdir()
            os.chdir("d" * (length - 1))
    finally:
        os.chdir(here)
    with pytest.raises(SnapshotException, match=r"use shorter names"):
        submit(workspace, source)
    assert list(Run.list(workspace)) == []


def test_a_working_directory_that_can_never_be_made_fails_the_run(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("traindock.submit.check_layout", lambda *_: None)  # as of an older version
    write(tmp_path / "source" / ".amlignore", "!outputs\n!logs")
    write(tmp_path / "source" / "train.py")
    write(tmp_path / "source" / "real" / "file")
    for kind in ("file", "link"):
        outputs = tmp_path / "source" / "outputs"
        outputs.unlink(missing_ok=True)
        write(outputs) if kind == "file" else outputs.symlink_to("real")
        run = submit(workspace, tmp_path / "source")
        with pytest.raises(ActivityFailedException, match=r"cannot lay out.*File exists.*launch_failed"):
            run.wait_for_completion()


def test_the_longest_path_that_is_let_through_can_be_made(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    from traindock import snapshot

    folder = "/".join(["d" * 200] * 17)
    write(source / folder / "a")
    target = workspace.layout.runs
    unfinished = len(temporary_name())
    while (spare := 4095 - len(os.fsencode(target / "work")) - len("/..new") - len(folder) - 1 - unfinished) >= 2:
        target = target / ("w" * min(spare - 1, 200))
    target.mkdir(parents=True, exist_ok=True)
    taken = snapshot.take(source, layout=workspace.layout)
    check_layout(taken, target / "work")
    snapshot.materialise(taken.id, target / "work", workspace.layout)
    assert (target / "work" / folder / "a").read_text() == "pass"
    with pytest.raises(SnapshotException):
        check_layout(taken, target / "work-")
