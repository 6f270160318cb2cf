"""What people do wrong, or what they call things: a clear word, and nothing lost."""

from __future__ import annotations

import io
import json
import re
import secrets
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest
from tests.conftest import as_ordinary_user, first_in_ci, make_workspace, wait_for
from tests.docker import registries
from tests.docker.conftest import MakeEngine, remove_images, remove_labelled
from tests.docker.jobs import Submit, add_target, as_it_is, container_of, ended, stdout_of, submitter
from tests.docker.registries import Served
from tests.trainer.images.conftest import Shelf

from traindock import ActivityFailedException, Environment, Experiment, ScriptRunConfig, State, Workspace
from traindock.compute.docker import socket_faults
from traindock.compute.docker.engine import connect
from traindock.errors import EnginePermissionException
from traindock.hints import hint
from traindock.images.containers.bases import inspect
from traindock.states import Reason
from traindock.store import computes


@pytest.fixture
def submit(workspace: Workspace, engine_url: str, tmp_path: Path) -> Submit:
    add_target(workspace, engine_url)
    return submitter(workspace, tmp_path)


# ------------------------------------------------------------------------------------- installing from a script


@pytest.fixture
def alpha(workspace: Workspace, shelf: Shelf) -> Environment:
    """An environment with a package from a shelf, which is all that there is."""
    shelf.wheel("alpha", "1.0")
    text = workspace.layout.settings.read_text()
    workspace.layout.settings.write_text(
        text.partition("[packages]")[0] + f'[packages]\nfind_links = ["{shelf.folder}"]\noffline = true\n'
    )
    environment = Environment("alpha")
    environment.python.conda_dependencies.add_pip_package("alpha==1.0")
    return environment


#: Ways to install a package in a script, and to end without it.
INSTALLING = [
    "subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'left-pad'])",
    "subprocess.run(['pip', 'install', 'left-pad'], check=True)",
    "subprocess.run('pip install left-pad', shell=True, check=True)",
    "subprocess.run([sys.executable, '-m', 'pip', 'install', 'left-pad']); import left_pad",
    "subprocess.run([sys.executable, '-m', 'pip', 'install', 'left-pad']); sys.exit('no left-pad')",
    "os.system('pip install left-pad'); [print(n) for n in range(30)]; sys.exit(3)",
]


@pytest.mark.core
@pytest.mark.parametrize("call", first_in_ci(INSTALLING, 2))
def test_a_script_that_installs_packages_is_told_to_ask_for_them(submit: Submit, alpha: Environment, call: str) -> None:
    """The environment cannot be written to, and has no pip: others share it."""
    run = ended(submit(f"import os, subprocess, sys, alpha\n{call}", environment=alpha))
    assert run.record.reason is Reason.EXITED_NONZERO, run.get_details()
    with pytest.raises(ActivityFailedException) as caught:
        run.wait_for_completion()
    assert "A script cannot install packages" in caught.value.hint


def test_a_command_that_installs_packages_is_told_the_same(submit: Submit, tmp_path: Path) -> None:
    source = tmp_path / "command"
    source.mkdir()
    (source / "train.py").write_text("pass")
    words = ["sh", "-c", "pip install left-pad && python3 train.py"]
    config = ScriptRunConfig(source, command=words, compute_target="containers", environment=as_it_is())
    run = ended(Experiment(submit("pass").workspace, "tests").submit(config))
    assert "pip_packages" in hint(run.record), run.get_details()


def test_the_environment_cannot_be_written_to_and_the_next_run_finds_it_whole(
    submit: Submit, alpha: Environment
) -> None:
    first = ended(submit("import alpha; open(alpha.__file__, 'a').write('broken')", environment=alpha))
    assert "Read-only file system" in first.record.detail
    assert stdout_of(ended(submit("import alpha; print(alpha.version)", environment=alpha))) == "1.0\n"


def test_what_a_script_installs_for_its_user_is_gone_with_its_container(submit: Submit) -> None:
    """A run must not depend on those before it."""
    script = """
        import os, site
        print(os.path.isdir(site.getusersitepackages()))
        os.makedirs(site.getusersitepackages())
    """
    assert [stdout_of(ended(submit(script))) for _ in range(2)] == ["False\n"] * 2


# ------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", first_in_ci(["1-_-", "ANTS", "a__b--C", "a" * 36]))
def test_whatever_an_experiment_is_called_its_container_has_a_valid_name(
    workspace: Workspace, engine_url: str, engine: docker.DockerClient, tmp_path: Path, name: str
) -> None:
    add_target(workspace, engine_url)
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("print('up', flush=True); import time; time.sleep(600)")
    config = ScriptRunConfig(source, "train.py", compute_target="containers", environment=as_it_is())
    run = Experiment(workspace, name).submit(config)
    wait_for(lambda: "up" in stdout_of(run), "the script")
    assert container_of(engine, run).attrs["Config"]["Labels"]["traindock.run"] == run.id
    run.cancel()
    assert ended(run).record.state is State.CANCELED


