"""The options of ``traindock models`` that are about aliases."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from traindock.cli import parsers
from traindock.cli.finding import open_workspace
from traindock.cli.output import emit, note, say, tabulate
from traindock.cli.text import Column, clean, moment
from traindock.documents import alias_document, alias_move_document

if TYPE_CHECKING:
    from traindock.model import Model

_ACTIONS = ("set_alias", "remove_alias", "roll_back", "history")


def configure(parser: parsers.Parser) -> None:
    """Say which options there are."""
    group = parser.add_argument_group("aliases of one model").add_mutually_exclusive_group()
    group.add_argument(
        "--set-alias", metavar="ALIAS", help="have it stand for this version: NAME:VERSION, or the latest one of NAME"
    )
    group.add_argument("--remove-alias", metavar="ALIAS", help="have it stand for nothing")
    group.add_argument("--roll-back", metavar="ALIAS", help="have it stand for the version it stood for before")
    group.add_argument("--history", action="store_true", help="who moved them when, from where and whereto")


def asked(args: argparse.Namespace) -> bool:
    """Whether any of these options is given.

    Raises:
        NotUnderstood: one is, and no model is named, or something else that does not go with it.
    """
    given = [name for name in _ACTIONS if getattr(args, name)]
    if given and args.name is None:
        args.parser.error(f"--{given[0].replace('_', '-')} needs the NAME of a model")
    if given and (args.all_versions or args.tag or args.run_name or args.alias):
        args.parser.error(f"--{given[0].replace('_', '-')} goes with the NAME of a model alone")
    return bool(given)


def run(args: argparse.Namespace) -> int:
    """Do what one of the options says."""
    from traindock.model import Model
    from traindock.model_arguments import name_and_number
    from traindock.store import model_aliases, model_records

    workspace = open_workspace(args, tell=not args.history)
    name, version = name_and_number(args.name) if ":" in args.name else (args.name, None)
    model = Model(workspace, name, version=version)
    if args.history:
        if hidden := model_records.damaged(workspace.layout, name):
            note(args, hidden)
        return _tell_history(args, model)
    if args.set_alias:
        model.set_alias(args.set_alias)
        alias = args.set_alias
    elif args.remove_alias:
        Model(workspace, name, version=version, alias=args.remove_alias).remove_alias(args.remove_alias)
        alias = args.remove_alias
    else:
        Model(workspace, name, version=version, alias=args.roll_back).roll_back_alias(args.roll_back)
        alias = args.roll_back
    now = model_aliases.load(workspace.layout, name).get(alias)
    if args.json:
        emit({"alias": None if now is None else alias_document(now)})
    elif now is None:
        say(clean(f"{alias} of {name} stands for nothing any more"))
    else:
        back = "" if now.previous is None else f"; --roll-back {alias} goes back to version {now.previous}"
        say(clean(f"{alias} of {name} stands for version {now.version}{back}"))
    return 0


def _tell_history(args: argparse.Namespace, model: Model) -> int:
    moves = model.alias_history()
    if args.json:
        emit({"moves": [alias_move_document(move) for move in moves]})
        return 0
    if not moves:
        note(args, f"no alias of {model.name} was ever set")
        return 0
    columns = [Column("ALIAS", least=10), Column("FROM", right=True), Column("TO", right=True)]
    columns += [Column("WHEN", rank=2), Column("BY", least=6, rank=1), Column("", rank=3)]
    rows = [
        [
            move.alias,
            move.previous or "",
            move.version or "removed",
            moment(move.time),
            move.by,
            "rolled back" if move.rolled_back else "",
        ]
        for move in moves
    ]
    tabulate(columns, rows)
    return 0
