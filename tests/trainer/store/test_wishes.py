"""A wish for a run is granted once, however often it is asked for, and by whom."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from traindock import Experiment, Run, ScriptRunConfig, Workspace
from traindock.dispatcher import start
from traindock.resubmission import Changes, resubmit
from traindock.store import wishes
from traindock.submit import submit


@pytest.fixture
def experiment(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """An experiment without a dispatcher, beside a folder with a script."""
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text("pass")
    return Experiment(workspace, "tests")


@pytest.fixture
def config(tmp_path: Path) -> ScriptRunConfig:
    return ScriptRunConfig(tmp_path / "source", "train.py")


def test_the_same_wish_is_the_same_run_whatever_else_is_asked_for(
    experiment: Experiment, config: ScriptRunConfig
) -> None:
    run = submit(experiment, config, request_id="wish", tags={"kind": "first"})
    opened_again = Workspace(experiment.workspace.layout.root)
    other = Experiment(opened_again, "others")
    (Path(config.source_directory) / "train.py").unlink()  # nor does it matter that it could not be submitted now
    assert submit(other, config, request_id="wish").id == run.id
    assert [found.id for found in Run.list(opened_again)] == [run.id]


def test_of_those_who_ask_at_once_all_get_the_same_run(experiment: Experiment, config: ScriptRunConfig) -> None:
    with ThreadPoolExecutor(6) as threads:
        runs = list(threads.map(lambda _: submit(experiment, config, request_id="wish").id, range(6)))
    assert len(set(runs)) == len(list(Run.list(experiment.workspace))) == 1


def test_whoever_looked_before_it_was_granted_gets_the_run_too(
    experiment: Experiment, config: ScriptRunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("traindock.publishing.granted_before", lambda *_: None)
    first, again = [submit(experiment, config, request_id="wish") for _ in range(2)]
    assert (again.id, len(list(Run.list(experiment.workspace)))) == (first.id, 1)


def test_different_wishes_and_no_wishes_are_runs_of_their_own(experiment: Experiment, config: ScriptRunConfig) -> None:
    runs = [submit(experiment, config, request_id=wish) for wish in ("one", "other", None, None)]
    assert len({run.id for run in runs}) == 4
    assert runs[0].id.endswith(wishes.mark("one"))


def test_a_run_whose_id_only_ends_like_that_of_a_wish_is_none_of_it(
    experiment: Experiment, config: ScriptRunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wishes, "mark", lambda _: "0" * 8)
    other = submit(Experiment(experiment.workspace, "others"), config, request_id="other")
    run = submit(experiment, config, request_id="wish")
    assert (run.id == other.id, submit(experiment, config, request_id="wish").id) == (False, run.id)


def test_a_run_once_more_is_a_wish_too(experiment: Experiment, config: ScriptRunConfig) -> None:
    run = experiment.submit(config)
    first, again = [resubmit(run, Changes(arguments=["x"]), request_id="wish") for _ in range(2)]
    other = resubmit(run, Changes(), request_id="other")
    assert (again.id, other.id == first.id) == (first.id, False)
    assert json.loads(first._folder.layout.run_json.read_text())["request_id"] == "wish"


def test_a_wish_whose_run_was_deleted_is_granted_anew(experiment: Experiment, config: ScriptRunConfig) -> None:
    first = submit(experiment, config, request_id="wish")
    first._folder.layout.root.rename(experiment.workspace.layout.deleted_run().root)
    assert [submit(experiment, config, request_id="wish").number for _ in range(2)] == [2, 2]
