"""The rows about containers: what they compare with, what they count, and that they are skipped without an engine."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
NOWHERE = "unix:///nowhere/docker.sock"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY))


def container_rows() -> Iterable[str]:
    from benchmarks.__main__ import MODULES
    from benchmarks.harness import ROWS

    for module in MODULES:
        import_module(f"benchmarks.{module}")
    return [name for name in ROWS if name.startswith("container-")]


def test_without_an_engine_each_row_is_skipped_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.harness import ROWS, Bench

    monkeypatch.setenv("TRAINDOCK_TEST_ENGINE", NOWHERE)
    names = container_rows()
    assert {"container-first-line", "container-queue", "container-prepare-unchanged"} <= set(names)
    for name in names:
        bench = Bench(tmp_path, sys.executable)
        assert list(ROWS[name](bench)) == []
        assert bench.notes == [
            f"containers were not measured: no container engine answers at {NOWHERE} (as root: .ci/engine start)"
        ]


def test_without_the_docker_command_there_is_nothing_to_compare_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.containers import containers_of, engines
    from benchmarks.harness import Bench

    monkeypatch.setattr(engines, "find", lambda: NOWHERE)
    monkeypatch.setenv("PATH", str(tmp_path))
    bench = Bench(tmp_path, sys.executable)
    with containers_of(bench) as found:
        assert found is None
    assert bench.notes == ["containers were not measured: there is no docker command to compare with"]


def test_an_engine_that_goes_away_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.containers import containers_of, engines
    from benchmarks.harness import Bench

    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(engines, "find", lambda: NOWHERE)
    monkeypatch.setenv("PATH", str(tmp_path))
    bench = Bench(tmp_path, sys.executable)
    with containers_of(bench) as found:
        assert found is None
    assert len(bench.notes) == 1
    assert "no such socket" in bench.notes[0]


BODY: dict[str, Any] = {
    "User": "1000:100",
    "HostConfig": {
        "Init": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "ShmSize": 2 << 30,
        "NetworkMode": "default",
        "ReadonlyRootfs": False,
        "PidsLimit": 100,
    },
}


def test_docker_run_gets_the_limits_of_the_job() -> None:
    from benchmarks.containers import run_options

    plain = [
        *("--user", "1000:100", "--shm-size", "2147483648", "--network", "default", "--init"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "100"),
    ]
    assert run_options(BODY) == plain
    more = {
        "ReadonlyRootfs": True,
        "GroupAdd": ["7", "8"],
        "Memory": 5,
        "MemorySwap": 5,
        "NanoCpus": 1_500_000_000,
        "UsernsMode": "host",
        "Tmpfs": {"/tmp": "rw,exec"},
    }
    options = run_options({**BODY, "HostConfig": {**BODY["HostConfig"], **more}})
    assert " ".join(options[7:]) == (
        "--read-only --cap-drop ALL --security-opt no-new-privileges --group-add 7 --group-add 8 --pids-limit 100 "
        "--memory 5 --memory-swap 5 --cpus 1.5 --userns host --tmpfs /tmp:rw,exec"
    )


def test_the_first_line_says_when_the_script_began() -> None:
    from benchmarks.container_timeline import first_line

    assert first_line("12.5\nmore\n") == 12.5


def test_a_slot_is_idle_from_one_end_to_the_next_beginning() -> None:
    from benchmarks.container_timeline import idle_times

    alone = ["1.0\n2.0\n", "2.5\n3.0\n", "4.0\n5.0\n"]
    assert idle_times(alone, 1) == [500, 1000]
    # The second slot is free first; the third run takes it, and the fourth what is free next.
    beside = ["0.0\n9.0\n", "0.5\n2.0\n", "2.25\n4.0\n", "4.5\n8.0\n"]
    assert idle_times(reversed(beside), 2) == [250, 500]
    assert idle_times(beside[:2], 2) == []
