"""``traindock models``."""

from __future__ import annotations

import argparse

from traindock.cli import model_aliases, parsers
from traindock.cli.finding import command, find_run, open_workspace
from traindock.cli.output import emit, note, tabulate
from traindock.cli.text import Column, moment, size
from traindock.documents import model_document
from traindock.errors import ModelNotFoundException
from traindock.names import check_name


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock models`` understands."""
    parser.teach(
        """
        List the registered models, the latest version of each; or all versions of one. An alias is a name, such as
        production, that stands for one version of a model until it is moved.
        """,
        """
        traindock models
        traindock models pt-dnn
        traindock models --run last --all
        traindock models pt-dnn:3 --set-alias production
        traindock models pt-dnn --roll-back production
        traindock models pt-dnn --history
        """,
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="all versions of this model")
    parser.add_argument("--all", action="store_true", dest="all_versions", help="all versions of all models")
    parser.add_argument(
        "--tag", action="append", type=parsers.tag, default=[], metavar="K[=V]", help="only versions with this tag"
    )
    parser.add_argument("--run", metavar="RUN", dest="run_name", help="only versions registered from this run")
    parser.add_argument("--alias", metavar="ALIAS", help="only the version that this name stands for")
    model_aliases.configure(parser)


def run(args: argparse.Namespace) -> int:
    """Print the list."""
    from traindock.model import Model
    from traindock.store import model_records

    if model_aliases.asked(args):
        return model_aliases.run(args)
    workspace = open_workspace(args)
    if args.name is not None:
        check_name("model", args.name)
    if args.alias is not None:
        check_name("alias", args.alias)
    found = Model.list(
        workspace,
        name=args.name,
        run_id=find_run(args, workspace, args.run_name).id if args.run_name else None,
        latest=not (args.all_versions or args.name or args.alias),
    )
    wanted = dict(args.tag)
    found = [
        model
        for model in found
        if args.alias in (None, *model.aliases)
        and all(name in model.tags and value in (None, model.tags[name]) for name, value in wanted.items())
    ]
    if args.name is not None and not found and not (wanted or args.run_name or args.alias):
        Model(workspace, args.name)  # says which models there are
        raise ModelNotFoundException(f"there is no model {args.name!r}")
    for name in [args.name] if args.name is not None else model_records.names(workspace.layout):
        if hidden := model_records.damaged(workspace.layout, name):
            note(args, hidden)
    if args.json:
        emit({"models": [model_document(model) for model in found]})
        return 0
    if not found:
        note(args, f"no such models; register one: {command(args, 'register', 'last', 'my-model', 'outputs/')}")
        return 0
    columns = [
        Column("NAME", least=8),
        Column("VERSION", right=True),
        Column("ALIASES", least=10, rank=1),
        Column("REGISTERED", rank=2),
        Column("FILES", right=True, rank=3),
        Column("SIZE", right=True, rank=4),
        Column("RUN", least=14, rank=1),
        Column("TAGS", least=8, rank=5),
    ]
    rows = [
        [
            model.name,
            model.version,
            ", ".join(model.aliases),
            moment(model.created_time.timestamp(), short=True),
            len(model.files),
            size(model.size),
            model.run_id or "",
            ", ".join(f"{name}={value}" for name, value in model.tags.items()),
        ]
        for model in found
    ]
    tabulate(columns, rows)
    return 0
