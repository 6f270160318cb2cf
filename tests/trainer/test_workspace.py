"""Workspaces: finding, making and opening them, and what they give access to."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit, dispatcher_of, wait_for

from traindock import (
    ComputeTarget,
    Experiment,
    LocalCompute,
    Run,
    RunNotFoundException,
    StoreException,
    UserErrorException,
    Workspace,
    WorkspaceException,
    workspace_finding,
)
from traindock.store.locations import Locations

AZURE = {"subscription_id": "1234-abcd", "resource_group": "research", "workspace_name": "vision"}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of one's own, two levels down."""
    folder = tmp_path / "project" / "notebooks"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return path


class TestFromConfig:
    def test_an_azure_config_names_a_local_workspace_and_keeps_its_strings(self, project: Path) -> None:
        write(project / "config.json", AZURE)
        ws = Workspace.from_config()
        assert (ws.name, ws.subscription_id, ws.resource_group) == ("vision", "1234-abcd", "research")
        assert ws.layout.root.parent == Locations().default("x").parent
        assert Workspace.from_config() == ws

    def test_the_four_strings_can_be_joined_to_others(self, project: Path) -> None:
        write(project / "config.json", {"workspace_name": "vision"})
        ws = Workspace.from_config()
        assert "Region: " + ws.location + ws.name + ws.subscription_id + ws.resource_group == "Region: localvision"

    def test_configs_of_one_name_and_different_subscriptions_stay_apart(self, project: Path) -> None:
        one = Workspace.from_config(write(project / "one.json", AZURE))
        two = Workspace.from_config(write(project / "two.json", {**AZURE, "subscription_id": "other"}))
        three = Workspace.from_config(write(project / "three.json", {**AZURE, "resource_group": "other"}))
        assert len({one.id, two.id, three.id}) == 3
        assert {one.name, two.name, three.name} == {"vision"}
        assert Workspace.from_config(project / "two.json") == two
        with pytest.raises(WorkspaceException, match=r"3 workspaces named 'vision'.*subscription_id") as caught:
            Workspace.get("vision")
        assert str(three.layout.root) in str(caught.value)
        assert Workspace.get("vision", subscription_id="other") == two

    def test_a_workspace_made_without_strings_is_not_that_of_an_azure_config(self, project: Path) -> None:
        own = Workspace.create("vision", show_output=False)
        write(project / "config.json", AZURE)
        assert Workspace.from_config() != own
        assert own.subscription_id == ""

    @pytest.mark.parametrize("spelling", ["resourceGroups", "resourcegroups"])
    def test_a_scope_stands_for_the_three_strings(self, project: Path, spelling: str) -> None:
        scope = (
            f"/subscriptions/1234-abcd/{spelling}/research/providers/Microsoft.MachineLearningServices"
            "/workspaces/vision"
        )
        ws = Workspace.from_config(write(project / "config.json", {"Scope": scope}))
        assert (ws.name, ws.subscription_id, ws.resource_group) == ("vision", "1234-abcd", "research")

    @pytest.mark.parametrize("folder", [".traindock", ".azureml", "aml_config", "."])
    @pytest.mark.parametrize("name", ["config.json", "project.json"])
    def test_it_is_looked_for_in_all_the_usual_places(self, project: Path, folder: str, name: str) -> None:
        write(project.parent / folder / name, AZURE)
        assert Workspace.from_config().name == "vision"
        assert Workspace.from_config(project).name == "vision"

    def test_a_nearer_file_wins_and_in_a_folder_the_hidden_ones_do(self, project: Path) -> None:
        places = [
            project.parent / ".traindock/config.json",
            project / "project.json",
            project / "config.json",
            project / "aml_config" / "config.json",
            project / ".azureml" / "project.json",
            project / ".azureml" / "config.json",
            project / ".traindock" / "config.json",
        ]
        for number, place in enumerate(places):
            write(place, {**AZURE, "workspace_name": f"number{number}"})
            if number:
                assert Workspace.from_config().name == f"number{number}"

    def test_another_file_name_can_be_asked_for(self, project: Path) -> None:
        write(project / "config.json", AZURE)
        write(project.parent / ".azureml" / "test.json", {**AZURE, "workspace_name": "other"})
        assert Workspace.from_config(_file_name="test.json").name == "other"

    def test_a_config_json_of_something_else_is_passed_over(self, project: Path) -> None:
        write(project / "config.json", {"model_type": "bert"})
        write(project.parent / "config.json", AZURE)
        assert Workspace.from_config().name == "vision"

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("{broken", "no usable configuration"),
            ("[1, 2]", "no JSON object"),
            ("[" * 100_000, "no usable configuration"),
            ({"subscription_id": "x", "resource_group": "y"}, "lacks workspace_name"),
            ({}, "lacks workspace_name: a config.json needs the strings .*, the folder of a workspace\\)$"),
            ({**AZURE, "resource_group": None, "workspace_name": 5}, "lacks resource_group, workspace_name"),
            ({**AZURE, "workspace_name": "no/such name"}, "no workspace name"),
            ({"workspace_name": "ok", "workspace_path": 3}, "workspace_path is a text, .* not 3"),
            ({"workspace_path": "/nowhere/at/all"}, "no workspace in /nowhere/at/all"),
        ],
    )
    def test_a_file_that_cannot_be_used_is_named(self, project: Path, content: Any, says: str) -> None:
        file = write(project / ".azureml" / "config.json", content)
        with pytest.raises(UserErrorException, match=says) as caught:
            Workspace.from_config()
        assert isinstance(caught.value, WorkspaceException)
        assert str(file) in str(caught.value)
        assert Workspace.list() == {}

    def test_a_torn_config_json_in_the_folder_itself_is_not_passed_over(self, project: Path) -> None:
        file = write(project / "config.json", '{"workspace_na')
        with pytest.raises(WorkspaceException, match=str(file)):
            Workspace.from_config()

    def test_an_empty_one_in_the_folder_itself_is_named_with_what_it_lacks_and_the_way_around_it(
        self, project: Path
    ) -> None:
        file = write(project / "config.json", "{}")
        with pytest.raises(WorkspaceException, match=rf"^{file} lacks workspace_name: .* into \.traindock/ beside it$"):
            Workspace.from_config()
        assert Workspace.list() == {}, "and no run went into the default workspace"
        write(project / ".traindock/config.json", AZURE)
        assert Workspace.from_config().name == "vision"

    @pytest.mark.parametrize(
        "content", ["{}", "[1, 2]", "3", "null", '{\n  // of an editor\n  "theme": "dark"\n}', "\xff"]
    )
    def test_in_a_folder_above_what_cannot_be_read_may_be_anybodys(self, project: Path, content: str) -> None:
        write(project.parent.parent / "config.json", AZURE)
        write(project.parent / "config.json", content)
        assert Workspace.from_config().name == "vision"

    def test_in_a_folder_above_a_torn_one_that_has_our_words_is_not_passed_over(self, project: Path) -> None:
        write(project.parent.parent / "config.json", AZURE)
        file = write(project.parent / "config.json", '{"workspace_name": "visi')
        with pytest.raises(WorkspaceException, match=f"{file} is no usable configuration"):
            Workspace.from_config()

    def test_a_file_of_a_windows_editor_is_read(self, project: Path) -> None:
        (project / "config.json").write_text(json.dumps(AZURE), "utf-8-sig")
        assert Workspace.from_config().name == "vision"

    def test_a_file_that_is_no_text_is_named(self, project: Path) -> None:
        (project / "config.json").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(WorkspaceException, match=r"config\.json is no usable configuration"):
            Workspace.from_config()

    def test_a_path_that_is_not_there_is_an_error(self, project: Path) -> None:
        with pytest.raises(WorkspaceException, match=r"no .*nowhere\.json: give a config\.json"):
            Workspace.from_config("nowhere.json")

    @pytest.mark.parametrize(
        ("path", "says"),
        [("x" * 300, "File name too long"), (5, "not int"), ("~nobody-of-this-name", "home"), ("a\0b", "null byte")],
    )
    def test_what_can_be_no_path_is_said_everywhere(self, path: Any, says: str, tmp_path: Path) -> None:
        ws = Workspace.create("mine", path=tmp_path / "mine", show_output=False)
        for take in (
            Workspace.from_config,
            Workspace,
            ws.write_config,
            lambda path: Workspace.create("other", path=path),
        ):
            with pytest.raises(WorkspaceException, match=f"is no path of yours: .*{says}"):
                take(path)

    def test_a_folder_below_a_file_has_no_workspace_and_gets_none(self, tmp_path: Path, project: Path) -> None:
        ws = Workspace.create("mine", path=tmp_path / "mine", show_output=False)
        (project / "file").touch()
        with pytest.raises(WorkspaceException, match="there is no workspace in"):
            Workspace(project / "file" / "deeper")
        with pytest.raises(WorkspaceException, match=r"cannot write .*: Not a directory"):
            ws.write_config(project / "file")

    @pytest.mark.parametrize("name", [5, "../config.json", "a\0", ".."])
    def test_what_can_be_no_file_name(self, workspace: Workspace, name: Any) -> None:
        with pytest.raises(WorkspaceException, match="is no file name"):
            workspace.write_config(file_name=name)
        with pytest.raises(WorkspaceException, match="is no file name"):
            Workspace.from_config(_file_name=name)

    def test_where_the_current_folder_is_gone_that_is_said(self, workspace: Workspace, project: Path) -> None:
        project.rmdir()
        for take in (Workspace.from_config, workspace.write_config):
            with pytest.raises(WorkspaceException, match="the current folder is gone"):
                take()
        with pytest.raises(WorkspaceException, match="the current folder is gone"):
            Workspace("here")

    def test_a_folder_in_it_that_can_be_no_path(self, project: Path) -> None:
        file = write(project / "config.json", {"workspace_path": "~nobody-of-this-name/ws"})
        with pytest.raises(WorkspaceException, match=f"{file}: its workspace_path, .* cannot be used"):
            Workspace.from_config()

    def test_written_and_read_again_it_is_the_same(self, project: Path, tmp_path: Path) -> None:
        ws = Workspace.create("mine", path=tmp_path / "else where", show_output=False)
        file = ws.write_config()
        assert file == project / ".traindock/config.json"
        assert Workspace.from_config() == ws
        named = ws.write_config(tmp_path / "written", "other.json")
        assert Workspace.from_config(named) == ws
        assert json.loads(named.read_text())["workspace_name"] == "mine"

    def test_a_folder_of_its_name_is_passed_over_with_a_warning(self, project: Path) -> None:
        (project / "config.json").mkdir()
        with pytest.warns(UserWarning, match=r"config\.json is a folder, which names no workspace"):
            assert Workspace.from_config().name == "default"


