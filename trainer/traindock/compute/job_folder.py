"""A job's own folder, the same for every kind that sees the host's files: its working directory and launch request."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from traindock import runtime, snapshot
from traindock.compute.base import Job, LaunchError, Plan
from traindock.compute.injection import inject, injected_folder
from traindock.compute.variables import expanded
from traindock.errors import StoreException
from traindock.store.copying import may_pass
from traindock.store.files import write_json

#: Stands in a plan's command for the interpreter, until the environment is ready.
_PYTHON: Final = "{python}"


def command_of(job: Job) -> tuple[str, ...]:
    """Return the job's command line, with a placeholder for the interpreter of a script or a notebook."""
    spec = job.spec
    if spec.script is None and spec.notebook is None:
        return spec.command
    bootstrap = Path(runtime.__file__).with_name("bootstrap.py").name
    return (
        _PYTHON,
        str(injected_folder(job.workspace) / "traindock" / bootstrap),
        "--error",
        str(job.layout.error_json),
        "--lost",
        str(job.layout.lost_output),
        *(("--", spec.script, *spec.arguments) if spec.script is not None else ("--notebook", str(spec.notebook))),
    )


def with_python(command: Sequence[str], python: str) -> tuple[str, ...]:
    """Return the command line with the interpreter in place of :func:`command_of`'s placeholder."""
    return tuple(python if word == _PYTHON else word for word in command[:1]) + tuple(command[1:])


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes and threads out that do the same with ``folder``.

    Raises:
        StoreException: the folder cannot be opened.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreException(f"cannot open {folder}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def lay_out(job: Job) -> None:
    """Make the working directory anew: a fresh copy of the snapshot, with ``outputs`` and ``logs``.

    Raises:
        StoreException: the disk refuses for now.
        LaunchError: it will never do.
    """
    layout = job.layout
    inject(job.workspace)
    try:
        if layout.work.exists():
            shutil.rmtree(layout.work)
        _materialise(job)
        for folder, link in ((layout.work / "outputs", layout.outputs), (layout.work / "logs", layout.logs)):
            folder.mkdir(exist_ok=not folder.is_symlink())
            if not link.is_symlink():
                link.symlink_to(folder.relative_to(layout.root))
        write_json(
            layout.facts_json,
            {
                "display_name": job.facts["display_name"],
                "tags": dict(job.facts["tags"]),
                "properties": dict(job.facts["properties"]),
                "arguments": list(job.spec.arguments),
                "target": job.spec.compute_target,
                "snapshot": job.spec.snapshot,
            },
            durable=False,
        )
        layout.stdout.touch(mode=0o600)
    except OSError as error:
        text = f"cannot lay out the working directory of {job.run_id}: {error}"
        if may_pass(error):
            raise StoreException(text) from error
        raise LaunchError(text) from error


def write_launch_request(
    job: Job,
    plan: Plan,
    environment: Mapping[str, str],
    *,
    held_fds: Sequence[int] = (),
    leases: Sequence[tuple[str, str]] = (),
    own_group: bool = False,
) -> None:
    """Write ``launch.json``: what ``runtime.launcher`` is to do.

    Args:
        job: the run.
        plan: with the environment's interpreter in its command.
        environment: all variables of the job.
        held_fds: descriptors that the launcher inherits and keeps.
        leases: lock files of GPUs with their tokens, for a launcher that cannot inherit.
        own_group: whether the job has its control group for itself.
    """
    layout = job.layout
    write_json(
        layout.launch_json,
        {
            "run_id": job.run_id,
            "attempt": job.attempt,
            "argv": expanded(job.spec, plan.command, environment),
            "cwd": plan.cwd,
            "env": dict(environment),
            "stdout": str(layout.stdout),
            "lock": str(layout.launch_lock),
            "started": str(layout.started_json),
            "exit": str(layout.exit_json),
            "error": str(layout.error_json),
            "lost": str(layout.lost_output),
            "grace_seconds": plan.limits["grace_seconds"],
            "max_seconds": plan.limits["max_seconds"],
            "held_fds": list(held_fds),
            "own_group": own_group,
            "leases": [list(lease) for lease in leases],
        },
        durable=False,  # who finds no job after a power failure writes it anew
    )


def _materialise(job: Job) -> None:
    try:
        snapshot.materialise(job.spec.snapshot, job.layout.work, layout=job.workspace)
    except StoreException as error:
        if may_pass(error):
            raise
        raise LaunchError(f"what was submitted cannot be restored: {error}") from error
