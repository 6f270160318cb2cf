"""Checks of ``traindock doctor`` that concern container engines, whether or not a compute target has one yet."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from traindock.cli.finding import command
from traindock.cli.findings import Finding
from traindock.errors import EngineException, TraindockError

if TYPE_CHECKING:
    from traindock.compute.docker.addresses import Candidate
    from traindock.compute.docker.facts import EngineFacts
    from traindock.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Looked:
    """An engine that was looked at.

    Attributes:
        candidate: where, and what says so.
        default: whether new compute targets get it where they name no other.
        facts: what it says of itself; None where it cannot be used.
        trouble: why not, with what to do.
    """

    candidate: Candidate
    default: bool
    facts: EngineFacts | None
    trouble: str = ""


def look() -> list[Looked]:
    """Look at all engines that are named or have a socket at a customary place; ask those that this user may ask."""
    from traindock.compute.docker.addresses import candidates, find_address

    try:
        default = find_address(os.environ).url
    except EngineException:
        default = ""
    return [_looked(candidate, default) for candidate in candidates(os.environ)]


def examine(engines: Sequence[Looked]) -> Iterator[Finding]:
    """Yield what there is to say about each engine: its version, whether this user may use it, and GPUs."""
    if not engines:
        yield _none()
        return
    usable, has_default = (any(engine.facts for engine in engines), any(engine.default for engine in engines))
    for engine in engines:
        check = f"engine {engine.candidate.name}"
        if engine.facts is None:
            # Whoever has another one need not care.
            matters = engine.default or not usable or (engine.candidate.named and not has_default)
            yield Finding(check, "warn" if matters else "ok", engine.trouble)
        else:
            yield _usable(check, engine, engine.facts)


def next_step(args: argparse.Namespace, workspace: Workspace, engines: Sequence[Looked]) -> Iterator[Finding]:
    """Yield the command that makes a compute target of containers, where there is none and an engine to make it on."""
    from traindock.compute_target import ComputeTarget

    usable = sorted((engine for engine in engines if engine.facts is not None), key=lambda engine: not engine.default)
    try:
        made = any(target.kind == "docker" for target in ComputeTarget.list(workspace))
    except TraindockError:
        return  # told by the checks of the compute targets
    if made or not usable:
        return
    named = () if usable[0].default else ("--engine", usable[0].candidate.url)
    create = command(args, "computes", "create", "gpucluster", "--max-nodes", "1", *named)
    yield Finding("containers", "ok", "no compute target of this workspace has containers yet", create)


def _looked(candidate: Candidate, default: str) -> Looked:
    from traindock.compute.docker.engine import connect

    is_default = candidate.url == default != ""
    if candidate.trouble is not None:
        return Looked(candidate, is_default, None, str(candidate.trouble))
    try:
        return Looked(candidate, is_default, connect(candidate.url).facts())
    except EngineException as error:
        return Looked(candidate, is_default, None, str(error))


def _usable(check: str, engine: Looked, facts: EngineFacts) -> Finding:
    from traindock.compute.devices import list_gpus
    from traindock.compute.docker.gpus import handing_over

    text = f"{described(facts)}, at {engine.candidate.url}"
    if engine.default:
        text += "; new compute targets get it where they name no other"
    devices = [gpu.uuid for gpu in list_gpus()]
    if not devices:
        return Finding(check, "ok", f"{text}; the machine has no GPUs to give to containers")
    works, how = handing_over(facts, devices)
    if works:
        return Finding(check, "ok", f"{text}; gives GPUs to containers {how}")
    return Finding(check, "warn", f"{text}; gives no GPUs to containers as far as can be told", how)


def described(facts: EngineFacts) -> str:
    """Return what an engine is, and which limits it applies."""
    limits = ", ".join(sorted(facts.applies)) or "nothing"
    return f"{'Podman' if facts.kind.is_podman else 'Docker'} {facts.version} ({facts.kind}), which limits {limits}"


def _none() -> Finding:
    check, message = "container engines", "none is running: runs go to local compute targets alone"
    if shutil.which("dockerd") or shutil.which("docker"):
        start = "start the one that is installed: sudo systemctl start docker (or: systemctl --user start docker)"
        return Finding(check, "warn", message, start)
    if shutil.which("podman"):
        return Finding(check, "warn", message, "let Podman answer: systemctl --user start podman.socket")
    install = (
        "sudo apt-get install docker.io, or as your system has it" if sys.platform == "linux" else "Docker or Colima"
    )
    return Finding(check, "ok", message, f"to have runs in containers, install an engine: {install}")
