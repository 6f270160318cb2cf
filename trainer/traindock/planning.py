"""What a submit would send and launch, found out without doing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock.names import check_name

if TYPE_CHECKING:
    from traindock.submit import Request
    from traindock.workspace import Workspace


def plan_document(workspace: Workspace, experiment: str, request: Request) -> dict[str, Any]:
    """Return what submitting ``request`` would send and launch.

    Raises:
        UserErrorException: it can never work; the text says what to change, as it would at the submit itself.
    """
    from traindock.compute.base import Job
    from traindock.compute.kinds import backend
    from traindock.compute_target import ComputeTarget
    from traindock.masking import masked_spec
    from traindock.source_tree import Scanner
    from traindock.submit import checked_spec

    check_name("experiment", experiment)
    target = ComputeTarget.of(workspace, request.compute_target)
    kind = backend(target.name, target.kind, target.settings)
    spec = checked_spec(request, target.name, interpreters_here=kind.interpreters_here)
    settings = workspace.settings
    target.check_run(spec)
    tree = Scanner(Path(request.source_directory), workspace.layout.root, settings.snapshot.max_files, {}).scan()
    run_id = f"{experiment}_0000000000_00000000"
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
    recipe = masked_spec({"environment": request.recipe.to_json()})["environment"]
    return {
        "experiment": experiment,
        "compute_target": target.name,
        "source": {
            "folder": str(Path(request.source_directory).resolve()),
            "files": {name: file.status.st_size for name, file in sorted(tree.files.items())},
            "bytes": sum(file.status.st_size for file in tree.files.values()),
            "warnings": tree.warnings,
        },
        "recipe": {name: value for name, value in recipe.items() if value},
        "plan": kind.plan(job).to_json(),
    }
