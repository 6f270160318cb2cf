"""What a run was given to learn from, as far as its arguments tell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit

from traindock import Workspace, run_data
from traindock.compute.docker.backend import DockerBackend
from traindock.documents import plain, run_document


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.csv").write_text("1,2\n")
    os.utime(folder / "train.csv", (1.5e9, 1.5e9))
    return folder


def found(*words: object, source: Path | None = None) -> list[tuple[str, str]]:
    return [(fact["name"], fact["path"]) for fact in run_data.found([*map(str, words)], Path, source)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--lr", "0.1", "--quiet", "a.csv"], [("lr", "0.1"), ("quiet", "a.csv")]),
        (["a.csv", "--lr=0.1", "-v", "b"], [("argument 1", "a.csv"), ("lr", "0.1"), ("v", "b")]),
        (["-v", "b", "c", "d"], [("v", "b"), ("argument 1", "c"), ("argument 2", "d")]),
        (["--quiet", "--bias", "-0.1", "--x=a=b"], [("quiet", "yes"), ("bias", "-0.1"), ("x", "a=b")]),
    ],
)  # fmt: skip
def test_arguments_are_named_as_in_views(words: list[str], expected: list[tuple[str, str]]) -> None:
    assert run_data.named(words) == expected


def test_files_and_folders_that_are_there(data: Path) -> None:
    file, folder = run_data.found(["--csv", str(data / "train.csv"), "--root", str(data), "--no", "/nowhere"], Path)
    assert file == {
        "name": "csv",
        "path": str(data / "train.csv"),
        "kind": "file",
        "in_source": False,
        "size": 4,
        "modified": 1.5e9,
    }
    assert (folder["kind"], folder["size"]) == ("folder", None)


def test_those_of_the_source_folder_by_their_paths_in_it(data: Path, tmp_path: Path) -> None:
    (inside,) = run_data.found(["train.csv", "../data", "missing.csv"], Path, data)
    assert (inside["name"], inside["path"], inside["in_source"]) == ("argument 1", "train.csv", True)


def test_what_a_run_writes_or_keeps_to_itself_is_left_out(data: Path) -> None:
    assert found("--output-dir", data, "--log_dir", data, "--key-file", data, "--checkpoints", data) == []
    assert found("--outline", data) == [("outline", str(data))]


def test_what_is_no_path_does_no_harm(tmp_path: Path) -> None:
    assert found("--text", "/" + "x" * 5000, "--nul", "/a\0b", "", ".", "--lr", 0.1, source=tmp_path) == []


def test_containers_have_what_their_target_mounts(data: Path, tmp_path: Path) -> None:
    backend = DockerBackend("boxes", {"mounts": [[str(tmp_path), "/mnt", True], [str(data), "/mnt/deep", True]]})
    assert backend.on_host("/mnt/data/train.csv") == data / "train.csv"
    assert backend.on_host("/mnt/deep/train.csv") == data / "train.csv"
    assert backend.on_host(str(data)) is None


def test_a_run_keeps_it_and_tells_it_even_when_it_is_gone(workspace: Workspace, submit: Submit, data: Path) -> None:
    run = submit("pass", "--csv", str(data / "train.csv"), "--lr", 0.1)
    again = run.resubmit(arguments=["--csv", str(data), "--lr", 0.2])
    (data / "train.csv").unlink()
    (fact,) = plain(run_document(run))["data"]
    assert (fact["name"], fact["size"], fact["modified"]) == ("csv", 4, "2017-07-14T02:40:00.000000Z")
    assert [(one["name"], one["kind"]) for one in again.record.data] == [("csv", "folder")]
    for each in (run, again):
        each.cancel()


def test_a_run_submitted_again_keeps_what_was_in_its_source_folder(data: Path) -> None:
    before = run_data.found(["train.csv", "--lr", "0.1"], Path, data)
    assert run_data.again(["train.csv", "--lr", "0.2"], Path, before) == before
    assert run_data.again(["other.csv"], Path, before) == []


LATE = {"name": "a", "path": "b", "kind": "file", "in_source": False, "size": 1, "modified": 1e300}


@pytest.mark.parametrize("facts", [None, "text", [1], [{}], [LATE], [{**LATE, "modified": 1.0, "size": "1"}]])
def test_a_record_that_makes_no_sense_tells_nothing(facts: Any) -> None:
    assert run_data.readable(facts) == []
