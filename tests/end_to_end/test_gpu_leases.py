"""GPUs of one machine are shared by workspaces that know nothing of each other, and never by two runs at once.

The devices are invented (``TRAINDOCK_GPU_DEVICES=fake-0,fake-1``); leases, locks and processes are real.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.conftest import (
    Submit,
    dispatcher_of,
    end_everything_in,
    kill,
    make_workspace,
    processes_of,
    submitter,
    wait_for,
)

from traindock import ComputeTarget, ComputeTargetException, LocalCompute, PyTorch, Run, Workspace
from traindock.cli.main import main
from traindock.compute.leases import Leases

pytestmark = pytest.mark.slow

DEVICES = ("fake-0", "fake-1")

HOLD = """
    import os, sys, time
    folder, seconds = sys.argv[1], float(sys.argv[2])
    device = os.environ["CUDA_VISIBLE_DEVICES"]
    assert device.startswith("fake-") and "," not in device, device
    marker = f"{folder}/{device}"
    # Fails where another run is using the same device.
    os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    print("using", device)
    end = time.monotonic() + seconds
    while time.monotonic() < end and not os.path.exists(f"{folder}/go"):
        time.sleep(0.01)
    os.unlink(marker)
"""


@pytest.fixture(autouse=True)
def two_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", ",".join(DEVICES))


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


@pytest.fixture
def wide(workspace: Workspace) -> Workspace:
    ComputeTarget.create(workspace, "wide", LocalCompute.provisioning_configuration(max_nodes=8))
    return workspace


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Workspace]:
    other = make_workspace(tmp_path / "other")
    ComputeTarget.create(other, "wide", LocalCompute.provisioning_configuration(max_nodes=8))
    yield other
    end_everything_in(other)


def stdout(run: Run) -> str:
    try:
        return (run.path / "driver" / "stdout.txt").read_text()
    except FileNotFoundError:
        return ""


def using(run: Run) -> str:
    return stdout(run).partition("using ")[2].strip()


def held() -> set[str]:
    return {device for device, holder in Leases().holders().items() if holder is not None}


def test_eight_runs_of_two_workspaces_share_two_devices_one_at_a_time(
    wide: Workspace, other: Workspace, tmp_path: Path, marks: Path
) -> None:
    (tmp_path / "more").mkdir()
    ours, theirs = submitter(wide, tmp_path), submitter(other, tmp_path / "more")
    runs = [submit(HOLD, marks, 0.3, compute_target="wide", gpus=1) for _ in range(4) for submit in (ours, theirs)]
    for run in runs:
        run.wait_for_completion()
    assert dispatcher_of(wide).pid != dispatcher_of(other).pid
    assert {using(run) for run in runs} == set(DEVICES)
    assert not list(marks.iterdir())
    wait_for(lambda: not held(), "the devices to be free")


def test_a_run_gets_as_many_devices_as_it_asks_for_and_else_none(submit: Submit, wide: Workspace) -> None:
    script = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"
    both = submit(script, compute_target="wide", gpus=2)
    none = submit(script, compute_target="wide")
    both.wait_for_completion()
    none.wait_for_completion()
    assert sorted(stdout(both).strip().split(",")) == sorted(DEVICES)
    assert stdout(none) == "\n"


MIG_LIBRARY = """
class NVMLError(Exception):
    pass

def nvmlDeviceGetMigDeviceHandleByIndex(handle, number):
    if number > 1:
        raise NVMLError("not found")
    return number + 1

nvmlInit = nvmlShutdown = lambda: None
nvmlDeviceGetCount = lambda: 1
nvmlDeviceGetHandleByIndex = lambda index: index
nvmlDeviceGetUUID = lambda handle: "GPU-a" if handle == 0 else f"MIG-{handle}"
nvmlDeviceGetName = lambda handle: "Model MIG 1g.10gb"
nvmlDeviceGetMemoryInfo = lambda handle: type("Memory", (), {"total": 10 << 30})
NVML_DEVICE_MIG_ENABLE = 1
nvmlDeviceGetMigMode = lambda handle: [1, 1]
nvmlDeviceGetMaxMigDeviceCount = lambda handle: 7
nvmlSystemGetDriverVersion = lambda: "535.104.05"
nvmlSystemGetCudaDriverVersion_v2 = lambda: 12020
nvmlDeviceGetBrand = lambda handle: 14
"""


def test_the_parts_of_a_gpu_in_mig_mode_are_leased_one_by_one(
    submit: Submit, wide: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CUDA gets their own names. Here the driver's library is invented."""
    monkeypatch.delenv("TRAINDOCK_GPU_DEVICES")
    (tmp_path / "driver").mkdir()
    (tmp_path / "driver" / "pynvml.py").write_text(MIG_LIBRARY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "driver"))  # of the dispatcher
    library = ModuleType("pynvml")
    exec(MIG_LIBRARY, library.__dict__)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    script = """
        import os, sys, time
        print(os.environ["CUDA_VISIBLE_DEVICES"])
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.01)
    """
    runs = [submit(script, tmp_path / "go", compute_target="wide", gpus=1) for _ in range(2)]
    wait_for(lambda: all(stdout(run) for run in runs), "both to run at once")
    assert held() == {"MIG-1", "MIG-2"}
    main(["doctor"])
    told = capsys.readouterr().out
    for number, run in zip(("0:0", "0:1"), sorted(runs, key=stdout), strict=True):
        assert f"GPU {number}" in told
        assert f"Model MIG 1g.10gb, 10 GiB ({stdout(run).strip()}): held by {run.id}" in told
    (tmp_path / "go").touch()
    for run in runs:
        run.wait_for_completion()
    assert {stdout(run) for run in runs} == {"MIG-1\n", "MIG-2\n"}


