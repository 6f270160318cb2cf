"""A compute target of containers on a real engine: made, asked, changed and deleted, also under runs."""

from __future__ import annotations

import json
import secrets
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from tests.conftest import dispatcher_of, kill, wait_for
from tests.docker.jobs import as_it_is, ended, stdout_of
from tests.trainer.test_compute_target import AZURE_NODE_KEYS, AZURE_STATUS_KEYS

from traindock import (
    ActivityFailedException,
    ComputeTarget,
    ComputeTargetException,
    DockerCompute,
    Experiment,
    Run,
    ScriptRunConfig,
    Workspace,
    publishing,
)
from traindock.compute.docker.engine import connect
from traindock.dispatcher import start
from traindock.planning import plan_document


@pytest.fixture
def cluster(workspace: Workspace, engine_url: str) -> DockerCompute:
    """One node, which counts as there for a minute after a run."""
    configuration = DockerCompute.provisioning_configuration(
        engine=engine_url, max_nodes=1, idle_seconds_before_scaledown=60
    )
    made = ComputeTarget.create(workspace, "gpucluster", configuration)
    assert isinstance(made, DockerCompute)
    return made


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file at whose making the scripts of :func:`waits_for` end."""
    folder = tmp_path / "gate"
    folder.mkdir()
    yield folder / "open"
    (folder / "open").touch()


def submit(workspace: Workspace, tmp_path: Path, script: str, **options: Any) -> Run:
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text(script)
    config = ScriptRunConfig(source, "train.py", compute_target="gpucluster", environment=as_it_is(), **options)
    return Experiment(workspace, "tests").submit(config)


def warnings_of(run: Run) -> list[str]:
    return [warning["message"] for warning in run.get_details().get("warnings", ())]


def waits_for(gate: Path) -> str:
    return f"import os, time\nprint('here', flush=True)\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.05)"


@pytest.mark.core
def test_the_usual_block_of_azure_notebooks(
    workspace: Workspace, engine_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        try:
            gpu = ComputeTarget(workspace=workspace, name="gpucluster")
            print("Found existing compute target")
        except ComputeTargetException:
            config = DockerCompute.provisioning_configuration(vm_size="STANDARD_D1", max_nodes=4, engine=engine_url)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # where this machine is smaller than that one
                gpu = ComputeTarget.create(workspace, "gpucluster", config)
            gpu.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)
    said = capsys.readouterr().out
    assert "Minimum number of nodes requested have been provisioned" in said
    assert said.endswith("Found existing compute target\n")
    status = gpu.get_status().serialize()
    assert (status["vmSize"], status["currentNodeCount"], status["provisioningState"]) == (
        "STANDARD_D1",
        0,
        "Succeeded",
    )
    assert (set(status), set(status["nodeStateCounts"])) == (AZURE_STATUS_KEYS, AZURE_NODE_KEYS)
    assert stdout_of(ended(submit(workspace, tmp_path, "print('in a container')"))) == "in a container\n"


def test_a_node_is_there_for_its_run_and_a_while_after(
    workspace: Workspace, cluster: DockerCompute, tmp_path: Path, gate: Path
) -> None:
    assert cluster.get_status().current_node_count == 0
    cluster.update(mounts=[f"{gate.parent}:{gate.parent}:ro"])
    first = submit(workspace, tmp_path, waits_for(gate))
    wait_for(lambda: stdout_of(first), "the first script to begin")
    second = submit(workspace, tmp_path, "print('second')")
    wait_for(
        lambda: first.id in (second.get_details()["statusDetails"] or ""), "the second run to say whom it waits for"
    )
    status = cluster.get_status()
    assert (status.running_node_count, status.idle_node_count, status.target_node_count) == (1, 0, 1)
    gate.touch()
    ended(first)
    ended(second)
    counts = cluster.get_status().serialize()["nodeStateCounts"]
    assert (counts["runningNodeCount"], counts["idleNodeCount"]) == (0, 1)
    cluster.update(idle_seconds_before_scaledown=0)
    assert cluster.get_status().current_node_count == 0
    cluster.update(min_nodes=1)
    assert cluster.get_status().idle_node_count == 1


def test_an_update_concerns_the_next_runs_and_lets_a_waiting_one_go(
    workspace: Workspace, cluster: DockerCompute, tmp_path: Path, gate: Path, engine_url: str
) -> None:
    cluster.update(mounts=[f"{gate.parent}:{gate.parent}:ro"])
    first = submit(workspace, tmp_path, waits_for(gate))
    wait_for(lambda: stdout_of(first), "the first script to begin")
    second = submit(workspace, tmp_path, waits_for(gate))
    wait_for(lambda: second.get_status() == "Queued", "the second run to wait")
    cluster.update(max_nodes=2)
    wait_for(lambda: stdout_of(second), "the second script to begin")
    cluster.update(max_nodes=1, network="none")
    status = cluster.get_status()
    assert (status.running_node_count, status.current_node_count, status.max_nodes) == (2, 2, 1)
    gate.touch()
    assert [ended(run).get_status() for run in (first, second)] == ["Completed"] * 2


def test_a_target_is_deleted_under_its_runs(
    workspace: Workspace, cluster: DockerCompute, tmp_path: Path, gate: Path
) -> None:
    """Who runs goes on to the end; who waits fails, and says why."""
    cluster.update(mounts=[f"{gate.parent}:{gate.parent}:ro"])
    first = submit(workspace, tmp_path, waits_for(gate))
    wait_for(lambda: stdout_of(first), "the first script to begin")
    second = submit(workspace, tmp_path, "print('never')")
    wait_for(lambda: second.get_status() == "Queued", "the second run to wait")
    cluster.delete()
    with pytest.raises(ActivityFailedException, match="the compute target 'gpucluster' was deleted"):
        second.wait_for_completion()
    gate.touch()
    assert ended(first).get_status() == "Completed"
    with pytest.raises(ComputeTargetException, match="is gone"):
        cluster.delete()


def test_runs_go_by_order_of_submit_whatever_happens_meanwhile(
    workspace: Workspace, cluster: DockerCompute, tmp_path: Path, gate: Path
) -> None:
    """One that waits is canceled, the dispatcher is killed, and the target is changed."""
    cluster.update(mounts=[f"{gate.parent}:{gate.parent}:rw"])
    order = gate.parent / "order"
    first = submit(workspace, tmp_path, waits_for(gate))
    wait_for(lambda: stdout_of(first), "the first script to begin")
    runs = [submit(workspace, tmp_path, f"open({str(order)!r}, 'a').write('{name}')") for name in "abcd"]
    for run in runs:
        wait_for(lambda run=run: run.get_status() == "Queued", "each of them to wait")
    runs[1].cancel()
    assert ended(runs[1]).get_status() == "Canceled"
    kill(dispatcher_of(workspace))
    cluster.update(idle_seconds_before_scaledown=0)
    start.ensure(workspace.layout)
    gate.touch()
    assert [ended(run).get_status() for run in runs] == ["Completed", "Canceled", "Completed", "Completed"]
    assert order.read_text() == "acd"


def test_a_run_gets_the_target_as_it_is_when_it_is_taken_up(
    workspace: Workspace, cluster: DockerCompute, tmp_path: Path, gate: Path
) -> None:
    """Its plan tells what that was."""
    cluster.update(mounts=[f"{gate.parent}:{gate.parent}:ro"])
    first = submit(workspace, tmp_path, waits_for(gate))
    wait_for(lambda: stdout_of(first), "the first script to begin")
    cluster.update(network="none")
    second = submit(workspace, tmp_path, "print([line.split()[0] for line in open('/proc/net/dev')][2:])")
    gate.touch()
    assert stdout_of(ended(second)).strip() == "['lo:']"
    assert json.loads((second.path / "plan.json").read_text())["target"]["network"] == "none"


def test_numbers_that_the_machine_has_not_are_refused_before_it_is_made(workspace: Workspace, engine_url: str) -> None:
    facts = connect(engine_url).facts()
    for settings in ({"cpus": facts.cpus + 1}, {"memory": facts.memory_bytes + (1 << 30)}):
        configuration = DockerCompute.provisioning_configuration(engine=engine_url, **settings)
        with pytest.raises(
            ComputeTargetException, match=r"asks for .* for each node and the machine of its engine has"
        ):
            ComputeTarget.create(workspace, "huge", configuration)
    assert list(workspace.compute_targets) == ["local"]


def test_an_update_that_cannot_be_leaves_the_target_as_it_was(cluster: DockerCompute) -> None:
    with pytest.raises(ComputeTargetException, match="asks for"):
        cluster.update(memory="1000t")
    assert ComputeTarget(cluster.workspace, "gpucluster").settings["memory"] is None


def test_shared_memory_is_what_the_environment_asks_for(
    workspace: Workspace, cluster: DockerCompute, tmp_path: Path
) -> None:
    environment = as_it_is()
    environment.docker.arguments = ["--shm-size", "128m", "--privileged"]
    source = tmp_path / "shm"
    source.mkdir()
    (source / "train.py").write_text("import os; s = os.statvfs('/dev/shm'); print(s.f_blocks * s.f_frsize)")
    config = ScriptRunConfig(source, "train.py", compute_target=cluster, environment=environment)
    run = ended(Experiment(workspace, "tests").submit(config))
    assert stdout_of(run).strip() == str(128 << 20)
    assert any("not used: --privileged." in text for text in warnings_of(run))


def test_a_name_of_a_greater_machine_is_a_notice_when_it_is_made_or_changed_and_in_a_plan_but_not_with_each_run(
    workspace: Workspace, engine_url: str, tmp_path: Path
) -> None:
    configuration = DockerCompute.provisioning_configuration(vm_size="STANDARD_ND96AMSR_A100_V4", engine=engine_url)
    with pytest.warns(UserWarning, match="the machine has only"):
        target = ComputeTarget.create(workspace, "gpucluster", configuration)
    with pytest.warns(UserWarning, match="the machine has only") as caught:
        target.update(max_nodes=2)
    assert caught[0].filename == __file__, "the line that asked for it"
    run = ended(submit(workspace, tmp_path, "pass"))
    assert not any("the machine has only" in text for text in warnings_of(run))
    config = ScriptRunConfig(tmp_path / "source", "train.py", compute_target=target, environment=as_it_is())
    planned = plan_document(workspace, "tests", config.to_request())["plan"]["environment"]["warnings"]
    assert ["the machine has only" in text for text in planned].count(True) == 1


def test_a_node_without_gpus_by_description_runs_what_asks_for_some(
    workspace: Workspace, engine_url: str, tmp_path: Path
) -> None:
    """So that notebooks from machines with GPUs run as they are."""
    workspace.layout.settings.open("a").write('[vm_sizes]\nSTANDARD_NC6 = { cpus = 1, memory = "512m", gpus = 0 }\n')
    configuration = DockerCompute.provisioning_configuration(vm_size="STANDARD_NC6", engine=engine_url)
    ComputeTarget.create(workspace, "gpucluster", configuration)
    run = ended(submit(workspace, tmp_path, "print('without')", gpus=1))
    assert stdout_of(run) == "without\n"
    assert any("it runs without" in text for text in warnings_of(run))


class TestTheNetwork:
    @pytest.fixture
    def network(self, engine: docker.DockerClient, session_label: str) -> str:
        """A network that the engine has, as long as nobody removes it."""
        name = f"traindock-test-{secrets.token_hex(6)}"
        engine.networks.create(name, labels=dict([session_label.split("=")]), internal=True)
        return name

    def test_is_one_that_the_engine_has(
        self, workspace: Workspace, engine_url: str, cluster: DockerCompute, network: str, tmp_path: Path
    ) -> None:
        cluster.update(network=network)
        run = ended(submit(workspace, tmp_path, "print('connected')"))
        assert stdout_of(run) == "connected\n", run.get_details()
        for mode in ("bridge", "none"):
            cluster.update(network=mode)

    def test_that_there_is_not_is_refused_when_the_target_is_made_or_changed(
        self, workspace: Workspace, engine_url: str, cluster: DockerCompute
    ) -> None:
        says = r"network='nope', and the container engine has no network .*bridge.*none.*`docker network create nope`"
        with pytest.raises(ComputeTargetException, match=says):
            cluster.update(network="nope")
        assert cluster.settings["network"] is None
        configuration = DockerCompute.provisioning_configuration(engine=engine_url, network="nope")
        with pytest.raises(ComputeTargetException, match=says):
            ComputeTarget.create(workspace, "other", configuration)

    def test_that_has_gone_since_is_refused_at_submit(
        self, workspace: Workspace, cluster: DockerCompute, network: str, tmp_path: Path, engine: docker.DockerClient
    ) -> None:
        cluster.update(network=network)
        engine.networks.get(network).remove()
        with pytest.raises(ComputeTargetException, match=rf"'gpucluster' has network='{network}', and .* no network"):
            submit(workspace, tmp_path, "pass")
        assert list(Run.list(workspace)) == []

    def test_that_goes_after_the_submit_fails_the_run_with_the_same_words(
        self,
        workspace: Workspace,
        cluster: DockerCompute,
        network: str,
        tmp_path: Path,
        engine: docker.DockerClient,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        cluster.update(network=network)
        with monkeypatch.context() as patch:
            patch.setattr(publishing, "follow_up", lambda *_: None)  # no dispatcher yet
            run = submit(workspace, tmp_path, "pass")
        engine.networks.get(network).remove()
        start.ensure(workspace.layout)
        assert f"'gpucluster' has network='{network}', and the container engine has no" in ended(run).record.detail
