"""GPUs of containers: what is asked of a real engine, what its refusals become, and who has which device.

No GPU is needed. The devices are invented (``TRAINDOCK_GPU_DEVICES=fake-0,fake-1``), and a proxy leaves out of the
requests what a machine without NVIDIA's toolkit would refuse: leases, locks, mounts, launchers and containers are real.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from tests.conftest import dispatcher_of, end_everything_in, first_in_ci, kill, make_workspace, wait_for
from tests.docker.conftest import package_settings, remove_labelled
from tests.docker.engine_proxy import EngineProxy, in_front_of
from tests.docker.jobs import Submit, add_target, as_it_is, container_of, ended, stdout_of, submitter

from traindock import ComputeTarget, ComputeTargetException, Run, State, Workspace
from traindock.cli.main import main
from traindock.compute.docker.naming import GPUS
from traindock.compute.leases import Leases
from traindock.dispatcher import start
from traindock.states import Reason

DEVICES = ("fake-0", "fake-1")

HOLD = """
    import os, sys, time
    folder, seconds = sys.argv[1], float(sys.argv[2])
    devices = os.environ["NVIDIA_VISIBLE_DEVICES"].split(",")
    for device in devices:  # fails where another run is using the same one
        os.close(os.open(f"{folder}/{device}", os.O_CREAT | os.O_EXCL))
    print("using", ",".join(devices), flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end and not os.path.exists(f"{folder}/go"):
        time.sleep(0.01)
    for device in devices:
        os.unlink(f"{folder}/{device}")
"""


@pytest.fixture(autouse=True)
def two_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", ",".join(DEVICES))


@pytest.fixture
def proxy(engine_url: str) -> Iterator[EngineProxy]:
    """The engine, as if it gave GPUs. The path of a socket has to be short."""
    with tempfile.TemporaryDirectory(prefix="tdp-") as folder, in_front_of(engine_url, Path(folder, "s")) as made:
        yield made


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


@pytest.fixture
def submit(workspace: Workspace, proxy: EngineProxy, tmp_path: Path, marks: Path) -> Submit:
    add_target(workspace, proxy.url, max_nodes=8, mounts=[[str(marks), str(marks), False]])
    return submitter(workspace, tmp_path)


@pytest.fixture
def other(
    tmp_path: Path, engine: docker.DockerClient, base_image: str, proxy: EngineProxy, marks: Path
) -> Iterator[Workspace]:
    """Another workspace on the same machine and the same engine."""
    made = make_workspace(tmp_path / "other")
    with made.layout.settings.open("a") as settings:
        settings.write(f'[docker]\nbase_image = "{base_image}"\n{package_settings()}')
    add_target(made, proxy.url, max_nodes=8, mounts=[[str(marks), str(marks), False]])
    yield made
    end_everything_in(made)
    remove_labelled(engine, f"traindock.workspace={made.id}")


DRIVER_LIBRARY = """
class NVMLError(Exception):
    pass

nvmlInit = nvmlShutdown = lambda: None
nvmlDeviceGetCount = lambda: 0
nvmlSystemGetDriverVersion = lambda: "535.104.05"
nvmlSystemGetCudaDriverVersion_v2 = lambda: 12020
"""


def using(run: Run) -> str:
    return stdout_of(run).partition("using ")[2].strip()


def held() -> set[str]:
    return {device for device, holder in Leases().holders().items() if holder is not None}


def plan_of(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.path / "plan.json").read_text())
    return found


# ------------------------------------------------------------------------------------------------- what is asked


def test_devices_are_asked_for_by_name_and_their_leases_are_mounted(
    submit: Submit, proxy: EngineProxy, tmp_path: Path
) -> None:
    """And the job counts them anew, as CUDA does in a container."""
    environment = as_it_is()
    environment.environment_variables = {"NVIDIA_VISIBLE_DEVICES": "all"}
    run = ended(
        submit(
            """
            import os, sys
            print(os.environ["CUDA_VISIBLE_DEVICES"])
            try:
                open(sys.argv[1], "r+")
            except OSError as error:
                print(error.strerror)
            """,
            str(tmp_path / "leases" / "fake-0.lock"),
            gpus=2,
            environment=environment,
        )
    )
    assert run.record.state is State.COMPLETED, run.get_details()
    assert stdout_of(run).splitlines() == ["0,1", "Read-only file system"]
    [body] = [body for body in proxy.created if body["Labels"].get(GPUS)]
    [request] = body["HostConfig"]["DeviceRequests"]
    devices = request["DeviceIDs"]
    assert sorted(devices) == list(DEVICES)
    assert request == {"Driver": "nvidia", "DeviceIDs": devices, "Capabilities": [["gpu"]]}
    assert f"NVIDIA_VISIBLE_DEVICES={','.join(devices)}" in body["Env"]
    assert body["Labels"][GPUS] == ",".join(devices)
    leases = [mount for mount in body["HostConfig"]["Mounts"] if mount["Source"].endswith(".lock")]
    assert [mount["Source"] for mount in leases] == [str(Leases().folder / f"{name}.lock") for name in devices]
    assert all(mount["ReadOnly"] and mount["Source"] == mount["Target"] for mount in leases)
    assert plan_of(run)["request"]["body"]["HostConfig"]["DeviceRequests"] == [request]
    assert not held()


def test_an_engine_that_lists_its_devices_is_asked_by_cdi(submit: Submit, proxy: EngineProxy) -> None:
    proxy.info = {
        "CDISpecDirs": ["/etc/cdi"],
        "DiscoveredDevices": [{"Source": "cdi", "ID": f"nvidia.com/gpu={device}"} for device in DEVICES],
    }
    run = ended(submit("import os; print(os.environ['NVIDIA_VISIBLE_DEVICES'])", gpus=1))
    assert run.record.state is State.COMPLETED, run.get_details()
    host = plan_of(run)["request"]["body"]["HostConfig"]
    assert host["DeviceRequests"] == [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=fake-0"]}]
    assert stdout_of(run) == "void\n"


def test_where_one_way_is_not_there_the_next_one_is_tried(
    submit: Submit, proxy: EngineProxy, engine: docker.DockerClient
) -> None:
    """Here the toolkit's runtime, which the engine has, and no hook on its PATH."""
    proxy.info = {"Runtimes": {"runc": {}, "nvidia": {"path": "nvidia-container-runtime"}}}
    proxy.refuse_start = lambda body: (
        'could not select device driver "nvidia" with capabilities: [[gpu]]'
        if body["HostConfig"].get("DeviceRequests")
        else ""
    )
    run = ended(submit("import os; print(os.environ['NVIDIA_VISIBLE_DEVICES'])", gpus=1))
    assert run.record.state is State.COMPLETED, run.get_details()
    asked = [body["HostConfig"] for body in proxy.created if body["Labels"].get(GPUS)]
    assert ["DeviceRequests" in host for host in asked] == [True, False]
    assert [host.get("Runtime") for host in asked] == [None, "nvidia"]
    assert stdout_of(run) == "fake-0\n"
    wait_for(lambda: container_of(engine, run) is None, "the container to be removed")


def test_a_job_without_gpus_gets_none_whatever_the_engines_runtime_would_give(
    submit: Submit, proxy: EngineProxy
) -> None:
    names = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
    run = ended(submit(f"import os; print([os.environ[name] for name in {names}])"))
    assert stdout_of(run) == "['', 'void']\n"
    assert all("NVIDIA_VISIBLE_DEVICES=void" in body["Env"] for body in proxy.created)
    assert not any(body["HostConfig"].get("DeviceRequests") for body in proxy.created)


# ------------------------------------------------------------------------------------------- what becomes of refusals


def test_the_real_engines_refusal_names_the_toolkit_and_leaves_nothing(
    workspace: Workspace, engine_url: str, tmp_path: Path, engine: docker.DockerClient
) -> None:
    """It makes the container and refuses to start it."""
    if "nvidia" in engine.info()["Runtimes"]:
        pytest.skip("this engine has NVIDIA's toolkit")
    add_target(workspace, engine_url)
    run = ended(submitter(workspace, tmp_path)("print('never')", gpus=1))
    assert (run.record.state, run.record.reason) == (State.FAILED, Reason.NO_GPU_TOOLKIT), run.get_details()
    assert "nvidia-container-toolkit" in run.record.detail
    assert 'could not select device driver "nvidia" with capabilities: [[gpu]]' in run.record.detail
    assert plan_of(run)["request"]["body"]["HostConfig"]["DeviceRequests"][0]["DeviceIDs"] == ["fake-0"]
    assert container_of(engine, run) is None
    assert not held()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please",
            Reason.GPU_DRIVER_TOO_OLD,
        ),
        ("nvidia-container-cli: initialization error: nvml error: driver not loaded", Reason.GPU_DRIVER_UNUSABLE),
        ("something else altogether", Reason.LAUNCH_FAILED),
    ],
)
def test_other_refusals_have_their_own_reasons_and_leave_nothing_either(
    submit: Submit, proxy: EngineProxy, engine: docker.DockerClient, text: str, reason: Reason
) -> None:
    proxy.refuse_start = lambda body: text if body.get("Labels", {}).get(GPUS) else ""
    run = ended(submit("print('never')", gpus=1))
    assert (run.record.state, run.record.reason) == (State.FAILED, reason), run.get_details()
    assert text in run.record.detail
    assert container_of(engine, run) is None
    assert not held()
    proxy.refuse_start = lambda body: ""
    assert ended(submit("pass", gpus=2)).record.state is State.COMPLETED