def test_a_waiting_run_says_who_holds_the_devices_even_in_another_workspace(
    submit: Submit, wide: Workspace, other: Workspace, tmp_path: Path, marks: Path
) -> None:
    (tmp_path / "more").mkdir()
    submit_there = submitter(other, tmp_path / "more")
    holders = [submit_there(HOLD, marks, 60, compute_target="wide", gpus=1) for _ in DEVICES]
    for holder in holders:
        wait_for(lambda holder=holder: using(holder), "a device to be taken")
    run = submit(HOLD, marks, 60, compute_target="wide", gpus=1)
    detail = wait_for(lambda: run.get_detailed_status()["details"], "the run to say what it waits for")
    assert "1 of 2 GPUs" in detail
    assert all(holder.id in detail for holder in holders)
    (marks / using(holders[0])).unlink()  # its script cannot, when it is ended
    holders[0].cancel()
    wait_for(lambda: using(run), "the run to get the device that became free")
    assert using(run) == using(holders[0])
    for left in (run, holders[1]):
        left.cancel()
        left.wait_for_completion()


def test_a_killed_dispatcher_takes_no_device_from_its_jobs(submit: Submit, wide: Workspace, marks: Path) -> None:
    runs = [submit(HOLD, marks, 60, compute_target="wide", gpus=1) for _ in range(3)]
    wait_for(lambda: sum(bool(using(run)) for run in runs) == 2, "both devices to be taken")
    kill(dispatcher_of(wide))
    assert held() == set(DEVICES), "the launchers hold them"
    (marks / "go").touch()
    for run in runs:
        run.wait_for_completion()
    wait_for(lambda: not held(), "the devices to be free")


def test_a_killed_launcher_frees_its_device_for_the_next_run(submit: Submit, wide: Workspace, marks: Path) -> None:
    first = submit(HOLD, marks, 60, compute_target="wide", gpus=1)
    second = submit(HOLD, marks, 60, compute_target="wide", gpus=1)
    wait_for(lambda: using(first) and using(second), "both devices to be taken")
    third = submit(HOLD, marks, 0, compute_target="wide", gpus=1)
    wait_for(lambda: third.get_detailed_status()["details"], "the third run to wait")
    (marks / using(first)).unlink()  # its script cannot, when it is killed
    [launcher] = [
        process
        for process in processes_of(wide)
        if str(wide.layout.run(first.id).launch_json) in (process.info["cmdline"] or [])
    ]
    kill(launcher)
    third.wait_for_completion()
    assert using(third) == using(first)
    first.wait_for_completion(raise_on_error=False)
    assert first.reason is not None
    assert first.reason.value == "lost"
    second.cancel()
    second.wait_for_completion()


def test_a_device_outlives_its_script_only_as_long_as_the_scripts_children(
    submit: Submit, wide: Workspace, marks: Path
) -> None:
    """A process that a script leaves behind may still use the device, so the launcher ends it first."""
    run = submit(
        """
        import os, sys, time
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
        """,
        compute_target="wide",
        gpus=2,
    )
    run.wait_for_completion()
    later = submit(HOLD, marks, 0, compute_target="wide", gpus=1)
    later.wait_for_completion()
    assert not [process for process in processes_of(wide) if "train.py" in str(process.info["cmdline"])]


def test_a_run_that_can_never_have_its_devices_is_refused_with_the_numbers(submit: Submit, wide: Workspace) -> None:
    with pytest.raises(ComputeTargetException, match="asks for 3 GPUs and this machine has 2"):
        submit("pass", compute_target="wide", gpus=3)
    assert list(Run.list(wide)) == []


def test_use_gpu_without_any_is_refused_at_submit_with_a_hint(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", "")
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("import os; print(repr(os.environ['CUDA_VISIBLE_DEVICES']))")
    from traindock import Experiment

    config = PyTorch(source, entry_script="train.py", use_gpu=True, user_managed=True, compute_target="local")
    with pytest.raises(ComputeTargetException, match=r"use_gpu=False.*gpu='optional'"):
        Experiment(workspace, "tests").submit(config)
    assert list(Run.list(workspace)) == []
    ComputeTarget.create(workspace, "either-way", LocalCompute.provisioning_configuration(gpu="optional"))
    config = PyTorch(source, entry_script="train.py", use_gpu=True, user_managed=True, compute_target="either-way")
    run = Experiment(workspace, "tests").submit(config)
    warnings = [warning["message"] for warning in run.wait_for_completion(show_output=True)["warnings"]]
    assert stdout(run) == "''\n"
    told = "the run asks for 1 GPU and this machine has 0: it runs without, as compute target 'either-way' allows"
    assert told in warnings[0]
    assert told in capsys.readouterr().out
    assert told in (run.path / "driver" / "build.txt").read_text()
    words = ["--workspace", str(workspace.layout.root), "--compute", "either-way", "--gpu", "1", "--dry-run"]
    assert main(["submit", *words, str(source / "train.py")]) == 0
    assert told in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="no NVIDIA driver on this machine")
def test_a_real_device_is_leased_by_its_uuid(submit: Submit, wide: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRAINDOCK_GPU_DEVICES")
    listed = subprocess.run(
        ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"], capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip(f"the driver names no device: {listed.stdout.strip()}")
    run = submit("import os; print(os.environ['CUDA_VISIBLE_DEVICES'])", compute_target="wide", gpus=1)
    run.wait_for_completion()
    assert stdout(run).strip() in listed.stdout.split()
