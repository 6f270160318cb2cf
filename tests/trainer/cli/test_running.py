"""Commands that start, follow and end real runs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import dispatcher_of, kill, wait_for

from traindock import ComputeTarget, DockerCompute
from traindock.run import Run
from traindock.workspace import Workspace

from .conftest import Cli

Script = Callable[[str], Path]
Process = Callable[..., "subprocess.Popen[bytes]"]


@pytest.mark.shared_workspace
def test_a_script_is_submitted_with_all_that_follows_it(cli: Cli, script: Script, workspace: Workspace) -> None:
    path = script("import os, sys; print(sys.argv[1:], os.environ['COLOUR'], os.path.exists('train.py'))")
    answer = cli(
        "submit", "--tag", "kind=first", "--env", "COLOUR=a b=c", "--name", "My run", "--max-seconds", "60",
        path, "--wait", "--json", "--", "-h", "--tag", "-=3", "", "two words",
    )  # fmt: skip
    assert answer.code == 0
    assert answer.err.startswith("--wait, --json after the script's name goes to the script")
    (first, folder, follow) = answer.out.splitlines()
    assert first.startswith("Submitted run 1 of my-project: my-project_")
    run = Run.get(workspace, first.split()[-1])
    assert folder == f"Folder: {run.path}"
    assert follow.endswith(f"logs -f {run.id}")
    assert run.record.spec.arguments == ("--wait", "--json", "--", "-h", "--tag", "-=3", "", "two words")
    assert (run.tags, run.display_name) == ({"kind": "first"}, "My run")
    assert run.record.spec.max_run_duration_seconds == 60
    assert run.record.spec.environment["user_managed"] is True
    followed = cli("logs", "-f", "last", "--exit-status")
    assert followed.code == 0
    assert followed.out == f"{list(run.record.spec.arguments)} a b=c True\n"
    assert "[Completed]" in followed.err


def test_an_option_of_the_script_before_its_name_is_pointed_out(cli: Cli, script: Script) -> None:
    answer = cli("submit", "--epochs", "3", script("pass"))
    assert answer.code == 2
    assert "no option --epochs: what belongs to the script comes after" in answer.err


@pytest.mark.shared_workspace
def test_to_cancel_a_part_of_a_run_says_what_ends_its_code(cli: Cli, script: Script, workspace: Workspace) -> None:
    path = script(
        """
        import time
        from traindock import Run
        with Run.get_context().child_run("part") as part:
            print(part.id, flush=True)
            time.sleep(600)
        """
    )
    cli("submit", path)
    run = Run.get(workspace, cli("runs", "--json").document["runs"][0]["id"])
    wait_for(lambda: list(run.get_children()), "the child")
    (child,) = run.get_children()
    assert (
        f"to end the code: traindock --workspace {workspace.layout.root} cancel {run.id}" in cli("cancel", child.id).out
    )
    assert cli("cancel", run.id, "--wait").code == 0


@pytest.mark.shared_workspace
def test_waiting_for_a_run_shows_its_output_and_exits_as_the_run_ended(cli: Cli, script: Script) -> None:
    good = cli("submit", "--wait", script("print('all well')"))
    assert good.code == 0
    assert "all well\n" in good.out
    bad = cli("submit", "--wait", script("import sys; print('before the end'); sys.exit(7)"))
    assert bad.code == 3
    assert "before the end" in bad.out
    assert "(exited_nonzero)" in bad.out
    assert re.search(r"run \S+ failed; the whole log: /.*stdout\.txt\nMend the script", bad.err)
    assert "Traceback" not in bad.err
    quiet = cli("submit", "--wait", "--json", script("raise SystemExit(9)"))
    assert quiet.code == 3
    assert (quiet.document["state"], quiet.document["exit"]["exit_code"]) == ("Failed", 9)
    assert quiet.err == ""


@pytest.mark.shared_workspace
def test_a_command_runs_in_place_of_a_script(cli: Cli, script: Script) -> None:
    folder = script("").parent
    answer = cli(
        "submit", "--json", "--source", folder, "--wait", "--command", "--", "sh", "-c", "ls; echo $0 -x", "me"
    )
    assert answer.code == 0
    assert answer.document["spec"]["command"] == ["sh", "-c", "ls; echo $0 -x", "me"]
    assert cli("logs", "last").out.splitlines()[-1] == "me -x"


def test_the_script_is_found_in_the_source_folder_or_as_the_shell_completed_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source" / "deep").mkdir(parents=True)
    (tmp_path / "source" / "deep" / "train.py").write_text("")
    monkeypatch.chdir(tmp_path)
    for given in ("deep/train.py", "source/deep/train.py", str(tmp_path / "source/deep/train.py")):
        plan = cli("submit", "--plan", "--json", "--source", "source", given)
        assert plan.code == 0, plan.err
        assert plan.document["plan"]["command"][-1] == "deep/train.py"
    missing = cli("submit", "--source", "source", "other.py")
    assert missing.code == 1
    assert "'other.py'" in missing.err
    assert cli("submit", "nowhere/train.py", "--json").code == 1


def test_the_index_of_a_requirements_file_is_part_of_the_plan(cli: Cli, script: Script, tmp_path: Path) -> None:
    file = tmp_path / "needed.txt"
    file.write_text("-i https://ours.example/simple\nsome-package\n")
    answer = cli("submit", "--plan", "--json", "--requirements", file, script(""))
    assert answer.document["recipe"]["index_url"] == "https://ours.example/simple"


def test_an_image_for_containers_is_part_of_the_plan_and_told_of_where_there_are_none(
    cli: Cli, script: Script, tmp_path: Path
) -> None:
    path = script("")
    (tmp_path / "Dockerfile").write_text("FROM python:3.11\n")

    image = cli("submit", "--plan", "--json", "--image", "python:3.11", "--apt", "git", path).document
    own = cli("submit", "--plan", "--json", "--pip", "six", "--dockerfile", tmp_path / "Dockerfile", path).document

    assert (image["recipe"]["container"]["image"], image["recipe"]["container"]["apt"]) == ("python:3.11", ["git"])
    assert own["recipe"]["container"]["dockerfile"] == "FROM python:3.11\n"
    assert "'python:3.11' is for compute targets of containers" in image["plan"]["environment"]["warnings"][0]
    both = cli("submit", "--image", "a", "--dockerfile", "b", path)
    assert "give one of them" in both.err


@pytest.mark.parametrize(
    ("options", "source", "told"),
    [
        (("--pip", "pillow"), "import torch", "torch"),
        (("--conda", "pillow"), "def f():\n    from torch.nn import Module", "torch"),
        (("--pip", "torch-geometric"), "import numpy, torchvision.models", "torchvision"),
        (("--pip", "Torch>=2"), "import torch", ""),
        (("--pip", "torchvision"), "import torch", ""),
        (("--conda", "pytorch=2.1"), "import torch", ""),
        (("--framework-version", "2.1"), "import torch", ""),
        ((), "import torch", ""),
        (("--pip", "pillow"), "import torchaudio, numpy\nfrom .torch import x", ""),
        (("--pip", "pillow"), "import torch (", ""),
    ],
)
def test_torch_that_a_script_imports_and_nobody_asked_for_is_told_of(
    cli: Cli, script: Script, options: tuple[str, ...], source: str, told: str
) -> None:
    answer = cli("submit", "--plan", *options, script(source))
    expected = f"train.py imports {told}, which the packages asked for do not include: add --pip {told}"
    assert (expected in answer.err) is bool(told)
    assert ("imports" in answer.err) is bool(told)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            (),
            "train.py imports torch, and nothing is installed in its container unless you ask for it: add --pip torch",
        ),
        (("--user-managed",), "train.py imports torch, and nothing is installed in its container"),
        (("--apt", "git"), "train.py imports torch, and nothing is installed in its container"),
        (("--pip", "pillow"), "train.py imports torch, which the packages asked for do not include: add --pip torch"),
        (("--image", "pytorch/pytorch"), ""),
        (("--pip", "torch"), ""),
        (("--framework-version", "2.1"), ""),
    ],
)
def test_torch_that_an_image_may_not_have_is_told_of(
    cli: Cli,
    script: Script,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.setattr(DockerCompute, "check", lambda _: ())  # it is told of before an engine is asked
    nowhere = DockerCompute.provisioning_configuration(engine="unix:///nowhere/docker.sock")
    ComputeTarget.create(workspace, "gpucluster", nowhere)
    answer = cli("submit", "--plan", "--compute", "gpucluster", *options, script("import torch"))
    assert told in answer.err
    assert ("imports torch" in answer.err) is bool(told)


def test_a_rebuild_is_asked_for_where_there_is_something_to_build(cli: Cli, script: Script) -> None:
    answer = cli("submit", "--plan", "--json", "--rebuild", "--pip", "numpy", script(""))
    assert answer.document["plan"]["environment"]["action"] == "build"
    assert "a rebuild is asked for" in answer.document["plan"]["environment"]["why"]
    answer = cli("submit", "--plan", "--rebuild", script(""))
    assert answer.code == 2
    assert "--rebuild has nothing to build" in answer.err


@pytest.mark.shared_workspace
def test_passwords_of_package_indexes_are_kept_from_whoever_looks(
    cli: Cli, script: Script, tmp_path: Path, workspace: Workspace
) -> None:
    file = tmp_path / "needed.txt"
    file.write_text(
        "-i https://me:SECRET@ours.example/simple\n--extra-index-url https://SECRET@more.example\n"
        "nowhere @ https://me:SECRET@ours.example/nowhere.whl\n"
    )
    words = ("--requirements", file, script(""))
    assert "SECRET" not in cli("submit", "--plan", "--json", *words).out
    assert "SECRET" not in cli("submit", "--plan", *words).out
    run = Run.get(workspace, cli("submit", "--json", *words).document["id"])
    for _ in range(2):
        assert "SECRET" not in json.dumps(run.get_details())
        assert "SECRET" not in cli("show", run.id).out + cli("show", "--json", run.id).out
        run.wait_for_completion(raise_on_error=False)
    assert "SECRET" not in repr(run.get_environment())
    assert run.get_environment().to_recipe().index_url == "https://me:SECRET@ours.example/simple"


def test_a_plan_is_printed_and_nothing_is_submitted(cli: Cli, script: Script, workspace: Workspace) -> None:
    path = script("")
    (path.parent / "data.bin").write_bytes(b"x" * 2000)
    answer = cli("submit", "--plan", "--pip", "some-package<2", "--env", "A=1", path, "--lr", "0.1")
    assert answer.code == 0
    for words in ("Nothing was submitted", "--lr 0.1", "some-package<2", "data.bin", "2.0 kB", "TRAINDOCK_RUN_ID"):
        assert words in answer.out
    assert ": 2 files, " in answer.out
    (path.parent / "data.bin").rename(path.parent.parent / "data.bin")
    assert ": 1 file, " in cli("submit", "--plan", path).out
    (path.parent.parent / "data.bin").rename(path.parent / "data.bin")
    document = cli("submit", "--dry-run", "--json", path).document
    assert document["source"]["files"] == {"data.bin": 2000, "train.py": 0}
    assert document["plan"]["kind"] == "local"
    assert workspace.index.count() == 0
    assert workspace.experiments == {}


def test_of_many_files_a_plan_lists_the_largest_and_counts_all(cli: Cli, script: Script) -> None:
    path = script("")
    for number in range(130):
        (path.parent / f"{number:03}.bin").write_bytes(bytes(number))
    answer = cli("submit", "--plan", path)
    assert ": 131 files, " in answer.out
    assert "Largest files" in answer.out
    assert answer.out.index("129.bin") < answer.out.index("110.bin") < answer.out.index("and 111 more")
    assert "109.bin" not in answer.out


def test_a_folder_that_a_submit_refuses_has_no_plan(cli: Cli, script: Script) -> None:
    path = script("")
    (path.parent / ".gitignore").write_text("*.py")
    answer = cli("submit", "--plan", path)
    assert (answer.code, "is left out by line 1 of .gitignore" in answer.err) == (1, True)


def test_a_notebook_is_planned_like_a_script_and_takes_no_arguments(cli: Cli, script: Script) -> None:
    path = script("").with_name("explore.ipynb")
    path.write_text('{"cells": [], "nbformat": 4, "nbformat_minor": 4, "metadata": {}}')

    document = cli("submit", "--plan", "--json", "--pip", "torch", path).document
    refused = cli("submit", path, "--lr", "0.1")

    assert document["plan"]["command"][-2:] == ["--notebook", "explore.ipynb"]
    assert document["recipe"]["pip"] == ["torch", "ipykernel", "nbclient"]
    assert (refused.code, "a notebook takes no arguments: leave out '--lr'" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--gpu", "1"), "compute_target"),
        (("--compute", "moon"), "compute_target"),
        (("--experiment", "no good"), "user_error"),
        (("--framework-version", "99"), "training"),
        (("--max-seconds", "0"), "user_error"),
        (("--pip", "not a requirement"), "user_error"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(
    cli: Cli, script: Script, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], code: str
) -> None:
    monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", "")
    for plan in ((), ("--plan",)):
        answer = cli("submit", "--json", *options, *plan, script(""))
        assert answer.code == 1
        assert answer.error["code"] == code
    assert workspace.index.count() == 0


WAITS = """
import pathlib, sys, time
print("started", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.02)
print("the end")
"""


@pytest.mark.slow
def test_ctrl_c_ends_the_watching_and_never_the_run(
    cli: Cli, script: Script, process: Process, tmp_path: Path, workspace: Workspace
) -> None:
    path = script(WAITS)
    waiting = process("submit", "--wait", path, tmp_path / "go")
    read_until(waiting, b"started\n")
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 130
    assert b"goes on (Running)" in err
    assert b"Traceback" not in err

    watching = process("logs", "-f", "last")
    read_until(watching, b"started\n")
    watching.send_signal(signal.SIGINT)
    out, err = watching.communicate(timeout=60)
    assert watching.returncode == 130
    assert out == b""
    assert b"goes on (Running)" in err
    assert b"logs -f my-project_" in err

    (tmp_path / "go").touch()
    assert cli("logs", "-f", "last", "--exit-status").code == 0
    assert cli("logs", "last").out == "started\nthe end\n"


@pytest.mark.slow
def test_a_log_is_followed_though_the_dispatcher_is_killed(
    cli: Cli, script: Script, process: Process, tmp_path: Path, workspace: Workspace
) -> None:
    cli("submit", script(WAITS), tmp_path / "go")
    watching = process("logs", "-f", "--exit-status", "last")
    read_until(watching, b"started\n")
    kill(dispatcher_of(workspace))
    (tmp_path / "go").touch()
    out, err = watching.communicate(timeout=120)
    assert out == b"the end\n"
    assert watching.returncode == 0, err


@pytest.mark.shared_workspace
def test_runs_are_canceled_together_or_not_at_all(cli: Cli, script: Script, tmp_path: Path) -> None:
    path = script(WAITS)
    ids = [cli("submit", "--json", path, tmp_path / "never").document["id"] for _ in range(2)]
    wait_for(lambda: "started" in cli("logs", ids[0]).out, "the first run to start")
    assert cli("cancel", ids[0], "nobody").code == 1
    assert cli("show", ids[0], "--json").document["cancel_requested_by"] is None
    answer = cli("cancel", *ids, ids[0], "--wait", "--json")
    assert answer.code == 0
    assert answer.document["runs"] == [{"id": run_id, "state": "Canceled", "requested": True} for run_id in ids]
    again = cli("cancel", ids[0])
    assert again.code == 0
    assert "had ended: [Canceled] (canceled_by_user)" in again.out
    assert cli("logs", "-f", ids[0], "--exit-status").code == 4


@pytest.mark.slow
def test_listing_unfinished_runs_starts_the_dispatcher_again(
    cli: Cli, script: Script, tmp_path: Path, workspace: Workspace
) -> None:
    run_id = cli("submit", "--json", script(WAITS), tmp_path / "go").document["id"]
    wait_for(lambda: "started" in cli("logs", run_id).out, "the run to start")
    kill(dispatcher_of(workspace))
    (tmp_path / "go").touch()
    ended = wait_for(lambda: cli("runs", "--state", "ended", "--json").document["runs"], "the run's end to be recorded")
    assert ended[0]["state"] == "Completed"


def test_python_m_traindock_is_the_same_command(process: Process) -> None:
    out = subprocess.run([sys.executable, "-m", "traindock", "runs", "--help"], capture_output=True, check=True).stdout
    assert out.startswith(b"usage: traindock runs")


def read_until(process: subprocess.Popen[bytes], expected: bytes) -> bytes:
    """Read stdout until a line is there."""
    assert process.stdout is not None
    found = b""
    while expected not in found:
        block = os.read(process.stdout.fileno(), 65_536)
        assert block, f"ended before {expected!r}: {found!r}"
        found += block
    return found
