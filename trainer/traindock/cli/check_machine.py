"""Checks of ``traindock doctor`` that concern this machine and user, whatever the workspace."""

from __future__ import annotations

import platform as machine
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

from traindock.cli.findings import Finding
from traindock.cli.text import duration
from traindock.compute.node_shapes import memory_text

_PATIENCE = 10.0


def python() -> Finding:
    """The interpreter."""
    return Finding("Python", "ok", f"{machine.python_version()} ({sys.executable})")


def platform() -> Finding:
    """The operating system."""
    words = f"{machine.system()} {machine.release()} {machine.machine()}"
    if sys.platform == "win32":
        return Finding("platform", "FAIL", words, "run Traindock in WSL2: 'wsl --install', then install it there")
    if sys.platform not in ("linux", "darwin"):
        return Finding("platform", "warn", words, "Traindock is made for Linux and macOS")
    return Finding("platform", "ok", words)


def uv() -> Finding:
    """The program that builds environments."""
    from traindock.errors import EnvironmentBuildException
    from traindock.images.uv import find_uv

    try:
        path = find_uv()
    except EnvironmentBuildException as error:
        return Finding("uv", "FAIL", str(error), "pip install uv")
    version = _first_line([path, "--version"])
    if version is None:
        return Finding("uv", "FAIL", f"{path} does not answer to --version", "pip install --force-reinstall uv")
    return Finding("uv", "ok", f"{version} ({path})")


def git() -> Finding:
    """Git, which only adds to what is known about a run."""
    path = shutil.which("git")
    version = _first_line([path, "--version"]) if path else None
    if version is None:
        return Finding("git", "warn", "not found", "install git, so that runs record the commit they came from")
    return Finding("git", "ok", version)


def gpus() -> Iterator[Finding]:
    """Driver, devices, and who holds them."""
    from traindock.compute.devices import VARIABLE, ask_driver_of_itself, in_mig_mode_without_devices, list_gpus
    from traindock.compute.leases import Leases
    from traindock.errors import StoreException

    devices = list_gpus()
    asked = ask_driver_of_itself()
    driver = asked and (asked.version or "of unknown version")
    for uuid in in_mig_mode_without_devices():
        yield Finding(
            "GPUs",
            "warn",
            f"{uuid} is in MIG mode and has no MIG device, so that no run can use it",
            "make some (`sudo nvidia-smi mig -cgi PROFILE -C`), or turn MIG off (`sudo nvidia-smi -mig 0`)",
        )
    if not devices:
        without = f"driver {driver}, but no device that jobs may use" if driver else "no NVIDIA driver"
        advice = f"look at nvidia-smi and at the variable {VARIABLE}" if driver else ""
        yield Finding("GPUs", "warn" if driver else "ok", f"{without}: runs use the processor", advice)
        return
    try:
        holders = Leases().holders()
    except StoreException as error:
        yield Finding("GPUs", "FAIL", str(error))
        return
    yield Finding("GPUs", "ok", f"{len(devices)} device{'s' if len(devices) > 1 else ''}, driver {driver or 'unknown'}")
    for gpu in devices:
        holder = holders.get(gpu.uuid)
        memory = f", {memory_text(gpu.memory_bytes)}" if gpu.memory_bytes else ""
        yield Finding(f"GPU {gpu.number}", "ok", f"{gpu.name}{memory} ({gpu.uuid}): {_holder(holder)}")


def signing_key() -> Finding:
    """The key that makes a run one of this user's."""
    from traindock.errors import StoreException
    from traindock.store.signing import key_fingerprint

    try:
        return Finding("signing key", "ok", f"readable by you alone, fingerprint {key_fingerprint()}")
    except (StoreException, OSError) as error:
        return Finding("signing key", "FAIL", str(error))


def _holder(holder: dict[str, object] | None) -> str:
    if holder is None:
        return "free"
    run = holder.get("run") or holder.get("run_id") or "somebody who does not say"
    since = holder.get("since")
    age = f", for {duration(time.time() - since)}" if isinstance(since, (int, float)) else ""
    return f"held by {run} of {holder.get('user', '?')} in workspace {holder.get('workspace', '?')}{age}"


def _first_line(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    lines = done.stdout.strip().splitlines()
    return lines[0] if done.returncode == 0 and lines else None
