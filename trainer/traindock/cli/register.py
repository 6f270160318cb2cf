"""``traindock register``."""

from __future__ import annotations

import argparse

from traindock.cli import parsers
from traindock.cli.finding import find_run, notes_from_prints, open_workspace
from traindock.cli.output import emit, say
from traindock.cli.text import clean, size
from traindock.documents import model_document


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock register`` understands."""
    parser.teach(
        """
        Make a file or a folder the next version of a model: of a run's files, as 'traindock show RUN' lists them
        (without PATH, the file or folder that is called like the model), or, with --file, of your own.
        """,
        """
        traindock register last pt-dnn outputs/
        traindock register digits:3 digits outputs/model.pt --tag accuracy=0.93
        traindock register last pt-dnn outputs/ --alias production
        traindock register --file ./model.pt pt-dnn --description "trained elsewhere"
        """,
    )
    parser.usage = "%(prog)s [options] RUN NAME [PATH]\n       %(prog)s [options] --file PATH NAME"
    parser.add_argument(
        "words", metavar="RUN NAME [PATH]", nargs="+", help="the run, the model's name, what of the run"
    )
    parser.add_argument("--file", metavar="PATH", help="a file or folder of yours, in place of a run's")
    parser.add_argument("--tag", action="append", type=parsers.assignment, default=[], metavar="K=V", help="a tag")
    parser.add_argument(
        "--property", action="append", type=parsers.assignment, default=[], metavar="K=V", help="never to be changed"
    )
    parser.add_argument("--description", metavar="TEXT", help="what it is")
    parser.add_argument("--framework", metavar="NAME", help="such as PyTorch")
    parser.add_argument("--framework-version", metavar="V", help="the framework's version")
    parser.add_argument("--alias", metavar="ALIAS", help="a name that stands for it from now on, such as production")


def run(args: argparse.Namespace) -> int:
    """Register, and say as what."""
    from traindock.model import Model

    if args.file is not None and len(args.words) != 1:
        args.parser.error("--file PATH is followed by the model's NAME alone")
    if args.file is None and len(args.words) not in (2, 3):
        args.parser.error("give RUN NAME [PATH], or --file PATH NAME")
    said = {
        "tags": dict(args.tag),
        "properties": dict(args.property),
        "description": args.description,
        "model_framework": args.framework,
        "model_framework_version": args.framework_version,
        "alias": args.alias,
    }
    workspace = open_workspace(args, tell=True)
    with notes_from_prints(args):
        if args.file is not None:
            model = Model.register(workspace, args.file, args.words[0], **said)
        else:
            found = find_run(args, workspace, args.words[0])
            model = Model.register_from_run(found, args.words[1], (*args.words, None)[2], **said)
    if args.json:
        emit(model_document(model))
        return 0
    files = len(model.files)
    say(clean(f"Registered {model.id}: {files} file{'' if files == 1 else 's'}, {size(model.size)}"))
    return 0
