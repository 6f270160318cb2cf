"""The command ``traindock``: finds the command's module, and turns every ending into words and an exit code.

Little is imported before :func:`main` has begun, so that Ctrl-C ends the command quietly from its first moments on.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Final

FAILED: Final = 1
NOT_UNDERSTOOD: Final = 2
INTERRUPTED: Final = 130
#: What a shell reports for a program that SIGPIPE ended, as ``traindock runs | head`` may end this one.
BROKEN_PIPE: Final = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Execute one command line and return the exit code.

    Args:
        argv: the words after the program's name; those of this process if it is None.

    Raises:
        SystemExit: the command line only asks for help or the version (0).
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        _open_closed()
        _make_encodable()
        try:
            return _parse_and_execute(words)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _give_up_stdout()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        # What is imported may be imported by half: only what is there already is used here.
        text = "interrupted"
        if _asks_for_json(words):
            text = f'{{"error": {{"code": "{text}", "type": "KeyboardInterrupt", "message": "{text}"}}}}'
        print(text if "{" in text else f"traindock: {text}", file=sys.stderr, flush=True)
        return INTERRUPTED
    except OSError as error:
        _give_up_stdout()
        print(f"traindock: the output cannot be written: {error.strerror}", file=sys.stderr, flush=True)
        return FAILED


def _parse_and_execute(words: list[str]) -> int:
    from traindock.cli.parsers import NotUnderstood, root_parser

    try:
        args = root_parser().parse_args(words)
        args.workspace = getattr(args, "workspace", None)
        args.json = getattr(args, "json", False)
        return _execute(args)
    except NotUnderstood as error:
        from traindock.cli.output import error_document

        document = error_document("usage", "NotUnderstood", str(error))
        text = document if _asks_for_json(words) else f"{error.usage}{error.program}: error: {error}"
        print(text, file=sys.stderr, flush=True)
        return NOT_UNDERSTOOD


def _asks_for_json(words: list[str]) -> bool:
    """Whether ``--json`` is among words that need not make sense."""
    return "--json" in words[: words.index("--") if "--" in words else None]


def _execute(args: argparse.Namespace) -> int:
    from traindock.cli.output import report, warn_by
    from traindock.errors import NEEDED_PLATFORM, Detached, TraindockError

    if sys.platform == "win32" and args.command != "doctor":
        return report(args, "platform", "PlatformError", NEEDED_PLATFORM)
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
            bare = isinstance(error, FileNotFoundError) and error.filename is None  # as getcwd() alone raises it
            gone = "the current folder is gone: change to another one (cd), or give an absolute path"
            return report(args, "system", type(error).__name__, gone if bare else str(error))


def _open_closed() -> None:
    """Write to nowhere where a stream is closed (``>&-``), lest a file that is opened next takes its place."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


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
