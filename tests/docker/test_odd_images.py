"""Jobs in images that are not made for them, and in containers that cannot write to their image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import first_in_ci
from tests.docker.jobs import add_target, as_it_is, ended, stdout_of, submitter

from traindock import ActivityFailedException, Environment, Workspace
from traindock.states import Reason

WRITES = """
    import os, tempfile
    from traindock import Run
    Run.get_context().log("loss", 1.0)
    os.makedirs("outputs", exist_ok=True)
    open("outputs/model.bin", "wb").write(b"weights")
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"there is room")
    try:
        open("/usr/mine", "w")
    except OSError as error:
        print(error.strerror)
"""


def in_image(image: str) -> Environment:
    environment = Environment("odd")
    environment.docker.base_image = image
    return environment


@pytest.mark.parametrize("what", first_in_ci(["distroless", "entrypoint", "no-tmp"]))
def test_an_entrypoint_or_the_lack_of_a_shell_or_of_tmp_changes_nothing(
    workspace: Workspace, engine_url: str, tmp_path: Path, odd_image: Callable[[str], str], what: str
) -> None:
    add_target(workspace, engine_url)
    run = ended(submitter(workspace, tmp_path)(WRITES, environment=in_image(odd_image(what))))
    assert run.get_status() == "Completed", run.get_details()
    assert "outputs/model.bin" in run.get_file_names()


def test_a_container_that_cannot_write_to_its_image_keeps_what_the_job_leaves(
    workspace: Workspace, engine_url: str, tmp_path: Path
) -> None:
    add_target(workspace, engine_url, read_only=True)
    run = ended(submitter(workspace, tmp_path)(WRITES, environment=as_it_is()))
    assert run.get_status() == "Completed", run.get_details()
    assert stdout_of(run) == "Read-only file system\n"
    assert list(run.metrics.values("loss")) == [1.0]
    assert "outputs/model.bin" in run.get_file_names()


@pytest.mark.parametrize(
    ("what", "says"), [("no-python", r"has no Python.*use an image with one"), ("python37", r"jobs need 3\.8 or newer")]
)
def test_an_image_without_a_python_for_jobs_ends_the_run_with_what_to_do(
    workspace: Workspace, engine_url: str, tmp_path: Path, odd_image: Callable[[str], str], what: str, says: str
) -> None:
    add_target(workspace, engine_url)
    run = ended(submitter(workspace, tmp_path)("pass", environment=in_image(odd_image(what))))
    assert run.record.reason is Reason.ENVIRONMENT_FAILED
    with pytest.raises(ActivityFailedException, match=says):
        run.wait_for_completion()
