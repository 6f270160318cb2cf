"""What a submit would send and launch, found out without doing it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from traindock.names import check_name

if TYPE_CHECKING:
    from traindock.source_tree import SourceFile
    from traindock.submit import Request
    from traindock.workspace import Workspace

#: Most files that a plan names; nobody reads more of them.
MOST_FILES: Final = 100


def plan_document(
    workspace: Workspace, experiment: str, request: Request, is_wanted: Callable[[], bool] = lambda: True
) -> dict[str, Any]:
    """Return what submitting ``request`` would send and launch.

    Args:
        workspace: where.
        experiment: of which experiment the run would be.
        request: what is asked for.
        is_wanted: whether anybody still waits for the plan; asked often, by the thread that makes it.

    Raises:
        UserErrorException: it can never work; the text says what to change, as it would at the submit itself.
        StoreException: as at the submit itself.
        GivenUp: nobody waits any more.
    """
    from traindock import publishing, snapshot
    from traindock.compute.base import Job
    from traindock.compute.kinds import backend
    from traindock.compute_target import ComputeTarget
    from traindock.masking import masked_spec
    from traindock.snapshot_checks import check_layout, check_script
    from traindock.source_tree import Scanner
    from traindock.submit import checked_spec

    check_name("experiment", experiment)
    target = ComputeTarget.of(workspace, request.compute_target)
    kind = backend(target.name, target.kind, target.settings)
    spec = checked_spec(request, target.name, interpreters_here=kind.interpreters_here)
    settings = workspace.settings
    target.check_run(spec)
    publishing.check(workspace)
    source = Path(request.source_directory)
    scanner = Scanner(source, workspace.layout.root, settings.snapshot.max_files, {}, is_wanted)
    tree = snapshot.content_of(scanner, settings.snapshot, request.added)
    snapshot.check_readable(tree.files)
    executed = spec.script if spec.script is not None else spec.notebook
    if executed is not None:
        check_script(tree, executed, source, workspace.layout.root)
    run_id = f"{experiment}_0000000000_00000000"
    check_layout(tree, workspace.layout.run(run_id).work)
    job = Job(
        run_id=run_id,
        attempt=1,
        spec=spec,
        layout=workspace.layout.run(run_id),
        workspace=workspace.layout,
        settings=settings,
        facts={
            "workspace": workspace.name,
            "workspace_id": workspace.id,
            "subscription_id": workspace.subscription_id,
            "resource_group": workspace.resource_group,
            "experiment": experiment,
            "number": 0,
            "parent": "",
            "display_name": "",
            "tags": {},
            "properties": {},
        },
    )
    recipe = masked_spec({"environment": spec.environment})["environment"]
    return {
        "experiment": experiment,
        "compute_target": target.name,
        "source": {
            "folder": str(source.resolve()),
            "files": _largest(tree.files),
            "count": len(tree.files),
            "bytes": tree.total_bytes,
            "stamp": tree.stamp(),
            "warnings": tree.warnings,
        },
        "recipe": {name: value for name, value in recipe.items() if value},
        "plan": kind.plan(job).to_json(),
    }


def _largest(files: Mapping[str, SourceFile]) -> dict[str, int]:
    """Return the sizes of the largest files, in bytes by name, the largest first."""
    largest = heapq.nsmallest(MOST_FILES, files, key=lambda name: (-files[name].status.st_size, name))
    return {name: files[name].status.st_size for name in largest}
