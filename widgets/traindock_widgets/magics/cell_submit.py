"""From a cell to a run."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock.cli import submit_options
from traindock.cli.finding import notes_from_prints, open_workspace
from traindock.cli.output import emit, note, say
from traindock.cli.planning import plan_lines
from traindock.compute_target import ComputeTarget
from traindock.errors import UserErrorException
from traindock.experiment import Experiment
from traindock.names import experiment_like
from traindock.planning import plan_document
from traindock_widgets.magics import cell_names, cell_options, cell_script, cell_syntax, values
from traindock_widgets.magics.watching import watch

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from traindock.run import Run


def execute(shell: InteractiveShell, words: Sequence[str], body: str) -> None:
    """Send a cell, put the run into a variable, and show its card.

    Args:
        shell: whose cell it is.
        words: of the magic's line.
        body: what stands below it.

    Raises:
        NotUnderstood: the words make no sense.
        UserErrorException: the cell cannot be sent; nothing was.
        ActivityFailedException: the run was waited for, and failed.
        SystemExit: the words ask for help, which is printed.
    """
    args = cell_options.parse(words)
    submitted = _submitted(shell, args, body)
    if submitted is not None:
        shell.user_ns[args.var] = submitted
        watch(submitted, wait=args.wait)


def _submitted(shell: InteractiveShell, args: argparse.Namespace, body: str) -> Run | None:
    source = _source(args)
    script = cell_script.free_name(cell_script.SCRIPT, source)
    module = cell_script.free_name(cell_script.VALUES, source)
    text = cell_script.numbered(body, cell_script.lines_above(_raw_cell(shell, body)))
    cell_syntax.check(text)
    names = list(dict.fromkeys(args.passed))
    values.check(names, shell.user_ns)
    uses = cell_names.first_uses(text)
    text = cell_script.with_values(text, names, Path(module).stem)
    workspace = open_workspace(args, tell=True)
    is_local = ComputeTarget.of(workspace, args.compute).kind == "local"
    own_python = is_local and not submit_options.asks_for_packages(args)
    if not args.unchecked:
        _check(text, shell.user_ns, source, own_python=own_python)
    with tempfile.TemporaryDirectory(prefix="traindock-cell-") as folder:
        made = Path(folder, "made")
        empty = Path(folder, "source")
        made.mkdir()
        empty.mkdir()
        (made / script).write_text(text, "utf-8")
        passed = values.pickled(names, shell.user_ns, made / module, uses) if names else values.Passed()
        _check_modules(passed, source, own_python=own_python)
        config = submit_options.configuration(
            args,
            str(source or empty),
            [script, *cell_options.script_arguments(args)],
            script,
            added={each.name: each for each in made.iterdir()},
        )
        request = config.to_request()
        name = args.experiment if args.experiment is not None else _experiment_name(shell)
        texts = [
            submit_options.torch_note(request, is_local=is_local),
            *values.notes(passed, request.recipe, own_python=own_python),
        ]
        if unused := cell_names.unused(text, Path(module).stem):
            texts.append(f"--with passes {', '.join(unused)}, which the cell does not use")
        for told in filter(None, texts):
            note(args, told)
        if args.plan:
            document = plan_document(workspace, name, request)
            document["source"]["folder"] = "the cell" if source is None else f"the cell, with {source}"
            emit(document) if args.json else say(plan_lines(document))
            return None
        with notes_from_prints(args):
            return Experiment(workspace, name).submit(config, tags=dict(args.tag), display_name=args.name)


def _source(args: argparse.Namespace) -> Path | None:
    if args.source is None:
        return None
    folder = Path(args.source).expanduser()
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise UserErrorException(f"--source {args.source} {what} (looked for in {Path.cwd()})")
    return folder


def _raw_cell(shell: InteractiveShell, body: str) -> str:
    """Return the whole cell as it was typed; "" where this one is not of those."""
    typed = shell.history_manager.input_hist_raw[-1] if shell.history_manager is not None else ""
    return typed if typed.rstrip().endswith(body.rstrip()) else ""


def _check(text: str, notebook: Mapping[str, Any], source: Path | None, *, own_python: bool) -> None:
    """Check that the run will have all that the cell uses.

    Raises:
        UserErrorException: it will not; the text has names and lines, and what to do about each.
    """
    found = [
        *cell_names.missing_names(text, notebook),
        *cell_names.missing_modules(text, source, own_python=own_python),
    ]
    if not found:
        return
    lines = "\n".join(f"    {each}" for each in found)
    passable = [each.name for each in found if each.passable]
    together = f"\nAll of these values: --with {','.join(passable)}" if len(passable) > 1 else ""
    raise UserErrorException(
        f"the cell uses what its run will not have. Nothing was sent.\n{lines}{together}\n"
        "--unchecked sends it as it is."
    )


def _check_modules(passed: values.Passed, source: Path | None, *, own_python: bool) -> None:
    """Check that what values are made of is sent with them.

    Raises:
        UserErrorException: it is not.
    """
    for name, packages in passed.packages.items():
        for package in sorted(packages):
            if advice := cell_names.not_sent(package, source, own_python=own_python):
                raise UserErrorException(f"--with {name}: to read it takes the module {package}; {advice}")


def _experiment_name(shell: InteractiveShell) -> str:
    """Return the name of the notebook, as far as it is known, else that of the folder, made one for experiments."""
    for path in (shell.user_ns.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")):
        if isinstance(path, str) and path.endswith(".ipynb"):
            return experiment_like(Path(path).stem)
    return experiment_like(Path.cwd().name)
