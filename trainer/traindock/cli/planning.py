"""``traindock submit --plan``: what a submit would do, found out without doing it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock.cli.output import plain
from traindock.cli.text import clean, duration, pairs, size
from traindock.names import check_name

if TYPE_CHECKING:
    from traindock.submit import Request
    from traindock.workspace import Workspace

_FILES = 20


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
    spec = checked_spec(request, target.name)
    kind = backend(target.name, target.kind, target.settings)
    settings = workspace.settings
    kind.check(spec, settings)
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


def plan_lines(document: dict[str, Any]) -> list[str]:
    """Return the plan for people to read."""
    plan, source = document["plan"], document["source"]
    environment = plan["environment"]
    limits = plan["limits"]
    count = len(source["files"])
    facts: list[tuple[str, object]] = [
        ("Experiment", document["experiment"]),
        ("Compute target", f"{document['compute_target']} ({plan['kind']})"),
        ("Command", shlex.join(plan["command"])),
        ("Folder", plan["cwd"]),
        ("Environment", " ".join(filter(None, (environment.get("action"), environment.get("why"))))),
        ("Recipe", json.dumps(plain(document["recipe"]))),
        ("Key", str(environment.get("key", ""))[:12]),
        ("GPUs", plan["gpus"] or "none"),
        ("At most", duration(limits.get("max_seconds"))),
        ("Source", f"{source['folder']}: {count} file{'s' * (count != 1)}, {size(source['bytes'])}"),
    ]
    facts += [("Warning", text) for text in environment.get("warnings", ())]
    lines = ["Nothing was submitted. This would be done:", *pairs(facts, "  "), "Variables"]
    lines += pairs(sorted(plan["variables"].items()), "  ")
    files = list(source["files"].items())
    lines += ["Files", *(f"  {size(bytes_):>10}  {clean(name)}" for name, bytes_ in files[:_FILES])]
    if len(files) > _FILES:
        lines.append(f"  and {len(files) - _FILES} more")
    return lines + [f"Warning: {clean(text)}" for text in source["warnings"]]