@pytest.mark.parametrize("folder", first_in_ci(["a,b", "quote'\"s", "with space", "größe", "x" * 120], 2))
def test_a_workspace_may_lie_in_a_folder_of_any_name(
    tmp_path: Path, engine_url: str, engine: docker.DockerClient, base_image: str, folder: str
) -> None:
    """Mounts are no texts with colons in them."""
    workspace = make_workspace(tmp_path / folder / "workspace")
    with workspace.layout.settings.open("a") as settings:
        settings.write(f'[docker]\nbase_image = "{base_image}"\n')
    add_target(workspace, engine_url)
    try:
        run = ended(submitter(workspace, tmp_path)("open('outputs/x', 'w').write('x'); print('done')"))
        assert stdout_of(run) == "done\n", run.get_details()
        assert run.get_file_names().count("outputs/x") == 1
    finally:
        wait_for(lambda: container_of(engine, run) is None, "the container to be removed")
        remove_labelled(engine, f"traindock.workspace={workspace.id}")


# ------------------------------------------------------------------------------------- two targets on one engine


def test_two_targets_on_one_engine_know_their_own_nodes_and_shapes(
    workspace: Workspace, engine_url: str, tmp_path: Path
) -> None:
    """One is full, and the other goes on."""
    add_target(workspace, engine_url, max_nodes=1)
    records = computes.load(workspace.layout)
    other = {**records["containers"], "settings": {"engine": engine_url, "max_nodes": 1, "network": "none"}}
    computes.change(workspace.layout, lambda known: known.update({"second": other}))
    submit = submitter(workspace, tmp_path)
    first = submit("import time; print('up', flush=True); time.sleep(600)")
    wait_for(lambda: "up" in stdout_of(first), "the first script")
    waiting = submit("pass")
    source = tmp_path / "second"
    source.mkdir()
    (source / "train.py").write_text(
        "print(sorted(line.split(':')[0] for line in open('/proc/net/dev') if ':' in line))"
    )
    config = ScriptRunConfig(source, "train.py", compute_target="second", environment=as_it_is())
    through = ended(Experiment(workspace, "tests").submit(config))
    assert "eth0" not in stdout_of(through)
    assert through.record.state is State.COMPLETED
    wait_for(lambda: waiting.get_status() == "Queued", "the other run to wait")
    first.cancel()
    assert ended(waiting).record.state is State.COMPLETED


# ------------------------------------------------------------------------------------- the command

Traindock = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def traindock(workspace: Workspace) -> Traindock:
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "traindock", "--workspace", str(workspace.layout.root), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    return call


def checks(traindock: Traindock) -> dict[str, Any]:
    return {check["check"]: check for check in json.loads(traindock("doctor", "--json").stdout)["checks"]}


@pytest.mark.core
def test_the_command_with_an_engine_that_runs(
    workspace: Workspace, submit: Submit, traindock: Traindock, tmp_path: Path
) -> None:
    found = checks(traindock)["compute containers"]
    assert found["level"] == "ok"
    assert "nodes" in found["message"]
    assert "containers" in traindock("computes").stdout
    (described,) = [
        one for one in json.loads(traindock("computes", "--json").stdout)["computes"] if one["kind"] == "docker"
    ]
    assert (described["trouble"], described["running"]) == ("", 0)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train.py").write_text("import sys; print(sys.argv[1:], sys.executable)")
    done = traindock(
        "submit", "--wait", "--compute", "containers", str(tmp_path / "mine" / "train.py"), "--epochs", "3"
    )
    assert done.returncode == 0, done.stderr
    assert "['--epochs', '3'] /usr" in done.stdout


@pytest.fixture
def starts_from(workspace: Workspace) -> Callable[[str], None]:
    """Name another base image in the workspace's settings."""

    def name(image: str) -> None:
        text = workspace.layout.settings.read_text()
        changed = re.sub("(?m)^base_image = .*$", f'base_image = "{image}"', text)
        workspace.layout.settings.write_text(changed)

    return name


@pytest.mark.core
@pytest.mark.usefixtures("submit")
def test_doctor_tells_whether_the_base_image_is_there(traindock: Traindock, base_image: str) -> None:
    found = checks(traindock)["base image"]
    assert (found["level"], found["message"]) == ("ok", f"{base_image} is on the container engine")


@pytest.mark.needs("loopback")
@pytest.mark.usefixtures("submit")
def test_or_whether_a_registry_would_give_it_and_pulls_nothing(
    traindock: Traindock,
    starts_from: Callable[[str], None],
    served: Served,
    engine: docker.DockerClient,
    engine_url: str,
) -> None:
    name = f"{served.address}/{secrets.token_hex(6)}/tiny:1"
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    engine.api.import_image_from_data(empty.getvalue(), repository=name.rpartition(":")[0], tag="1")
    registries.push(engine, name, name.rpartition(":")[0])
    remove_images(engine, name)
    starts_from(name)
    there = checks(traindock)["base image"]
    assert there["level"] == "ok"
    assert f"{name} is not on the container engine, and {served.address} has it" in there["message"]
    assert inspect(connect(engine_url), name) is None
    starts_from(name.replace("tiny", "none"))
    gone = checks(traindock)["base image"]
    assert gone["level"] == "warn"
    assert f"there is no image {name.replace('tiny', 'none')} at {served.address}" in gone["message"]
    starts_from("127.0.0.1:1/nobody:1")
    assert "nothing answers there" in checks(traindock)["base image"]["message"]


