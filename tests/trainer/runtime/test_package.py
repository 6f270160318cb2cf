"""The package as jobs get it: under the name ``traindock``, for old Pythons too, and quick to import."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import traindock.errors
from traindock import runtime
from traindock.runtime import errors

RUNTIME = Path(runtime.__file__).parent
PYTHONS = ["3.8.18", "3.9.18", "3.10.13", "3.12.1", "3.13.0"]

SMOKE = """
import math, os
from traindock import Model, Run, UserErrorException
import traindock, traindock.errors

run = Run.get_context()
run.log("loss", 0.5)
assert type(run).__name__ == "OfflineRun", run
run.register_model("net", "outputs/")
os.makedirs("azureml-models/net/1")
open("azureml-models/net/1/net.pt", "wb").close()
assert Model.get_model_path("net") == "azureml-models/net/1/net.pt"
os.environ["TRAINDOCK_RUN_ID"] = "e_1_2"
os.environ["TRAINDOCK_METRICS_DIR"] = os.path.abspath("metrics")
import traindock.context
traindock.context._current = None
run = Run.get_context(allow_offline=False)
for n in range(3):
    run.log("loss", n / 2)
    run.log("acc", n / 4, step=n)
    run.log("epoch", n)
run.log("nan", math.nan)
run.log("big", 2**70)
run.log_list("list", [1, math.inf])
run.log_row("row", a=1)
run.log_table("table", {"a": [1, 2]})
run.tag("a", 1)
open("x.png", "wb").close()
run.log_image("image", path="x.png")
if os.fork() == 0:
    run.log("loss", 9.5)
    os._exit(0)
os.wait()
found = run.get_metrics()
assert found["loss"] == [0, 0.5, 1, 9.5], found
assert found["acc"] == [0, 0.25, 0.5] and found["epoch"] == [0, 1, 2], found
assert math.isnan(found["nan"]) and found["big"] == 2**70 and found["list"] == [1, math.inf], found
assert run.metrics.summary()["acc"] == (0.5, 0.0, 0.5, 3) and run.metrics.points("acc").steps == [0, 1, 2]
assert os.path.samefile(str(run.path), os.getcwd()), run.path
assert found["row"] == {"a": 1} and found["table"] == {"a": [1, 2]}, found
try:
    run.log("x", [1])
except UserErrorException as error:
    assert type(error) is traindock.errors.UserErrorException
    assert isinstance(error, (ValueError, traindock.TraindockError))
else:
    raise AssertionError
try:
    from traindock import Workspace
except ImportError as error:
    assert "not available inside a job" in str(error) and "Run" in str(error), error
else:
    raise AssertionError
assert not hasattr(traindock, "__wrapped__")
assert set(traindock.__all__) <= set(dir(traindock))
print("fine")
"""


@pytest.fixture
def injected(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH, as jobs get it."""
    (tmp_path / "injected" / "traindock").mkdir(parents=True)
    for file in RUNTIME.glob("*.py"):
        shutil.copyfile(file, tmp_path / "injected" / "traindock" / file.name)
    return tmp_path / "injected"


@pytest.mark.parametrize("version", ["this", *PYTHONS])
def test_it_works_under_other_pythons(version: str, injected: Path, tmp_path: Path) -> None:
    python = Path.home() / f".pyenv/versions/{version}/bin/python"
    if version == "this":
        python = Path(sys.executable)
    elif not python.exists():
        pytest.skip(f"no Python {version} here")
    script = tmp_path / "script.py"
    script.write_text(SMOKE)
    done = subprocess.run(
        [python, "-W", "error", "-S", script],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(injected), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout.splitlines()[-1:], done.stderr, done.returncode) == (["fine"], "", 0)


@pytest.mark.slow
def test_it_asks_for_nothing_newer_than_python_3_8() -> None:
    vermin = pytest.importorskip("vermin", reason="vermin is not installed")
    assert vermin
    done = subprocess.run(
        [sys.executable, "-c", "from vermin.main import main; main()", "-t=3.8-", "--no-tips", "-vvv", str(RUNTIME)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


def test_importing_it_loads_little(injected: Path) -> None:
    """What is slow to import is loaded where it is used: a script may never need it."""
    code = (
        "import sys; before = set(sys.modules); from traindock import Run; Run.get_context; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(injected)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    slow = {"json", "re", "typing", "inspect", "dataclasses", "threading", "uuid", "shutil", "subprocess", "logging"}
    assert not loaded & (slow | {"numpy", "contextlib", "pathlib", "tempfile"})


def test_its_errors_are_those_of_the_whole_package() -> None:
    for name in errors.__all__:
        if name != "from_reply":
            assert getattr(errors, name) is getattr(traindock.errors, name)


def test_inside_a_job_its_errors_have_the_same_names_bases_and_codes(injected: Path) -> None:
    code = (
        "import traindock.errors as e\n"
        "for name in sorted(set(e.__all__) - {'from_reply'}):\n"
        "    kind = getattr(e, name)\n"
        "    print(name, kind.__module__, kind.code, *[base.__name__ for base in kind.__bases__])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(injected)}, capture_output=True, text=True, check=True
    )
    outside = []
    for name in sorted(set(errors.__all__) - {"from_reply"}):
        kind = getattr(traindock.errors, name)
        outside.append(" ".join([name, kind.__module__, kind.code, *[base.__name__ for base in kind.__bases__]]))
    assert done.stdout.splitlines() == outside


def test_every_public_name_can_be_had() -> None:
    assert sorted(runtime.WHERE) == sorted(runtime.__all__)
    for name in runtime.__all__:
        assert getattr(runtime, name).__name__ == name
