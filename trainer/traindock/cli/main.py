"""The command ``traindock``: finds the command's module, and turns every ending into words and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from traindock.cli.parsers import root_parser

FAILED: Final = 1
INTERRUPTED: Final = 130
#: What a shell reports for a program that SIGPIPE ended, as ``traindock runs | head`` may end this one.
BROKEN_PIPE: Final = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Execute one command line and return the exit code.

    Args:
        argv: the words after the program's name; those of this process if it is None.

    Raises:
        SystemExit: the command line is not understood (2), or only asks for help or the version (0).
    """
    _make_encodable()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            args = root_parser().parse_args(words)
            args.workspace = getattr(args, "workspace", None)
            args.json = getattr(args, "json", False)
            return _execute(args)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _give_up_stdout()
        return BROKEN_PIPE


def _execute(args: argparse.Namespace) -> int:
    from traindock.cli.output import report, warn_by
    from traindock.errors import Detached, TraindockError

    if sys.platform == "win32" and args.command != "doctor":
        return report(args, "platform", "PlatformError", "Traindock needs Linux or macOS; on Windows, run it in WSL2")
    with warn_by(args):
        try:
            return int(args.run(args))
        except Detached as error:
            report(args, error.code, type(error).__name__, str(error))
            return INTERRUPTED
        except TraindockError as error:
            return report(args, error.code, type(error).__name__, str(error))
        except KeyboardInterrupt:
            report(args, "interrupted", "KeyboardInterrupt", "interrupted")
            return INTERRUPTED
        except BrokenPipeError:
            raise
        except OSError as error:
            return report(args, "system", type(error).__name__, str(error))


def _make_encodable() -> None:
    """Let no character that the terminal's encoding lacks end a command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _give_up_stdout() -> None:
    """Send the rest to nowhere: the interpreter flushes once more when it ends, and would complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):
        pass
    finally:
        os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
