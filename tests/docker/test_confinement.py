"""What a job may do and have in its container, asked from within it, on every kind of engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import wait_for
from tests.docker.jobs import add_target, as_it_is, container_of, ended, stdout_of, submitter

from traindock import Environment, Workspace
from traindock.compute.docker.engine import connect
from traindock.compute.docker.facts import EngineFacts
from traindock.compute.docker.request import PIDS

pytestmark = pytest.mark.core

MEGABYTES = 192

#: Prints what the job finds; limits under the names that both versions of control groups have for them.
LOOK = """
    import glob, json, os

    def first(*places):
        for place in places:
            for path in glob.glob("/sys/fs/cgroup/" + place):
                return open(path).read().split()

    status = dict(line.rstrip().split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
    quota = first("cpu.max") or first("cpu/cpu.cfs_quota_us") + first("cpu/cpu.cfs_period_us")
    shared = os.statvfs("/dev/shm")
    links = [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line]
    print(json.dumps({
        "capabilities": [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")],
        "no_new_privileges": status["NoNewPrivs"],
        "uid": os.getuid(),
        "groups": os.getgroups(),
        "parent": os.getppid(),
        "first": open("/proc/1/comm").read().strip(),
        "memory": first("memory.max", "memory/memory.limit_in_bytes"),
        "pids": first("pids.max", "pids/pids.max"),
        "quota": quota,
        "shm": shared.f_blocks * shared.f_frsize,
        "links": links,
    }))
"""


@pytest.fixture
def facts(engine_url: str) -> EngineFacts:
    return connect(engine_url).facts()


def looked(workspace: Workspace, tmp_path: Path, engine_url: str, **target: Any) -> dict[str, Any]:
    add_target(workspace, engine_url, **target)
    run = ended(submitter(workspace, tmp_path)(LOOK))
    found: dict[str, Any] = json.loads(stdout_of(run) or run.record.detail)
    return {**found, "warnings": " ".join(run.record.warnings)}


def test_a_job_has_no_privileges_and_can_get_none(
    workspace: Workspace, tmp_path: Path, engine_url: str, facts: EngineFacts
) -> None:
    found = looked(workspace, tmp_path, engine_url)
    assert found["capabilities"] == [0] * 5
    assert found["no_new_privileges"] == "1"
    # Root of a rootless engine's containers is whoever started it.
    assert found["uid"] == (0 if "rootless" in str(facts.kind) else os.getuid())
    assert set(found["groups"]) <= {*os.getgroups(), os.getgid(), 0, 65534}


def test_an_init_program_is_the_first_process(workspace: Workspace, tmp_path: Path, engine_url: str) -> None:
    """Of its own, so that zombies are reaped and signals arrive."""
    found = looked(workspace, tmp_path, engine_url)
    assert found["first"] in ("docker-init", "tini", "catatonit", "podman-init")
    assert found["parent"] > 1, "the launcher is between them"


def test_the_shape_of_the_node_is_what_the_container_may_use(
    workspace: Workspace, tmp_path: Path, engine_url: str, facts: EngineFacts
) -> None:
    """Where the engine says that it applies a limit; else a warning says that it does not."""
    found = looked(workspace, tmp_path, engine_url, memory=MEGABYTES << 20, cpus=0.75)
    asked = {"memory": [str(MEGABYTES << 20)], "pids": [str(PIDS)]}
    for limit in asked.keys() & facts.applies:
        assert found[limit] == asked[limit]
    if "cpus" in facts.applies:
        quota, period = map(int, found["quota"])
        assert quota / period == 0.75
    ignored = {"memory", "cpus"} - facts.applies
    assert ("does not limit" in found["warnings"]) == bool(ignored)
    assert all(what in found["warnings"] for what in ignored)


def test_a_name_of_azure_ml_limits_as_numbers_do(
    workspace: Workspace, tmp_path: Path, engine_url: str, facts: EngineFacts
) -> None:
    with workspace.layout.settings.open("a") as file:
        file.write(f'[vm_sizes]\nSTANDARD_NC6 = {{ cpus = 0.5, memory = "{MEGABYTES}m", gpus = 0 }}\n')
    found = looked(workspace, tmp_path, engine_url, vm_size="STANDARD_NC6")
    if "memory" in facts.applies:
        assert found["memory"] == [str(MEGABYTES << 20)]
    if "cpus" in facts.applies:
        assert int(found["quota"][0]) / int(found["quota"][1]) == 0.5


def test_without_a_shape_there_is_no_limit_but_of_processes(
    workspace: Workspace, tmp_path: Path, engine_url: str, facts: EngineFacts
) -> None:
    found = looked(workspace, tmp_path, engine_url)
    assert found["memory"] is None or found["memory"] == ["max"] or int(found["memory"][0]) > facts.memory_bytes
    assert found["quota"][0] in ("max", "-1")
    assert "does not limit" not in found["warnings"]


def test_two_gigabytes_of_memory_are_there_for_workers_to_share(
    workspace: Workspace, tmp_path: Path, engine_url: str
) -> None:
    """Not 64 MB, which would end a DataLoader by SIGBUS."""
    assert looked(workspace, tmp_path, engine_url)["shm"] == 2 << 30


def test_a_target_without_a_network_has_none(workspace: Workspace, tmp_path: Path, engine_url: str) -> None:
    assert looked(workspace, tmp_path, engine_url, network="none")["links"] == ["lo"]


def test_by_default_a_job_has_the_engines_network(workspace: Workspace, tmp_path: Path, engine_url: str) -> None:
    assert len(looked(workspace, tmp_path, engine_url)["links"]) > 1


def test_the_image_can_be_made_read_only_and_a_script_still_has_its_temporary_folders(
    workspace: Workspace, tmp_path: Path, engine_url: str
) -> None:
    add_target(workspace, engine_url, read_only=True)
    run = ended(
        submitter(workspace, tmp_path)(
            """
            import os, tempfile
            print(len(tempfile.TemporaryDirectory().name) > 1)
            for place in ("/usr/x", "/x", "/etc/x"):
                try:
                    open(place, "w")
                except OSError as error:
                    print(error.strerror)
            open("outputs/x", "w").close()
            open(os.path.expanduser("~/x"), "w").close()
            """
        )
    )
    assert stdout_of(run).splitlines() == ["True", *["Read-only file system"] * 3], run.get_details()
    assert "outputs/x" in run.get_file_names()


# ------------------------------------------------------------------------------------- secrets

SECRETS = {"WANDB_API_KEY": "k-5317b", "DATABASE_URL": "postgres://me:hunter2@db.test/x", "SHORT_TOKEN": "abc"}


def with_secrets() -> Environment:
    environment = as_it_is()
    environment.environment_variables = {**SECRETS, "TOKENIZERS_PARALLELISM": "false"}
    return environment


def test_secrets_reach_the_job_and_nothing_that_people_or_the_engine_show(
    workspace: Workspace, tmp_path: Path, engine_url: str, engine: Any
) -> None:
    """But the signed request and what the launcher reads, without which no job could be started."""
    add_target(workspace, engine_url)
    run = submitter(workspace, tmp_path)(
        """
        import os, time
        print("up", flush=True)
        while not os.path.exists("outputs/go"):
            time.sleep(0.01)
        raise RuntimeError("refused: " + os.environ["WANDB_API_KEY"] + " at " + os.environ["DATABASE_URL"])
        """,
        environment=with_secrets(),
    )
    wait_for(lambda: "up" in stdout_of(run), "the script")
    described = json.dumps(container_of(engine, run).attrs)
    (run.path / "work" / "outputs" / "go").touch()
    ended(run)
    assert run.record.detail.startswith(
        "the script ended with exit code 1: RuntimeError: refused: *** at postgres://***@db.test/x"
    )
    shown = {
        "engine": described,
        "plan.json": (run.path / "plan.json").read_text(),
        "events": (run.path / "events.jsonl").read_text(),
        "details": json.dumps(run.get_details()),
        "dispatcher.log": workspace.layout.dispatcher_log.read_text(),
        "build.txt": (run.path / "driver" / "build.txt").read_text(),
    }
    for words in (["show", run.id], ["show", run.id, "--json"], ["computes", "--json"]):
        shown[" ".join(words)] = traindock(workspace, *words)
    for name, text in shown.items():
        for secret in ("k-5317b", "hunter2"):
            assert secret not in text, name
    variables = json.loads(shown["plan.json"])["variables"]
    assert (variables["WANDB_API_KEY"], variables["SHORT_TOKEN"]) == ("***", "***")
    assert variables["TOKENIZERS_PARALLELISM"] == "false"
    for path in run.path.rglob("*"):
        if path.is_file() and "k-5317b" in path.read_text("utf-8", "replace"):
            assert path.name in ("run.json", "launch.json", "stdout.txt", "error.json", "exit.json"), path
            assert path.stat().st_mode & 0o077 == 0 or workspace.layout.root.stat().st_mode & 0o077 == 0


def test_a_plan_that_is_only_looked_at_shows_no_secret(workspace: Workspace, tmp_path: Path, engine_url: str) -> None:
    add_target(workspace, engine_url)
    (tmp_path / "train.py").write_text("pass")
    variables = [word for name, value in SECRETS.items() for word in ("--env", f"{name}={value}")]
    words = ["--compute", "containers", *variables, str(tmp_path / "train.py")]
    for text in (
        traindock(workspace, "submit", "--plan", *words),
        traindock(workspace, "submit", "--json", "--plan", *words),
    ):
        assert "WANDB_API_KEY" in text
        assert not [secret for secret in ("k-5317b", "hunter2") if secret in text]


def traindock(workspace: Workspace, *words: str) -> str:
    """Return what the command says."""
    command = [sys.executable, "-m", "traindock", "--workspace", str(workspace.layout.root), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, textwrap.shorten(done.stderr, 2000)
    return done.stdout
