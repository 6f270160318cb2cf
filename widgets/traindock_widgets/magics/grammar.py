"""What ``%traindock`` understands: the command line's own verbs, those that show cards, and help."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import Final

from traindock.cli import parsers
from traindock.cli.output import say
from traindock.errors import UserErrorException
from traindock.masking import masked_arguments

#: As it begins in a notebook.
PROGRAM: Final = "%traindock"
_OURS: Final = "traindock_widgets.magics.verbs"
#: Verb, what it does in a line, and its module.
VERBS: Final = (
    ("runs", "list runs", "listing"),
    ("show", "show a run's card", f"{_OURS}.show"),
    ("compare", "show runs beside each other", f"{_OURS}.compare"),
    ("logs", "print a run's output, or follow it", "logs"),
    ("metrics", "print what a run has logged", "metrics"),
    ("submit", "send a script, and show the run's card", f"{_OURS}.submit"),
    ("cancel", "ask runs to end", "cancel"),
    ("move", "move a run in the queue of its compute target", "move"),
    ("delete", "delete runs that have ended", "delete"),
    ("models", "list registered models", "models"),
    ("register", "make files of a run, or of yours, a model's next version", "register"),
    ("compute", "list compute targets, make, change and delete them", "computes"),
    ("doctor", "look for what is wrong on this machine and in the workspace", "doctor"),
)
_SYNONYMS: Final = {"computes": "compute", "run": "show", "log": "logs", "model": "models", "list": "runs"}
_EPILOG: Final = """\
%traindock help VERB tells what a verb understands, %%traindock --help what a cell is sent with.

RUN, wherever a verb asks for one, is an id, the beginning or the end of an id that no other run has,
EXPERIMENT:NUMBER, EXPERIMENT:last, or "last", the newest run of the workspace that is no part of another.

The workspace is the one that a config.json here or above names, else your default one.
$name and {expression} stand for values of the notebook, as in every magic."""


def parser() -> parsers.Parser:
    """Return the parser of whole lines."""
    root = parsers.Parser(
        prog=PROGRAM, description="Look at runs, models and compute targets, and change them.", epilog=_EPILOG
    )
    parsers.add_common(root)
    parsers.add_commands(root, VERBS)
    return root


def meant(verb: str) -> str:
    """Return the verb that a synonym stands for."""
    return _SYNONYMS.get(verb, verb)


def verb_parser(root: parsers.Parser, verb: str) -> parsers.Parser | None:
    """Return the parser of one verb, filled in; None where there is no such verb."""
    found = _subparsers(root).get(meant(verb))
    if found is not None:
        found.fill_in()
    return found


def _subparsers(root: argparse.ArgumentParser) -> dict[str, parsers.Parser]:
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def execute(words: Sequence[str]) -> None:
    """Do what a line says.

    Args:
        words: what follows ``%traindock``.

    Raises:
        NotUnderstood: the words make no sense.
        UserErrorException: they do, and cannot be done; or there is no such verb.
        SystemExit: they ask for help, which is printed.
    """
    root = parser()
    words = list(words)
    at = verb_at(words)
    verb = words[at] if at < len(words) else None
    if verb is None and not {"-h", "--help"} & set(words):
        verb = "help"
    if verb == "help":
        _help(root, words[at + 1 :])
        return
    if verb is not None:
        words[at] = _known(root, verb)
    args = root.parse_args(words)
    args.workspace = getattr(args, "workspace", None)
    args.json = getattr(args, "json", False)
    args.run(args)


def verb_at(words: Sequence[str]) -> int:
    """Return where the verb is: behind options that may stand before it."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] == "--workspace" else 1
    return at


def _known(root: parsers.Parser, verb: str) -> str:
    verbs = _subparsers(root)
    if meant(verb) in verbs:
        return meant(verb)
    close = difflib.get_close_matches(verb.lower(), [*verbs, *_SYNONYMS, "help"], n=1)
    asked = f": did you mean {PROGRAM} {close[0]}?" if close else "."
    raise UserErrorException(f"{PROGRAM} has no verb {verb!r}{asked} It has: {', '.join(verbs)} and help")


def _help(root: parsers.Parser, words: Sequence[str]) -> None:
    if not words:
        say(root.format_help())
        return
    say(used_parser([_known(root, words[0]), *words[1:]]).format_help())


def used_parser(words: Sequence[str]) -> parsers.Parser:
    """Return the parser of the verb that a line has, or that of whole lines."""
    root = parser()
    at = verb_at(words)
    found = verb_parser(root, words[at]) if at < len(words) else None
    for word in words[at + 1 :]:  # "compute create"
        inner = {} if found is None else _subparsers(found)
        if word in inner:
            found = inner[word]
            found.fill_in()
    return found or root


def explained(error: parsers.NotUnderstood, words: Sequence[str], used: parsers.Parser) -> str:
    """Return what is wrong with a line in one message, without what it keeps secret.

    Args:
        error: what a parser said.
        words: those of the line.
        used: the parser of its options.
    """
    text = str(error)
    if stray := re.search(r"(?:unrecognized arguments:|nothing is known of) (\S+?)(?::? |$)", text):
        known = [name for action in used._actions for name in action.option_strings]
        close = difflib.get_close_matches(stray[1].partition("=")[0], known, n=1)
        text = f"nothing is known of {stray[1]}{f': did you mean {close[0]}?' if close else ''}"
    for word in words:
        name, equals, value = word.lstrip("-").partition("=")
        if equals:
            text = text.replace(word, masked_arguments([f"--{name}={value}"])[0][2:])
    end = "" if text.endswith("?") else "."
    return f"{used.prog}: {text}{end} All that there is: {used.prog} --help"