@pytest.mark.core
def test_doctor_tells_of_an_engine_before_any_compute_target_has_it(
    tmp_path: Path, engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that makes one, which works as it is; from then on the target tells."""
    fresh = make_workspace(tmp_path / "fresh")
    monkeypatch.setenv("DOCKER_HOST", engine_url)

    def call(*words: str) -> str:
        own = [sys.executable, "-m", "traindock", "--workspace", str(fresh.layout.root)]
        return subprocess.run([*own, *words], capture_output=True, text=True, timeout=120).stdout

    def found() -> dict[str, Any]:
        return {check["check"]: check for check in json.loads(call("doctor", "--json"))["checks"]}

    before = found()
    facts = connect(engine_url).facts()
    assert before["engine DOCKER_HOST"]["level"] == "ok"
    assert f"{facts.version} ({facts.kind})" in before["engine DOCKER_HOST"]["message"]
    words = shlex.split(before["containers"]["advice"])
    assert words[:3] == ["traindock", "--workspace", str(fresh.layout.root)]
    assert "Compute target gpucluster (docker) was made" in call(*words[3:])
    after = found()
    assert after["compute gpucluster"]["level"] == "ok"
    assert "containers" not in after


def test_the_command_makes_changes_and_deletes_what_runs_are_sent_to(
    workspace: Workspace, traindock: Traindock, engine_url: str, tmp_path: Path
) -> None:
    made = traindock("computes", "create", "mine", "--engine", engine_url, "--cpus", "1", "--memory", "512m", "--json")
    assert made.returncode == 0, made.stderr
    document = json.loads(made.stdout)
    assert (document["node"]["cpus"], document["node"]["memory_bytes"], document["trouble"]) == (1, 512 << 20, "")
    refused = traindock("computes", "update", "mine", "--memory", "1000t")
    assert "asks for 1000 TiB of memory for each node and the machine of its engine has" in refused.stderr
    changed = traindock("computes", "update", "mine", "--max-nodes", "2", "--unset", "cpus", "--network", "none")
    assert changed.returncode == 0, changed.stderr
    shown = json.loads(traindock("computes", "show", "mine", "--json").stdout)
    assert (shown["max_nodes"], shown["node"]["cpus"], shown["settings"]["network"]) == (2, None, "none")
    assert shown["status"]["provisioningState"] == "Succeeded"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train.py").write_text("print([line.split()[0] for line in open('/proc/net/dev')][2:])")
    done = traindock("submit", "--wait", "--compute", "mine", str(tmp_path / "mine" / "train.py"))
    assert (done.returncode, "['lo:']" in done.stdout) == (0, True), done.stderr
    assert traindock("computes", "delete", "mine").returncode == 0
    assert "no compute target 'mine'" in traindock("computes", "show", "mine").stderr


def test_the_command_with_an_engine_that_is_down(workspace: Workspace, traindock: Traindock, tmp_path: Path) -> None:
    """Nobody gets a traceback, and what can be listed is listed."""
    add_target(workspace, f"unix://{tmp_path}/gone.sock")
    found = checks(traindock)["compute containers"]
    assert found["level"] == "FAIL"
    assert f"there is no container engine at {tmp_path}/gone.sock" in found["message"]
    listed = traindock("computes")
    assert (listed.returncode, "Traceback" in listed.stderr) == (0, False)
    assert "local" in listed.stdout
    (described,) = [
        one for one in json.loads(traindock("computes", "--json").stdout)["computes"] if one["kind"] == "docker"
    ]
    assert "Start it: `sudo systemctl start docker`" in described["trouble"]
    (tmp_path / "train.py").write_text("pass")
    for words in (("submit",), ("submit", "--plan")):
        done = traindock(*words, "--compute", "containers", str(tmp_path / "train.py"))
        assert done.returncode == 1, done.stdout
        assert done.stderr.count("\n") < 5
        assert "Start it: `sudo systemctl start docker`" in done.stderr
    assert list(workspace.layout.runs.iterdir()) == []


@pytest.mark.own_engine
def test_an_engine_that_a_user_may_not_use_is_named_with_the_group(own_engine: MakeEngine, tmp_path: Path) -> None:
    """As one who is in no group; `test_engine` tries it with sockets of its own, too."""
    socket = own_engine().running / "docker.sock"
    folder = tmp_path / "own"
    folder.mkdir()

    def check() -> None:
        with pytest.raises(EnginePermissionException, match=f"the container engine at {socket} .* group"):
            socket_faults.connect(socket, 5)

    as_ordinary_user(folder, check)
