"""Checks of ``traindock doctor`` that concern the compute targets of a workspace."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from traindock.cli.check_engines import described
from traindock.cli.findings import Finding
from traindock.errors import TraindockError

if TYPE_CHECKING:
    from traindock.compute_target import ComputeTarget
    from traindock.workspace import Workspace


def examine(workspace: Workspace) -> Iterator[Finding]:
    """Yield whether each compute target but "local" can be used now, and what its owner should know of it."""
    from traindock.compute_target import ComputeTarget

    with warnings.catch_warnings(record=True) as unknown:
        warnings.simplefilter("always")
        try:
            targets = ComputeTarget.list(workspace)
        except TraindockError as error:
            yield Finding("compute targets", "FAIL", str(error))
            return
    for warning in unknown:
        yield Finding("compute targets", "warn", str(warning.message))
    yield from (_target(target) for target in targets if target.name != "local")


def _target(target: ComputeTarget) -> Finding:
    check = f"compute {target.name}"
    try:
        notices = target.check()
        text = _described(target)
    except TraindockError as error:
        return Finding(check, "FAIL", str(error))
    if notices:
        return Finding(check, "warn", f"{text}; {'; '.join(notices)}")
    return Finding(check, "ok", text)


def _described(target: ComputeTarget) -> str:
    nodes = target.backend().max_nodes
    text = f"{target.kind}, {nodes} node{'s' if nodes != 1 else ''}"
    if target.kind != "docker":
        return text
    from traindock.compute.docker.engine import connect

    return f"{text}, at {target.settings['engine']}: {described(connect(target.settings['engine']).facts())}"