def test_a_driver_that_is_too_old_for_the_image_is_named_where_the_engine_gives_the_devices_itself(
    submit: Submit,
    proxy: EngineProxy,
    engine: docker.DockerClient,
    base_image: str,
    session_label: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By CDI, where NVIDIA's runtime does not look. The driver's library is invented, too."""
    (tmp_path / "driver").mkdir()
    (tmp_path / "driver" / "pynvml.py").write_text(DRIVER_LIBRARY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "driver"))
    name = f"traindock-gpus/{tmp_path.name}".lower()
    label = session_label.replace("=", '="') + '"'
    dockerfile = f"FROM {base_image}\nENV NVIDIA_REQUIRE_CUDA=cuda>=12.4\nLABEL {label}\n"
    engine.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=name, rm=True, forcerm=True)
    proxy.info = {
        "CDISpecDirs": ["/etc/cdi"],
        "DiscoveredDevices": [{"Source": "cdi", "ID": f"nvidia.com/gpu={device}"} for device in DEVICES],
    }
    environment = as_it_is()
    environment.docker.base_image = name
    try:
        run = ended(submit("print('never')", gpus=1, environment=environment))
        assert (run.record.state, run.record.reason) == (State.FAILED, Reason.GPU_DRIVER_TOO_OLD), run.get_details()
        assert "(535.104.05, for CUDA up to 12.2) is too old for the image" in run.record.detail
        assert container_of(engine, run) is None
        assert not held()
        environment.environment_variables = {"NVIDIA_DISABLE_REQUIRE": "1"}
        assert ended(submit("pass", gpus=1, environment=environment)).record.state is State.COMPLETED
    finally:
        engine.images.remove(name, force=True)


def test_more_gpus_than_there_are_is_refused_at_submit_with_what_to_do(submit: Submit) -> None:
    with pytest.raises(ComputeTargetException, match=r"asks for 3 GPUs and this machine has 2: .*gpu='optional'"):
        submit("pass", gpus=3)


def test_an_engine_that_passes_over_devices_is_refused_at_submit(submit: Submit, proxy: EngineProxy) -> None:
    """Rather than to have the job compute without them."""
    proxy.version = {"Version": "4.9.3", "Components": [{"Name": "Podman Engine", "Version": "4.9.3"}]}
    with pytest.raises(ComputeTargetException, match=r"Podman .* gives containers no GPUs .*upgrade it to 5\.4"):
        submit("pass", gpus=1)


def test_where_gpus_are_optional_a_run_goes_without_and_says_so(
    workspace: Workspace, proxy: EngineProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", "")
    add_target(workspace, proxy.url, gpu="optional")
    run = ended(submitter(workspace, tmp_path)("import os; print(repr(os.environ['CUDA_VISIBLE_DEVICES']))", gpus=1))
    assert stdout_of(run) == "''\n"
    told = "the run asks for 1 GPU and this machine has 0: it runs without, as compute target 'containers' allows"
    assert any(told in warning for warning in run.record.warnings)


# ------------------------------------------------------------------------------------------------ who has a device


def test_eight_runs_of_two_workspaces_share_two_devices_one_at_a_time(
    submit: Submit, workspace: Workspace, other: Workspace, tmp_path: Path, marks: Path
) -> None:
    (tmp_path / "more").mkdir()
    theirs = submitter(other, tmp_path / "more")
    runs = [give(HOLD, str(marks), 0.3, gpus=1) for _ in range(4) for give in (submit, theirs)]
    for run in runs:
        assert ended(run).record.state is State.COMPLETED, run.get_details()
    assert dispatcher_of(workspace).pid != dispatcher_of(other).pid
    assert {using(run) for run in runs} == set(DEVICES)
    assert not list(marks.iterdir())
    wait_for(lambda: not held(), "the devices to be free")


def test_containers_and_processes_of_the_machine_share_the_devices(
    submit: Submit, workspace: Workspace, marks: Path, tmp_path: Path
) -> None:
    """Their locks are taken in different ways."""
    first = submit(HOLD, str(marks), 60, gpus=1)
    wait_for(lambda: using(first), "the container to have a device")
    (tmp_path / "local").mkdir()
    from tests.conftest import submitter as on_the_machine

    script = HOLD.replace("NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")
    here = on_the_machine(workspace, tmp_path / "local")
    second = here(script, str(marks), 60, gpus=1)
    wait_for(lambda: using(second), "the process to have the other one")
    assert {using(first), using(second)} == set(DEVICES)
    third = submit(HOLD, str(marks), 0, gpus=1)
    detail = wait_for(lambda: third.record.detail, "the third to say what it waits for")
    assert first.id in detail
    assert second.id in detail
    (marks / "go").touch()
    for run in (first, second, third):
        assert ended(run).record.state is State.COMPLETED, run.get_details()


def test_a_device_stays_taken_while_its_container_runs_though_the_dispatcher_is_killed(
    submit: Submit, other: Workspace, tmp_path: Path, marks: Path
) -> None:
    runs = [submit(HOLD, str(marks), 60, gpus=1) for _ in DEVICES]
    for run in runs:
        wait_for(lambda run=run: using(run), "a device to be taken")
    wait_for(lambda: all(run.record.state is State.RUNNING for run in runs), "the launch to be over")
    kill(dispatcher_of(runs[0].workspace))
    assert held() == set(DEVICES), "the launchers in the containers hold them"
    (tmp_path / "more").mkdir()
    third = submitter(other, tmp_path / "more")(HOLD, str(marks), 0, gpus=1)
    detail = wait_for(lambda: third.record.detail, "the third to wait")
    assert all(run.id in detail for run in runs)
    (marks / "go").touch()
    assert ended(third).record.state is State.COMPLETED, third.get_details()
    start.ensure(runs[0].workspace.layout)
    for run in runs:
        assert ended(run).record.state is State.COMPLETED, run.get_details()
    wait_for(lambda: not held(), "the devices to be free")


@pytest.mark.parametrize("point", first_in_ci(["docker.started", "docker.created", "dispatcher.after-launch"]))
def test_a_dispatcher_that_dies_at_a_step_of_the_launch_shares_no_device(
    submit: Submit,
    other: Workspace,
    point: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    marks: Path,
) -> None:
    """Others want the devices all the while, and each script runs once."""
    monkeypatch.setenv("TRAINDOCK_FAULT", f"{point}:kill")
    monkeypatch.setenv("TRAINDOCK_FAULT_ONCE", str(tmp_path / "once"))
    runs = [submit(HOLD, str(marks), 0.2, gpus=2)]
    wait_for((tmp_path / "once").exists, f"the dispatcher to come to {point}")
    monkeypatch.delenv("TRAINDOCK_FAULT")
    (tmp_path / "more").mkdir()
    theirs = submitter(other, tmp_path / "more")
    runs += [theirs(HOLD, str(marks), 0.2, gpus=2) for _ in range(2)]
    start.ensure(runs[0].workspace.layout)
    for run in runs[1:]:
        assert ended(run).record.state is State.COMPLETED, run.get_details()
    assert ended(runs[0]).record.state is State.COMPLETED, runs[0].get_details()
    assert not list(marks.iterdir())
    wait_for(lambda: not held(), "the devices to be free")


def test_a_container_whose_launcher_came_too_late_for_its_lease_runs_nothing(
    submit: Submit, other: Workspace, engine: docker.DockerClient, tmp_path: Path, marks: Path
) -> None:
    """Its dispatcher died before it had started it, somebody else leased the device, and only then it is started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINDOCK_FAULT", "docker.created:kill")
        patch.setenv("TRAINDOCK_FAULT_ONCE", str(tmp_path / "once"))
        late = submit(HOLD, str(marks), 0, gpus=2)
        wait_for((tmp_path / "once").exists, "the dispatcher to die")
    container = wait_for(lambda: container_of(engine, late), "its container")
    (tmp_path / "more").mkdir()
    present = submitter(other, tmp_path / "more")(HOLD, str(marks), 60, gpus=2)
    wait_for(lambda: using(present), "somebody else to have the devices")
    container.start()
    assert container.wait()["StatusCode"] == 77
    assert b"leased to somebody else since" in container.logs()
    assert not using(late)
    assert held() == set(DEVICES)
    (marks / "go").touch()
    ended(present)
    start.ensure(late.workspace.layout)
    assert ended(late).record.state is State.COMPLETED, late.get_details()


def made_and_not_started(submit: Submit, engine: docker.DockerClient, tmp_path: Path) -> tuple[Run, Any]:
    """Return a run whose dispatcher died between making and starting its container; and that container."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINDOCK_FAULT", "docker.created:kill")
        patch.setenv("TRAINDOCK_FAULT_ONCE", str(tmp_path / "once"))
        run = submit("print('executed')", gpus=2)
        wait_for((tmp_path / "once").exists, "the dispatcher to die")
    return run, wait_for(lambda: container_of(engine, run), "its container")


def waits_for(file: Path) -> Any:
    """What makes the launcher of a job wait until there is a file."""
    wait = ["/bin/sh", "-c", 'until [ -e "$0" ]; do sleep 0.02; done; exec "$@"', str(file)]
    return lambda asked: [*wait, *asked] if any(word.endswith("launcher.py") for word in asked) else asked


def test_a_run_is_queued_and_launched_again_where_its_container_comes_too_late_for_its_devices(
    submit: Submit, other: Workspace, engine: docker.DockerClient, proxy: EngineProxy, tmp_path: Path, marks: Path
) -> None:
    """It was started by the last words of a dispatcher that died, and the next one finds it running."""
    proxy.entrypoint = waits_for(marks / "launch")
    run, container = made_and_not_started(submit, engine, tmp_path)
    proxy.entrypoint = lambda asked: asked
    (tmp_path / "more").mkdir()
    present = submitter(other, tmp_path / "more")(HOLD, str(marks), 60, gpus=2)
    wait_for(lambda: using(present), "somebody else to have the devices")
    container.start()
    start.ensure(run.workspace.layout)
    log_file = run.workspace.layout.dispatcher_log
    wait_for(lambda: f"adopted {run.id}" in log_file.read_text(), "the next dispatcher to find it")
    (marks / "launch").touch()
    detail = wait_for(lambda: present.id in run.record.detail and run.record.detail, "the run to wait for its devices")
    assert "held: " in detail
    assert run.record.state is State.QUEUED
    (marks / "go").touch()
    assert ended(run).record.state is State.COMPLETED, run.get_details()
    assert stdout_of(run) == "executed\n"
    assert [change.state for change in run.record.history].count(State.RUNNING) == 1


def test_a_run_is_launched_again_where_its_old_container_is_started_just_as_it_is_to_be_removed(
    submit: Submit, other: Workspace, engine: docker.DockerClient, proxy: EngineProxy, tmp_path: Path, marks: Path
) -> None:
    proxy.entrypoint = waits_for(marks / "launch")
    run, container = made_and_not_started(submit, engine, tmp_path)
    proxy.entrypoint = lambda asked: asked
    (tmp_path / "more").mkdir()
    between = submitter(other, tmp_path / "more")("pass", gpus=2)
    assert ended(between).record.state is State.COMPLETED, between.get_details()
    asked: list[str] = []

    def start_late(method: str, path: str) -> None:
        if container.id in path or container.name in path:
            if not asked and method == "DELETE":
                container.start()
            elif asked:  # to look what became of the one that could not be removed
                (marks / "launch").touch()
            if asked or method == "DELETE":
                asked.append(method)

    proxy.before = start_late
    start.ensure(run.workspace.layout)
    assert ended(run).record.state is State.COMPLETED, run.get_details()
    assert (marks / "launch").exists()
    assert stdout_of(run) == "executed\n"


def test_a_device_is_not_given_away_while_a_container_has_it_without_a_launcher(
    submit: Submit, engine: docker.DockerClient, base_image: str, session_label: str, marks: Path
) -> None:
    """Nobody holds its lease: the engine's labels say so."""
    name, _, value = session_label.partition("=")
    left = engine.containers.run(
        base_image,
        ["sleep", "600"],
        labels={name: value, GPUS: "fake-0", "traindock.run": "left_behind", "traindock.user": "somebody"},
        detach=True,
        init=True,
    )
    try:
        one = ended(submit(HOLD, str(marks), 0, gpus=1))
        assert using(one) == "fake-1"
        both = submit(HOLD, str(marks), 0, gpus=2)
        detail = wait_for(lambda: both.record.detail, "the run to say what it waits for")
        assert "fake-0 by the container of run left_behind of somebody, which has not ended yet" in detail
        assert not held()
    finally:
        left.remove(force=True)
    assert ended(both).record.state is State.COMPLETED, both.get_details()


# ---------------------------------------------------------------------------------------------------- what is shown


def test_a_target_describes_devices_node_and_engine(
    workspace: Workspace, proxy: EngineProxy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_target(workspace, proxy.url, cpus=1.0, gpus_per_node=1)
    found = ComputeTarget(workspace, "containers").serialize()
    assert [device["uuid"] for device in found["devices"]] == list(DEVICES)
    assert found["node"] == {"cpus": 1.0, "memory_bytes": None, "gpus": 1}
    assert (found["engine"], found["trouble"]) == (proxy.url, "")
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["computes", "--workspace", str(workspace.layout.root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    [line] = [line for line in lines if line.startswith("containers")]
    assert "1 cpus, 1 GPU" in line
    assert found["engine_version"] in line


def test_a_target_describes_itself_also_while_its_engine_is_gone(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_target(workspace, "unix:///nowhere/docker.sock", vm_size="STANDARD_NC6", gpu="optional")
    found = ComputeTarget(workspace, "containers").serialize()
    assert found["node"] == {"cpus": 6.0, "memory_bytes": 56 << 30, "gpus": 1}
    assert found["engine_version"] is None
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["computes", "--workspace", str(workspace.layout.root)]) == 0
    out = capsys.readouterr().out
    assert "does not answer" in out
    assert "containers: " in out
    assert "/nowhere/docker.sock" in out
