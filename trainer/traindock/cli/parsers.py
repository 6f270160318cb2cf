"""The command line's grammar: a parser for each command, filled in only when the command is used."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, NoReturn

#: What a command line in a terminal begins with.
PROGRAM: Final = "traindock"
#: Command, what it does in a line, and the module that has ``configure(parser)`` and ``run(args) -> exit code``.
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("submit", "send a script, or a command, to a compute target", "submitting"),
    ("runs", "list runs", "listing"),
    ("show", "show everything about a run", "show"),
    ("logs", "print a run's output, or follow it", "logs"),
    ("metrics", "print what a run has logged", "metrics"),
    ("cancel", "ask runs to end", "cancel"),
    ("move", "move a run in the queue of its compute target", "move"),
    ("delete", "delete runs that have ended", "delete"),
    ("models", "list registered models", "models"),
    ("register", "make files of a run, or of yours, a model's next version", "register"),
    ("computes", "list compute targets, make, change and delete them", "computes"),
    ("rebuild-index", "make the index anew from the runs' folders", "rebuild_index"),
    ("doctor", "look for what is wrong on this machine and in the workspace", "doctor"),
)

_SHELL: Final = re.compile(r" (?:\||&&|>) ")
_EPILOG = """
    Send a script, watch it, keep the model:

      traindock submit train.py --epochs 30
      traindock logs -f last
      traindock register last my-model outputs/

    RUN, wherever a command asks for one, is an id, the beginning or the end of an id that no other run has,
    EXPERIMENT:NUMBER, EXPERIMENT:last, or "last", the newest run of the workspace that is no part of another.

    The workspace is the one that a config.json here or above names, else your default one.

    Exit codes: 0 done; 1 it could not be done, and the message says why; 2 the command line is not understood;
    3 the run that was waited for failed (submit --wait, logs -f --exit-status); 4 it was canceled; 130 Ctrl-C.
"""


class NotUnderstood(Exception):
    """The command line is not understood; the text says what of it.

    Attributes:
        usage: the command's usage, lines with their ends.
        program: the program with its command.
    """

    def __init__(self, message: str, usage: str, program: str) -> None:
        super().__init__(message)
        self.usage, self.program = usage, program


class Parser(argparse.ArgumentParser):
    """A parser that is filled in when it first parses, and finds positionals between options, too."""

    def __init__(self, *, module: str | None = None, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self._module = module
        self.mixed = True
        #: What to say of a word that is not understood, where options and positionals are not mixed.
        self.stray = "nothing is known of {}: see --help"

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, after the command's own module has said what there is to parse."""
        if self._module is None:
            return super().parse_known_args(args, namespace)
        # From here on this is an ordinary parser; parse_known_intermixed_args comes back to this very method.
        self.fill_in()
        if self.mixed:
            return self.parse_known_intermixed_args(args, namespace)
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            # In its own words: the root parser would only say that it does not know them.
            self.error(self.stray.format(unknown[0]))
        return known, unknown

    def fill_in(self) -> None:
        """Have the command's own module say what there is to parse, unless it has done so."""
        if self._module is None:
            return
        module = import_module(self._module if "." in self._module else f"traindock.cli.{self._module}")
        self._module = None
        add_common(self)
        module.configure(self)
        self.set_defaults(run=module.run, parser=self)
        if self.usage is None and "%" in self.prog:
            # argparse keeps the usage as it is formatted, and takes it for one that is to be formatted.
            formatter = self._get_formatter()
            formatter.add_usage(None, self._actions, self._mutually_exclusive_groups, prefix="")
            self.usage = formatter.format_help().rstrip("\n").replace("%", "%%")

    @property
    def program(self) -> str:
        """What every command line begins with: "traindock", in a notebook "%traindock"."""
        return self.prog.split()[0]

    def error(self, message: str) -> NoReturn:
        """Refuse the command line.

        Raises:
            NotUnderstood: always.
        """
        raise NotUnderstood(message, self.format_usage(), self.prog)

    def teach(self, description: str, examples: str) -> None:
        """Set what ``--help`` says besides the options; both texts may be indented."""
        self.description = textwrap.fill(" ".join(description.split()), 110)
        lines = textwrap.dedent(examples).strip("\n").splitlines()
        if self.program != PROGRAM:  # whatever takes our place knows no pipes
            lines = [line for line in lines if not _SHELL.search(line)]
        shown = (line.replace(PROGRAM, self.program, 1) if line.startswith(PROGRAM) else line for line in lines)
        self.epilog = "examples:\n" + textwrap.indent("\n".join(shown), "  ")


def root_parser() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog=PROGRAM,
        description="Send training scripts to compute targets, watch them live, keep and register the models.",
        epilog=textwrap.dedent(_EPILOG).strip(),
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and leave")
    add_common(parser)
    add_commands(parser, COMMANDS)
    return parser


def add_commands(parser: Parser, commands: Sequence[tuple[str, str, str]]) -> None:
    """Add commands to the parser of a whole command line.

    Args:
        parser: that one.
        commands: as :data:`COMMANDS` has them; the module may also be the full name of one elsewhere.
    """
    added = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    for name, summary, module in commands:
        added.add_parser(name, help=summary, module=module)


def add_common(parser: Parser) -> None:
    """Add what may stand before or after the command's name."""
    group = parser.add_argument_group("everywhere")
    group.add_argument(
        "--workspace",
        metavar="PATH|NAME",
        default=argparse.SUPPRESS,
        help="the workspace: its folder, its name, or a config.json",
    )
    if parser.program != PROGRAM:
        parser.set_defaults(json=False)  # whatever takes our place has Python, and wants no texts to take apart
        return
    group.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help='print one JSON document; errors as {"error": {"code", "type", "message"}} on stderr',
    )


class _Version(argparse.Action):
    """Prints the version, which is only found out when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        import platform

        from traindock._version import __version__

        print(f"traindock {__version__} (Python {platform.python_version()}, {platform.system()} {platform.machine()})")
        parser.exit()


def assignment(text: str) -> tuple[str, str]:
    """Argument type: ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def tag(text: str) -> tuple[str, str | None]:
    """Argument type: ``NAME=VALUE``, or ``NAME`` for any value."""
    name, equals, value = text.partition("=")
    if not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME or NAME=VALUE")
    return name, value if equals else None


def count(text: str) -> int:
    """Argument type: a whole number of 0 or more."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 0 or more")
    return int(text)
