"""``traindock doctor``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from traindock.cli import parsers
from traindock.cli.output import emit, say
from traindock.cli.text import clean, width_of

if TYPE_CHECKING:
    from traindock.cli.findings import Finding


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock doctor`` understands."""
    parser.teach(
        """
        Look at this machine and at the workspace, say in one line each what is well (ok), what may get in the way
        (warn) and what does (FAIL), and what to do about it. Mends nothing. Exits with 1 if something FAILs.
        """,
        """
        traindock doctor
        traindock doctor --json | jq '.checks[] | select(.level != "ok")'
        """,
    )


def run(args: argparse.Namespace) -> int:
    """Print the findings."""
    findings = list(_examine(args))
    failed = any(finding.level == "FAIL" for finding in findings)
    if args.json:
        emit({"ok": not failed, "checks": [finding.to_json() for finding in findings]})
        return int(failed)
    longest = max(width_of(finding.check) for finding in findings)
    for finding in findings:
        advice = f" -> {clean(finding.advice)}" if finding.advice else ""
        say(f"{finding.level:<4}  {finding.check:<{longest}}  {clean(finding.message)}{advice}")
    return int(failed)


def _examine(args: argparse.Namespace) -> Iterator[Finding]:
    from traindock.cli import check_machine

    yield check_machine.python()
    yield check_machine.platform()
    if sys.platform == "win32":
        return  # nothing below can even be imported there
    from traindock.cli import check_engines, check_workspace
    from traindock.cli.finding import open_workspace
    from traindock.cli.findings import Finding
    from traindock.errors import TraindockError

    yield check_machine.uv()
    yield check_machine.git()
    yield from check_machine.gpus()
    engines = check_engines.look()
    yield from check_engines.examine(engines)
    yield check_machine.signing_key()
    try:
        workspace = open_workspace(args)
    except TraindockError as error:
        yield Finding("workspace", "FAIL", str(error))
        return
    yield from check_workspace.examine(args, workspace)
    yield from check_engines.next_step(args, workspace, engines)
