"""``traindock submit``."""

from __future__ import annotations

import argparse
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from traindock.cli import endings, parsers, submit_options
from traindock.cli.finding import command, notes_from_prints, open_workspace
from traindock.cli.logs import detached
from traindock.cli.output import emit, note, say
from traindock.cli.planning import plan_lines
from traindock.cli.text import clean
from traindock.documents import run_document
from traindock.errors import Detached
from traindock.names import experiment_like
from traindock.planning import plan_document

if TYPE_CHECKING:
    from traindock.run import Run


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock submit`` understands."""
    parser.teach(
        """
        Send a script to a compute target and return at once: the run goes on without this terminal. Its folder is
        sent along, apart from what .amlignore, else .gitignore, leaves out; the script is executed in a copy of it,
        and what it writes to ./outputs is kept. Options come before the script; all that follows it is the script's.
        A notebook (.ipynb) is executed cell by cell, and kept with its outputs in ./outputs.
        """,
        """
        traindock submit train.py --epochs 30
        traindock submit --wait --experiment digits --tag kind=baseline train.py
        traindock submit --pip torch --pip 'numpy<2' --gpu 1 train.py
        traindock submit --framework-version 2.1 --compute gpu-box pytorch/train.py --lr 0.01
        traindock submit --source . --command -- python -m mypackage.train --epochs 30
        traindock submit --gpu 1 explore.ipynb
        traindock submit --plan train.py                what would be done, without doing it
        """,
    )
    # Everything after the first word that is no option goes to the script, also what looks like an option.
    parser.mixed = False
    parser.stray = "there is no option {}: what belongs to the script comes after the script's name"
    parser.usage = "%(prog)s [options] script.py|notebook.ipynb [script's own arguments …]"
    what = parser.add_argument_group("what")
    what.add_argument("--source", metavar="DIR", help="the folder to send (default: the script's own)")
    what.add_argument("--command", action="store_true", dest="is_command", help="run a command in place of a script")
    submit_options.add_options(parser, "the source folder")
    then = parser.add_argument_group("then")
    then.add_argument("--wait", action="store_true", help="show its output until it ends; exit with 3 if it failed")
    then.add_argument("--plan", "--dry-run", action="store_true", help="print what would be done, and do nothing")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="script.py", help="the script and its arguments")


def run(args: argparse.Namespace) -> int:
    """Submit, or say what would be."""
    submitted = published(args)
    if submitted is None:
        return 0
    if args.wait:
        return _wait(args, submitted)
    if args.json:
        emit(run_document(submitted))
        return 0
    record = submitted.record
    say(f"Submitted run {record.number} of {record.experiment}: {record.id}")
    say(f"Folder: {clean(submitted.path)}")
    say(f"Follow it: {clean(command(args, 'logs', '-f', record.id))}")
    return 0


def published(args: argparse.Namespace) -> Run | None:
    """Submit and return the run; or say what would be done, and return None."""
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        args.parser.error("name the script" if not args.is_command else "give the command")
    _warn_of_options(args, words[1:])
    if args.wait and args.plan:
        args.parser.error("--plan starts nothing that --wait could wait for")
    source, script = _source(args, words)
    config = submit_options.configuration(args, source, words, script)
    name = args.experiment if args.experiment is not None else experiment_like(Path(source).resolve().name)
    workspace = open_workspace(args, tell=True)
    from traindock.compute_target import ComputeTarget

    is_local = ComputeTarget.of(workspace, args.compute).kind == "local"
    if told := submit_options.torch_note(config.to_request(), is_local=is_local):
        note(args, told)
    if args.plan:
        document = plan_document(workspace, name, config.to_request())
        emit(document) if args.json else say(plan_lines(document))
        return None
    from traindock.experiment import Experiment

    with notes_from_prints(args):
        return Experiment(workspace, name).submit(config, tags=dict(args.tag), display_name=args.name)


def _warn_of_options(args: argparse.Namespace, words: list[str]) -> None:
    """Say of words that look like options of this command that they are the script's."""
    own = {option for action in args.parser._actions for option in action.option_strings if len(option) > 2}
    before = takewhile(lambda word: word != "--", words)
    meant = [word for word in before if word.partition("=")[0] in own - {"--help"}]
    if meant and not args.is_command:
        told = f"after the script's name goes to the script; an option of {args.parser.prog} comes before it"
        note(args, f"{', '.join(meant)} {told}")


def _source(args: argparse.Namespace, words: list[str]) -> tuple[str, str | None]:
    """Return the folder to send, and the script's path in it (None for a command)."""
    if args.is_command:
        return args.source or ".", None
    script = Path(words[0]).expanduser()
    if args.source is None:
        return str(script.parent), script.name
    source = Path(args.source).expanduser()
    if not script.is_absolute() and (source / script).is_file():
        return str(source), str(script)
    # "--source . src/train.py" and "--source src src/train.py" both mean the file that the shell completed.
    try:
        return str(source), str(script.resolve().relative_to(source.resolve()))
    except ValueError:
        return str(source), words[0]


def _wait(args: argparse.Namespace, submitted: Run) -> int:
    try:
        submitted.wait_for_completion(show_output=not args.json, raise_on_error=False)
    except (Detached, KeyboardInterrupt):
        raise detached(args, submitted) from None
    record = submitted.record
    if args.json:
        emit(run_document(submitted))
    elif endings.exit_code(record.state) == endings.RUN_FAILED:
        note(args, f"traindock: {endings.next_step(submitted)}")
    return endings.exit_code(record.state)
