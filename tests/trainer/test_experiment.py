"""Experiments: made on first use, listed, tagged, put away."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit

from traindock import Experiment, Run, ScriptRunConfig, StoreException, UserErrorException, Workspace


class TestNames:
    @pytest.mark.parametrize("name", ["abc", "pytorch-hymenoptera", "a_b-1", "0ab", "x" * 36])
    def test_azures_names_are_allowed(self, workspace: Workspace, name: str) -> None:
        assert Experiment(workspace, name).name == name

    @pytest.mark.parametrize("name", ["", "ab", "x" * 37, "-abc", "_abc", "a b c", "a/b", "../abc", "a\nbc", None, 5])
    def test_others_are_refused_and_leave_nothing(self, workspace: Workspace, name: Any) -> None:
        with pytest.raises(UserErrorException, match="no experiment name: use 3 to 36 letters"):
            Experiment(workspace, name)
        assert workspace.experiments == {}

    def test_something_that_is_no_workspace(self) -> None:
        with pytest.raises(UserErrorException, match=r"'ws' is no workspace: Experiment\(workspace, name\)"):
            Experiment("ws", "birds")  # type: ignore[arg-type]

    def test_a_file_in_the_place_of_its_folder(self, workspace: Workspace) -> None:
        workspace.layout.experiments.mkdir(exist_ok=True)
        (workspace.layout.experiments / "birds").touch()
        with pytest.raises(StoreException, match=r"experiments/birds is no folder.*: move what is there away"):
            Experiment(workspace, "birds")


class TestLists:
    def test_it_is_there_as_soon_as_it_was_named(self, workspace: Workspace) -> None:
        experiment = Experiment(workspace=workspace, name="birds")
        assert Experiment(workspace, "birds") == experiment
        assert Experiment.list(workspace) == [experiment]
        assert len({experiment, Experiment(workspace, "birds")}) == 1

    def test_by_name_and_by_tags(self, workspace: Workspace) -> None:
        birds, ants = Experiment(workspace, "birds"), Experiment(workspace, "ants")
        assert Experiment.list(workspace) == [ants, birds]
        assert Experiment.list(workspace, experiment_name="birds") == [birds]
        assert Experiment.list(workspace, experiment_name="nope") == []
        birds.set_tags({"wings": "2", "legs": "2"})
        ants.tag("legs", "6")
        assert Experiment.list(workspace, tags="wings") == [birds]
        assert Experiment.list(workspace, tags={"legs": "6"}) == [ants]
        assert Experiment.list(workspace, tags={"legs": "6", "wings": "2"}) == []
        assert Experiment.list(workspace, tags={"wings": None}) == [birds]
        assert Experiment.list(workspace, tags={"legs": 2}) == [birds]  # type: ignore[dict-item]
        with pytest.raises(UserErrorException, match="tags is a name, or a dict"):
            Experiment.list(workspace, tags=["legs"])  # type: ignore[arg-type]

    def test_what_azures_portal_shows_is_its_folder(self, workspace: Workspace) -> None:
        experiment = Experiment(workspace, "birds")
        experiment.refresh()
        assert experiment.get_portal_url() == (workspace.layout.experiments / "birds").as_uri()

    def test_archived_ones_are_left_out_until_they_are_asked_for(self, workspace: Workspace) -> None:
        birds, ants = Experiment(workspace, "birds"), Experiment(workspace, "ants")
        birds.archive()
        assert birds.archived
        assert Experiment.list(workspace) == [ants]
        assert list(workspace.experiments) == ["ants"]
        assert Experiment.list(workspace, view_type="ArchivedOnly") == [birds]
        assert Experiment.list(workspace, view_type="All") == [ants, birds]
        with pytest.raises(UserErrorException, match="'birds' keeps its name"):
            birds.reactivate("eagles")
        birds.reactivate(new_name=None)
        assert Experiment.list(workspace) == [ants, birds]
        with pytest.raises(UserErrorException, match="view_type is 'ActiveOnly'"):
            Experiment.list(workspace, view_type="some")


class TestTags:
    def test_they_are_added_replaced_and_removed(self, workspace: Workspace) -> None:
        experiment = Experiment(workspace, "birds")
        experiment.set_tags({"a": "1", "b": "2"})
        experiment.tag("b", "3")
        experiment.tag("flag")
        assert Experiment(workspace, "birds").tags == {"a": "1", "b": "3", "flag": ""}
        experiment.remove_tags(["a", "nope"])
        experiment.remove_tags("flag")
        assert experiment.tags == {"b": "3"}

    @pytest.mark.parametrize("tags", [{"": "x"}, {5: "x"}, "a", ["a"]])
    def test_what_is_no_tag(self, workspace: Workspace, tags: Any) -> None:
        experiment = Experiment(workspace, "birds")
        with pytest.raises(UserErrorException, match="tag"):
            experiment.set_tags(tags)
        assert experiment.tags == {}

    def test_a_torn_or_damaged_record_costs_only_its_own_lines(self, workspace: Workspace) -> None:
        experiment = Experiment(workspace, "birds")
        experiment.tag("a", "1")
        with open(workspace.layout.experiment_events("birds"), "a") as file:
            file.write('garbage\n[1]\n{"type": "tags", "se')
        experiment.tag("b", "2")
        assert experiment.tags == {"a": "1", "b": "2"}


class TestSubmitting:
    @pytest.mark.shared_workspace
    def test_tags_and_a_display_name_come_along(self, submit: Submit, tmp_path: Path) -> None:
        run = submit("pass", tags={"a": 1, "b": None})
        assert run.tags == {"a": "1", "b": ""}
        source = next(tmp_path.glob("source-*"))
        named = run.experiment.submit(ScriptRunConfig(source, "train.py"), display_name="my best")
        assert named.display_name == named.name == "my best"
        for each in (run, named):
            each.wait_for_completion()

    @pytest.mark.shared_workspace
    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"tags": {"": "x"}}, "name of a tag"),
            ({"tags": "mine"}, "given as a dict"),
            ({"tags": {"a": {"b": 1}}}, "value of tag 'a' is a text or a number"),
            ({"display_name": "x" * 257}, "display_name is a text of at most 256"),
            ({"display_name": 5}, "display_name is a text"),
            ({"parent": "tests_1_aaaaaaaa"}, "use submit_child"),
            ({"colour": "red"}, "takes no colour"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_is_left(
        self, tmp_path: Path, submit: Submit, options: dict[str, Any], says: str
    ) -> None:
        first = submit("pass")
        before = list(first.experiment.get_runs())
        source = next(tmp_path.glob("source-*"))
        with pytest.raises(UserErrorException, match=says):
            first.experiment.submit(ScriptRunConfig(source, "train.py"), **options)
        assert list(first.experiment.get_runs()) == before
        first.wait_for_completion()

    @pytest.mark.slow
    def test_its_runs_are_numbered_and_listed_the_newest_first(self, submit: Submit, workspace: Workspace) -> None:
        runs = [submit("pass") for _ in range(3)]
        other = submit("pass", experiment="other")
        experiment = Experiment(workspace, "tests")
        assert [run.number for run in runs] == [1, 2, 3]
        assert other.number == 1
        assert list(experiment.get_runs()) == runs[::-1]
        assert next(experiment.get_runs()) == runs[-1]
        assert list(Run.list(workspace)) == [other, *runs[::-1]]
        for run in (*runs, other):
            run.wait_for_completion()


def test_it_shows_itself(workspace: Workspace) -> None:
    experiment = Experiment(workspace, "birds")
    assert repr(experiment) == "Experiment(Name: birds,\nWorkspace: test)"
    assert "<td>birds</td><td>test</td>" in experiment._repr_html_()
    assert pickle.loads(pickle.dumps(experiment)) == experiment
