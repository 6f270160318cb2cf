"""Whose environment a job gets: that of whoever submitted it, whoever started the dispatcher."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import Submit
from tests.trainer.images.conftest import Shelf

from traindock import ActivityFailedException, Environment, Run, Workspace
from traindock.cli.main import main
from traindock.dispatcher import start


def stdout(run: Run) -> str:
    return (run.path / "driver" / "stdout.txt").read_text()


SHOW = "import os, sys; print(*(os.environ.get(name) for name in sys.argv[1:]))"


def test_a_job_has_the_variables_of_its_own_submitter(
    submit: Submit, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for who in ("A", "B"):
        monkeypatch.setenv("HF_TOKEN", f"token{who}")
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / who))
        if who == "B":
            monkeypatch.setenv("ONLY_OF_B", "yes")
        run = submit(SHOW, "HF_TOKEN", "TORCH_HOME", "ONLY_OF_B")
        run.wait_for_completion()
        assert stdout(run) == f"token{who} {tmp_path / who} {'yes' if who == 'B' else None}\n"
        assert (run.path / "submitter.json").stat().st_mode & 0o777 == 0o600
        shown = json.dumps(run.get_details()) + str(run) + (run.path / "plan.json").read_text()
        assert f"token{who}" not in shown
        assert f"token{who}" not in (run.path / "run.json").read_text()


def test_what_a_script_prints_of_its_secrets_stays_in_its_log_and_is_not_in_what_is_shown_of_its_failure(
    submit: Submit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Notebooks keep what they show, and are passed on."""
    secrets = ("submitters-token", "own-variable", "of-an-argument")
    monkeypatch.setenv("HF_TOKEN", secrets[0])
    script = """
        import os, sys
        told = " ".join((os.environ["HF_TOKEN"], os.environ["API_KEY"], sys.argv[2]))
        print(told)
        raise ValueError("denied: " + told)
    """
    environment = Environment.from_existing_interpreter("mine")
    environment.environment_variables = {"API_KEY": secrets[1]}
    run = submit(script, "--api-key", secrets[2], environment=environment)
    with pytest.raises(ActivityFailedException, match=r"denied: \*\*\* \*\*\* \*\*\*") as caught:
        run.wait_for_completion()
    assert "*** *** ***" in caught.value.log_tail
    assert main(["--workspace", str(run.workspace.layout.root), "show", run.id]) == 0
    shown = "\n".join((str(caught.value), json.dumps(run.get_details()), capsys.readouterr().out))
    assert not [secret for secret in secrets if secret in shown]
    assert stdout(run).startswith(" ".join(secrets))


def test_variables_that_were_changed_after_the_submit_start_nothing(
    submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as nobody:
        nobody.setattr(start, "ensure", lambda *_: None)
        run = submit("print('should never run')")
    file = run.path / "submitter.json"
    file.write_text(file.read_text().replace("/", "//"))
    with pytest.raises(ActivityFailedException, match="changed after the run was submitted"):
        run.wait_for_completion()
    assert not (run.path / "driver" / "stdout.txt").exists()


def test_folders_that_cannot_be_written_to_are_replaced_and_that_is_said(
    submit: Submit, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, "/proc/nope")
    monkeypatch.setenv("HOME", "/nonexistent")
    run = submit(SHOW, "HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR")
    warnings = [warning["message"] for warning in run.wait_for_completion()["warnings"]]
    home = workspace.layout.home
    assert stdout(run) == f"{home} {home / '.cache'} {home / '.config/matplotlib'}\n"
    assert len(warnings) == 3


@pytest.mark.slow
def test_an_environment_is_built_with_the_variables_of_its_submitter(
    submit: Submit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit("pass").wait_for_completion()  # whoever comes first starts the dispatcher
    shelf = Shelf(tmp_path / "shelf")
    shelf.wheel("traindock_tests_needed", "1.0")
    monkeypatch.setenv("UV_FIND_LINKS", str(shelf.folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    environment = Environment("needs")
    environment.python.conda_dependencies.add_pip_package("traindock_tests_needed")
    run = submit("import traindock_tests_needed as needed; print(needed.version)", environment=environment)
    run.wait_for_completion()
    assert stdout(run) == "1.0\n"
