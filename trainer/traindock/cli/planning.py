"""What ``traindock submit --plan`` prints."""

from __future__ import annotations

import json
import shlex
from typing import Any

from traindock.cli.text import clean, duration, pairs, size
from traindock.documents import plain

_FILES = 20


def plan_lines(document: dict[str, Any]) -> list[str]:
    """Return the plan for people to read."""
    plan, source = document["plan"], document["source"]
    environment = plan["environment"]
    limits = plan["limits"]
    count = source["count"]
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
        ("Source", f"{source['folder']}: {count:,} file{'s' * (count != 1)}, {size(source['bytes'])}"),
    ]
    facts += [("Warning", text) for text in environment.get("warnings", ())]
    lines = ["Nothing was submitted. This would be done:", *pairs(facts, "  "), "Variables"]
    lines += pairs(sorted(plan["variables"].items()), "  ")
    files = list(source["files"].items())
    lines += [
        "Files" if count <= _FILES else "Largest files",
        *(f"  {size(bytes_):>10}  {clean(name)}" for name, bytes_ in files[:_FILES]),
    ]
    if count > _FILES:
        lines.append(f"  and {count - _FILES:,} more")
    return lines + [f"Warning: {clean(text)}" for text in source["warnings"]]
