"""Bad input at submit gets a clear error, and loses nothing."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from tests.conftest import Submit, kill, make_workspace, processes_of, submitter, wait_for
from tests.end_to_end.faults.helpers import started, stdout

from traindock import (
    ComputeTarget,
    ComputeTargetException,
    Experiment,
    LocalCompute,
    Run,
    ScriptRunConfig,
    UserErrorException,
    Workspace,
)
from traindock.errors import ModelPathNotFoundException, WorkspaceException

pytestmark = pytest.mark.slow


def test_fifos_and_sockets_in_the_source_folder_are_left_out_by_name(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("import os; print(sorted(os.listdir()))")
    os.mkfifo(source / "a pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "a socket"))
        run = Experiment(workspace, "tests").submit(ScriptRunConfig(source, "train.py"))
    details = run.wait_for_completion()
    assert stdout(run) == "['logs', 'outputs', 'train.py']\n"
    told = " ".join(warning["message"] for warning in details["warnings"])
    assert "a pipe" in told
    assert "a socket" in told


def test_the_workspace_within_the_source_folder_is_not_part_of_it(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("import os; print('workspace' in os.listdir())")
    for _ in range(2):  # the second time the workspace has grown
        run = Experiment(workspace, "tests").submit(ScriptRunConfig(".", "train.py"))
        run.wait_for_completion()
        assert stdout(run) == "False\n"


def test_an_unknown_compute_target_is_refused_and_the_known_ones_are_named(
    submit: Submit, workspace: Workspace
) -> None:
    ComputeTarget.create(workspace, "big-box", LocalCompute.provisioning_configuration(max_nodes=2))
    with pytest.raises(ComputeTargetException, match=r"'no-such'.*'local', 'big-box'"):
        submit("pass", compute_target="no-such")
    assert list(Run.list(workspace)) == []


@pytest.mark.parametrize("name", ["../out.py", "/etc/passwd", "folder/../../out.py", ""])
def test_a_script_outside_the_source_folder_is_refused(workspace: Workspace, tmp_path: Path, name: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "out.py").write_text("print('should never run')")
    with pytest.raises(UserErrorException):
        Experiment(workspace, "tests").submit(ScriptRunConfig(source, name))
    assert list(Run.list(workspace)) == []


def test_a_link_to_a_folder_outside_is_left_out_by_name(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.txt").write_text("secret")
    (source / "train.py").write_text("import os; print(sorted(os.listdir()))")
    (source / "link").symlink_to("../elsewhere")
    run = Experiment(workspace, "tests").submit(ScriptRunConfig(source, "train.py"))
    details = run.wait_for_completion()
    assert stdout(run) == "['logs', 'outputs', 'train.py']\n"
    assert "'link'" in str(details["warnings"])


@pytest.mark.parametrize("name", ["../run.json", "/etc/passwd", "outputs/../../run.json", "outputs/link", "", "nul\0"])
def test_names_that_lead_out_of_a_run_are_refused_everywhere(submit: Submit, tmp_path: Path, name: str) -> None:
    run = submit("import os, time; os.symlink('/etc/passwd', 'outputs/link'); print('started'); time.sleep(600)")
    wait_for(lambda: started(run), "the script")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserErrorException):
        run.download_file(name, tmp_path / "stolen")
    with pytest.raises(UserErrorException):
        run.upload_file(name, tmp_path / "file")
    with pytest.raises(UserErrorException):
        run.register_model("model", name)
    run.cancel()
    run.wait_for_completion()
    assert not (tmp_path / "stolen").exists()
    with pytest.raises(UserErrorException):
        run.download_file(name, tmp_path / "stolen")
    with pytest.raises(UserErrorException):
        run.register_model("model", name)


def test_a_model_path_that_is_not_there_lists_what_is(submit: Submit) -> None:
    run = submit("open('outputs/weights.pt', 'w').write('x')")
    run.wait_for_completion()
    with pytest.raises(ModelPathNotFoundException, match=r"outputs/weights\.pt"):
        run.register_model("model", "outputs/model.pt")


@pytest.mark.parametrize("odd", ["two words", "quote's \"", "new\nline", "ünïcödé", "$HOME"])
def test_a_workspace_in_an_oddly_named_folder_works(tmp_path: Path, odd: str) -> None:
    workspace = make_workspace(tmp_path / odd)
    try:
        run = submitter(workspace, tmp_path)(
            "from traindock import Run; Run.get_context().log('x', 1); open('outputs/f', 'w')", tags={odd: odd}
        )
        run.wait_for_completion()
        assert run.get_metrics() == {"x": 1}
        assert "outputs/f" in run.get_file_names()
        assert [found.id for found in Run.list(workspace, tags={odd: odd})] == [run.id]
    finally:
        for process in processes_of(workspace):
            kill(process)


def test_a_workspace_whose_path_would_cut_a_search_path_in_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceException, match="PYTHONPATH"):
        Workspace.create("test", path=tmp_path / "a:b", show_output=False)
    assert not (tmp_path / "a:b").exists()


def test_a_tag_that_no_database_takes_does_not_hide_any_run(submit: Submit, workspace: Workspace) -> None:
    odd = os.fsdecode(b"caf\xe9")  # what an old file name looks like in Python
    run = submit("pass", tags={odd: odd})
    run.wait_for_completion()
    assert run.tags == {odd: odd}
    assert list(Run.list(workspace)) == [run]
    assert list(Run.list(workspace, tags={odd: odd})) == [run]
