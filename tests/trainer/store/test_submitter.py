"""The submitter's environment variables: what of them a job gets, and that nobody puts others in their place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from traindock.errors import StoreException
from traindock.store import submitter
from traindock.store.layout import RunLayout


@pytest.fixture
def run(tmp_path: Path) -> RunLayout:
    (tmp_path / "run_1").mkdir()
    return RunLayout(tmp_path / "run_1")


def test_tokens_proxies_and_caches_stay_the_submitters() -> None:
    given = {
        "HF_TOKEN": "t",
        "https_proxy": "p",
        "TORCH_HOME": "/w",
        "PATH": "/bin",
        "MPLBACKEND": "agg",
        "TERM": "xterm",
    }
    assert submitter.variables(given) == given


@pytest.mark.parametrize(
    "name",
    [
        *("TRAINDOCK_RUN_ID", "AZUREML_RUN_ID", "PYTHONPATH", "VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES"),
        *("JPY_SESSION_NAME", "JUPYTERHUB_API_TOKEN", "COLUMNS", "SHLVL", "PWD", "_"),
    ],
)
def test_what_belongs_to_the_submitters_process_or_terminal_is_left_out(name: str) -> None:
    assert submitter.variables({name: "x", "HOME": "/home/me"}) == {"HOME": "/home/me"}


def test_what_a_notebooks_kernel_sets_for_its_cells_is_left_out() -> None:
    kernel = {"JPY_PARENT_PID": "1", "FORCE_COLOR": "1", "PAGER": "cat", "TERM": "xterm-color"}
    assert submitter.variables({**kernel, "MPLBACKEND": "module://matplotlib_inline.backend_inline", "A": "1"}) == {
        "A": "1"
    }
    assert submitter.variables({"FORCE_COLOR": "1"}) == {"FORCE_COLOR": "1"}, "a user's own wish stays"


def test_what_was_written_is_read_and_only_its_owner_can_read_it(run: RunLayout) -> None:
    given = {"HF_TOKEN": "secret", "ODD": "ü\n\udcff"}
    content, digest = submitter.encode(given)
    submitter.write(run, content)
    assert submitter.read(run, digest) == given
    assert run.submitter_json.stat().st_mode & 0o777 == 0o600


def test_variables_that_were_changed_or_removed_are_refused(run: RunLayout) -> None:
    content, digest = submitter.encode({"PATH": "/bin"})
    submitter.write(run, content.replace(b"/bin", b"/tmp"))
    with pytest.raises(StoreException, match="changed after the run was submitted"):
        submitter.read(run, digest)
    run.submitter_json.unlink()
    with pytest.raises(StoreException, match=r"No such file.*Submit the run again"):
        submitter.read(run, digest)


def test_for_a_run_of_an_older_version_this_processs_own_stand_in(
    run: RunLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "mine")
    monkeypatch.setenv("TRAINDOCK_X", "x")
    found = submitter.read(run, "")
    assert found["SOME_TOKEN"] == "mine"
    assert "TRAINDOCK_X" not in found
    assert found["PATH"] == os.environ["PATH"]
