"""From what people type to the workspace and the runs they mean."""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from traindock.cli.output import note
from traindock.errors import RunNotFoundException, UserErrorException, WorkspaceException

if TYPE_CHECKING:
    from traindock.run import Run
    from traindock.workspace import Workspace

_SUGGESTED: Final = 5


def open_workspace(args: argparse.Namespace, *, tell: bool = False) -> Workspace:
    """Open the workspace that the command line means.

    Args:
        args: the command line.
        tell: say so if it is the default workspace and was made just now, as commands do that put something into it.

    Raises:
        WorkspaceException: there is none, or it cannot be opened; the text says why.
    """
    from traindock.workspace import Workspace

    began = time.time()
    with notes_from_prints(None) as printed:
        if args.workspace is None:
            workspace = Workspace.from_config()
            if tell and workspace.record.created >= began:
                note(args, printed.getvalue().rstrip("\n"))
            return workspace
        path = Path(args.workspace).expanduser()
        if (path / "workspace.json").is_file():
            return Workspace(path)
        if path.is_file():
            return Workspace.from_config(path)
        if "/" in args.workspace or args.workspace in (".", "..", "~"):
            raise WorkspaceException(
                f"there is no workspace in {path.absolute()}: name its folder, its config.json, or the workspace"
            )
        return Workspace.get(args.workspace)


def look_after(workspace: Workspace) -> None:
    """Start the dispatcher if a run has no end yet and nobody works on it: whoever looks at it wants it to go on."""
    from traindock.dispatcher import start

    if workspace.index.has_unfinished():
        start.ensure(workspace.layout)


@contextlib.contextmanager
def notes_from_prints(args: argparse.Namespace | None) -> Iterator[io.StringIO]:
    """Turn what the SDK prints for people into notes, so that stdout has nothing but the command's result.

    Args:
        args: the command line; None leaves it to the caller, who gets what is printed.
    """
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            yield printed
    finally:
        text = printed.getvalue().rstrip("\n")
        if text and args is not None:
            note(args, text)


def find_run(args: argparse.Namespace, workspace: Workspace, text: str) -> Run:
    """Return the run that ``text`` means; see the command's help.

    Raises:
        RunNotFoundException: there is none, or there are several.
    """
    from traindock.run import Run

    return Run.get(workspace, _find_id(args, workspace, text))


def find_runs(args: argparse.Namespace, workspace: Workspace, texts: Sequence[str]) -> list[Run]:
    """Return the runs that ``texts`` mean, each once, in their order."""
    return list(dict.fromkeys(find_run(args, workspace, text) for text in texts))


def _find_id(args: argparse.Namespace, workspace: Workspace, text: str) -> str:
    from traindock.store.run_records import run_ids

    if text == "last":
        return _newest(args, workspace, None)
    experiment, colon, number = text.rpartition(":")
    if colon and number == "last":
        return _newest(args, workspace, experiment)
    if colon:
        return _numbered(args, workspace, experiment, number)
    ids = run_ids(workspace.layout)
    if text in ids:
        return text
    found = sorted(run_id for run_id in ids if text and (run_id.startswith(text) or run_id.endswith(text)))
    if len(found) == 1:
        return found[0]
    if not found:
        raise RunNotFoundException(
            f"there is no run {text!r} in workspace {workspace.name!r} ({workspace.layout.root}): "
            f"{command(args, 'runs')} lists those there are"
        )
    more = f" and {len(found) - _SUGGESTED} more" if len(found) > _SUGGESTED else ""
    raise RunNotFoundException(
        f"{len(found)} runs have ids that begin or end with {text!r}: {', '.join(found[:_SUGGESTED])}{more}; give more"
    )


def _newest(args: argparse.Namespace, workspace: Workspace, experiment: str | None) -> str:
    from traindock.store.index import RunQuery

    rows = workspace.index.runs(RunQuery(experiment=experiment, top_level=True, limit=1))
    if not rows:
        place = f"workspace {workspace.name!r} ({workspace.layout.root})"
        if experiment is not None:
            place = f"experiment {experiment!r} of {place}"
        raise RunNotFoundException(f"there is no run in {place} yet: submit one with '{command(args, 'submit')}'")
    return rows[0].id


def _numbered(args: argparse.Namespace, workspace: Workspace, experiment: str, number: str) -> str:
    from traindock.store.index import RunQuery

    if not (experiment and number.isascii() and number.isdigit()):
        raise UserErrorException(
            f"'{experiment}:{number}' is no run: use an id, EXPERIMENT:NUMBER, EXPERIMENT:last, or last"
        )
    # SQLite holds no greater numbers.
    rows = workspace.index.runs(RunQuery(experiment=experiment, number=min(int(number[:19]), 2**63 - 1), limit=1))
    if rows:
        return rows[0].id
    known = workspace.index.experiments()
    if experiment not in known:
        names = ", ".join(known) or "none yet"
        raise RunNotFoundException(
            f"experiment {experiment!r} has no runs in workspace {workspace.name!r}; these have: {names}"
        )
    raise RunNotFoundException(
        f"experiment {experiment!r} has no run {number}: it has {known[experiment]}; "
        f"{command(args, 'runs', '--experiment', experiment)} lists them"
    )


def command(args: argparse.Namespace, *words: str) -> str:
    """Return a command line that does something next in this very workspace, for people to copy."""
    named = ["--workspace", args.workspace] if args.workspace else []
    return shlex.join([args.parser.program, *named, *words])