class TestTheDefault:
    def test_without_a_config_it_is_used_and_said_so(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        ws = Workspace.from_config()
        assert ws.name == "default"
        said = capsys.readouterr().out
        assert "No config.json that names a workspace in" in said
        assert str(ws.layout.root) in said
        assert Workspace.from_config() == ws

    def test_the_environment_can_name_another_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TRAINDOCK_WORKSPACE", str(tmp_path / "chosen"))
        ws = Workspace.from_config()
        assert ws.layout.root == tmp_path / "chosen"
        assert Workspace.from_config() == ws
        assert Workspace.list()["chosen"] == [ws]
        monkeypatch.delenv("TRAINDOCK_WORKSPACE")
        assert Workspace.list() == {}

    def test_once_the_environment_names_none_it_is_the_users_own_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TRAINDOCK_WORKSPACE", str(tmp_path / "chosen/default"))
        chosen = Workspace.from_config()
        monkeypatch.delenv("TRAINDOCK_WORKSPACE")
        own = Workspace.from_config()
        assert own != chosen
        assert own.layout.root == tmp_path / "home/data/traindock/workspaces/default"

    def test_workspaces_elsewhere_that_have_its_name_do_not_hide_it(self, project: Path, tmp_path: Path) -> None:
        first = Workspace.create("default", path=tmp_path / "big disk", show_output=False)
        assert Workspace.from_config() == first
        Workspace.create("default", path=tmp_path / "another", show_output=False)
        own = Workspace.from_config()
        assert own.layout.root.parent.name == "workspaces"
        assert Workspace.from_config() == own

    def test_the_environment_can_name_another_workspace(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        own = Workspace.create("mine", path=project.parent / "ws", show_output=False)
        monkeypatch.setenv("TRAINDOCK_WORKSPACE", "mine")
        assert Workspace.from_config() == own
        monkeypatch.setenv("TRAINDOCK_WORKSPACE", "yet-to-be-made")
        assert Workspace.from_config().name == "yet-to-be-made"
        assert os.listdir(project) == []

    def test_a_config_wins_over_the_environment(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TRAINDOCK_WORKSPACE", "mine")
        write(project / "config.json", AZURE)
        assert Workspace.from_config().name == "vision"

    def test_a_folder_with_something_else_in_it_is_refused(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(project / "precious.txt", "x")
        monkeypatch.setenv("TRAINDOCK_WORKSPACE", "./")
        with pytest.raises(WorkspaceException, match=r"not empty.*precious"):
            Workspace.from_config()

    def test_processes_that_make_it_at_once_get_one(self) -> None:
        code = "from traindock import Workspace; ws = Workspace.from_config(); print(ws.id)"
        started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
        said = [process.communicate(timeout=60)[0].splitlines()[-1] for process in started]
        assert len(set(said)) == 1

    def test_one_that_another_process_made_while_this_one_looked_is_the_one_asked_for(self) -> None:
        asked = [{"subscription_id": name, "resource_group": ""} for name in "ab"]
        made = [workspace_finding.made("same", each) for each in asked]
        assert [workspace_finding.made("same", each) for each in asked] == made
        assert len(set(made)) == 2

    def test_processes_that_make_namesakes_at_once_get_what_they_asked_for(self) -> None:
        code = (
            "import sys; from traindock import Workspace; "
            "ws = Workspace.create('same', subscription_id=sys.argv[1], exist_ok=True); print(ws.subscription_id)"
        )
        started = [
            subprocess.Popen([sys.executable, "-c", code, text], stdout=subprocess.PIPE, text=True) for text in "aabb"
        ]
        assert [process.communicate(timeout=60)[0].splitlines()[-1] for process in started] == [*"aabb"]
        assert len(Workspace.list()["same"]) == 2


class TestCreateGetAndList:
    def test_created_once_and_opened_again(self, capsys: pytest.CaptureFixture[str]) -> None:
        ws = Workspace.create("mine", tags={"team": "vision"}, location="westeurope")
        assert f"'mine' is in {ws.layout.root}" in capsys.readouterr().out
        assert ws.layout.root.stat().st_mode & 0o777 == 0o700
        assert (ws.tags, ws.location) == ({"team": "vision"}, "westeurope")
        with pytest.raises(WorkspaceException, match=r"exists already.*exist_ok=True"):
            Workspace.create("mine")
        assert Workspace.create("mine", exist_ok=True) == ws
        assert Workspace.get("mine") == ws
        assert Workspace.list() == {"mine": [ws]}

    def test_azures_own_arguments_are_accepted(self) -> None:
        ws = Workspace.create(
            "mine", None, "sub", "group", "eastus", create_resource_group=True, sku="basic", hbi_workspace=False
        )
        assert (ws.subscription_id, ws.resource_group, ws.location) == ("sub", "group", "eastus")
        assert Workspace.get(name="mine", subscription_id="sub", resource_group="group", location="eastus") == ws
        assert Workspace.list("sub") == Workspace.list(resource_group="group") == {"mine": [ws]}
        assert Workspace.list("other") == {}

    def test_namesakes_with_other_strings_are_others(self) -> None:
        one = Workspace.create("mine", subscription_id="a", show_output=False)
        two = Workspace.create("mine", subscription_id="b", show_output=False)
        assert one != two
        assert Workspace.create("mine", subscription_id="b", exist_ok=True) == two
        with pytest.raises(WorkspaceException, match="2 workspaces named 'mine'"):
            Workspace.create("mine", exist_ok=True)

    def test_a_folder_of_its_own_that_is_taken_is_said_so(self) -> None:
        Workspace.create("mine", subscription_id="a", show_output=False)
        second = Workspace.create("mine", subscription_id="b", show_output=False)
        document = json.loads(second.layout.workspace_json.read_text())
        second.layout.workspace_json.write_text(json.dumps({**document, "name": "renamed"}))
        with pytest.raises(WorkspaceException, match="holds another workspace: choose another name than 'mine'"):
            Workspace.create("mine", subscription_id="b")

    def test_one_that_is_not_there_lists_those_that_are(self) -> None:
        with pytest.raises(WorkspaceException, match=r"no workspace 'nope'; yours: none yet"):
            Workspace.get("nope")
        Workspace.create("mine", show_output=False)
        with pytest.raises(WorkspaceException, match=r"yours: mine\. Make one in Python, Workspace\.create"):
            Workspace.get("nope")

    def test_a_folder_of_ones_own_is_remembered(self, tmp_path: Path) -> None:
        ws = Workspace.create("mine", path=tmp_path / "here", show_output=False)
        assert Workspace.get("mine") == Workspace(tmp_path / "here") == ws
        with pytest.raises(WorkspaceException, match="its name is 'mine', not 'other'"):
            Workspace.create("other", path=tmp_path / "here", exist_ok=True)

    def test_a_folder_that_holds_something_else_is_left_alone(self, tmp_path: Path) -> None:
        write(tmp_path / "full" / "thesis.tex", "x")
        with pytest.raises(WorkspaceException, match=r"not empty.*thesis\.tex"):
            Workspace.create("mine", path=tmp_path / "full")
        assert (tmp_path / "full" / "thesis.tex").exists()

    @pytest.mark.parametrize("name", ["", "x", "a b", "a/b", "..", "x" * 34, "-x", "naïve", None, 5])
    def test_names_that_are_not_allowed(self, name: Any) -> None:
        with pytest.raises(UserErrorException, match="no workspace name"):
            Workspace.create(name)

    def test_tags_and_strings_are_checked(self) -> None:
        with pytest.raises(UserErrorException, match="name of a tag"):
            Workspace.create("mine", tags={"": "x"})
        with pytest.raises(WorkspaceException, match="subscription_id is a text"):
            Workspace.create("mine", subscription_id=5)  # type: ignore[arg-type]
        assert Workspace.list() == {}

    def test_a_broken_one_hides_no_other_and_is_not_stepped_around(self) -> None:
        Workspace.create("good", show_output=False)
        bad = Workspace.create("bad", show_output=False)
        bad.layout.workspace_json.write_text("{")
        assert list(Workspace.list()) == ["good"]
        with pytest.raises(StoreException, match=r"workspace\.json is damaged"):
            Workspace.create("bad", exist_ok=True)

    def test_a_newer_format_is_refused(self, workspace: Workspace) -> None:
        document = json.loads(workspace.layout.workspace_json.read_text())
        workspace.layout.workspace_json.write_text(json.dumps({**document, "format": 2}))
        with pytest.raises(StoreException, match="formats up to 1: upgrade"):
            Workspace(workspace.layout.root)

    def test_a_folder_without_a_workspace(self, tmp_path: Path) -> None:
        with pytest.raises(WorkspaceException, match=r"no workspace in .*: it has no workspace\.json"):
            Workspace(tmp_path)

    def test_the_constructor_of_old_notebooks_opens_what_a_config_with_its_strings_names(self, project: Path) -> None:
        ws = Workspace(subscription_id="1234-abcd", resource_group="research", workspace_name="vision", auth=object())
        assert (ws.name, ws.subscription_id, ws.resource_group) == ("vision", "1234-abcd", "research")
        write(project / "config.json", AZURE)
        assert Workspace.from_config() == ws == Workspace("1234-abcd", "research", "vision", sku="basic")

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({}, "opened by its folder"),
            ({"subscription_id": "x", "resource_group": "y"}, "and workspace_name"),
            ({"path": "here", "colour": "red"}, "opened by its folder"),
            ({"workspace_name": "mine", "subscription_id": 5}, "subscription_id is a text"),
        ],
    )
    def test_the_constructor_needs_a_folder_or_a_name(self, given: dict[str, Any], says: str) -> None:
        with pytest.raises(WorkspaceException, match=says):
            Workspace(**given)

    def test_a_damaged_list_of_places_is_started_anew(self, tmp_path: Path) -> None:
        Workspace.create("mine", path=tmp_path / "one", show_output=False)
        (Locations().default("x").parents[1] / "workspaces.json").write_text("{")
        assert Workspace.list() == {}
        ws = Workspace.create("mine", path=tmp_path / "two", show_output=False)
        assert Workspace.list() == {"mine": [ws]}


class TestAnOpenWorkspace:
    def test_experiments_models_and_compute_targets_by_name(self, workspace: Workspace, tmp_path: Path) -> None:
        assert (workspace.experiments, workspace.models) == ({}, {})
        assert list(workspace.compute_targets) == ["local"]
        assert isinstance(workspace.compute_targets["local"], LocalCompute)
        experiment = Experiment(workspace, "first")
        ComputeTarget.create(workspace, "second", LocalCompute.provisioning_configuration())
        assert workspace.experiments == {"first": experiment}
        assert list(workspace.compute_targets) == ["local", "second"]
        from traindock import Model

        (tmp_path / "weights").write_text("x")
        for _ in range(2):
            Model.register(workspace, tmp_path / "weights", "net")
        assert workspace.models["net"].version == 2
        with pytest.raises(KeyError) as caught:
            workspace.models["nett"]
        assert str(caught.value) == "there is no model 'nett'; there are: 'net'"
        assert "nett" not in workspace.models

    def test_a_run_by_its_id(self, submit: Submit, workspace: Workspace) -> None:
        run = submit("pass")
        assert workspace.get_run(run.id) == run
        with pytest.raises(RunNotFoundException, match="no run 'nope_1_2' in workspace 'test'"):
            workspace.get_run("nope_1_2")
        run.wait_for_completion()

    def test_details_are_plain_values(self, workspace: Workspace) -> None:
        details = workspace.get_details()
        assert json.loads(json.dumps(details)) == details
        assert details["name"] == "test"
        assert details["path"] == str(workspace.layout.root)

    def test_tags_are_replaced(self, workspace: Workspace) -> None:
        workspace.update(tags={"a": "1"})
        workspace.update(tags={"b": "2"})
        assert workspace.tags == Workspace(workspace.layout.root).tags == {"b": "2"}

    def test_it_shows_itself(self, workspace: Workspace) -> None:
        assert repr(workspace) == f"Workspace(name='test', path='{workspace.layout.root}')"
        assert "<td>test</td>" in workspace._repr_html_()

    def test_it_can_be_sent_to_other_processes(self, workspace: Workspace) -> None:
        assert list(Run.list(workspace)) == []  # the index is open now
        assert pickle.loads(pickle.dumps(workspace)) == copy.deepcopy(workspace) == workspace
        assert len({workspace, Workspace(workspace.layout.root)}) == 1


class TestDelete:
    def test_an_empty_one_goes_at_once(self, workspace: Workspace, tmp_path: Path) -> None:
        workspace.delete()
        assert Workspace.list() == {}
        assert not [name for name in os.listdir(tmp_path) if "workspace" in name]

    def test_a_full_one_must_be_meant_and_its_dispatcher_leaves(self, submit: Submit, workspace: Workspace) -> None:
        run = submit("import time; print('started'); time.sleep(600)")
        with pytest.raises(WorkspaceException, match="still has runs"):
            workspace.delete()
        with pytest.raises(WorkspaceException, match=f"have not ended: cancel them first, for example {run.id}"):
            workspace.delete(delete_dependent_resources=True)
        run.cancel()
        run.wait_for_completion()
        dispatcher = dispatcher_of(workspace)
        workspace.delete(delete_dependent_resources=True)
        assert not workspace.layout.root.exists()
        wait_for(lambda: not dispatcher.is_running() or dispatcher.status() == "zombie", "the dispatcher to leave")
        assert not workspace.layout.root.exists()


def test_a_job_of_an_old_script_finds_its_place_in_azures_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from traindock import Experiment, ScriptRunConfig
    from traindock.compute.kinds import backend
    from traindock.dispatcher import start

    monkeypatch.setattr(start, "ensure", lambda *_: None)
    ws = Workspace.create(
        "old", subscription_id="a-sub", resource_group="a-group", path=tmp_path / "ws", show_output=False
    )
    (tmp_path / "train.py").touch()
    run = Experiment(ws, "digits").submit(ScriptRunConfig(tmp_path, "train.py"))
    variables = backend("local", "local", {}).plan(ws.job(run.record)).variables
    assert {name: value for name, value in variables.items() if name.startswith("AZUREML_")} == {
        "AZUREML_RUN_ID": run.id,
        "AZUREML_OUTPUT_DIRECTORY": "./outputs",
        "AZUREML_ARM_SUBSCRIPTION": "a-sub",
        "AZUREML_ARM_RESOURCEGROUP": "a-group",
        "AZUREML_ARM_WORKSPACE_NAME": "old",
        "AZUREML_ARM_PROJECT_NAME": "digits",
        "AZUREML_EXPERIMENT_ID": "digits",
        "AZUREML_WORKSPACE_ID": ws.id,
    }
