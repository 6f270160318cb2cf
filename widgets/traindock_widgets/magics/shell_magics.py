"""The two magics as IPython calls them."""

from __future__ import annotations

import argparse
import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from traindock.cli.output import print_by, warn_by
from traindock.cli.parsers import NotUnderstood, Parser
from traindock.errors import Detached, StoreException, TraindockError, UserErrorException
from traindock_widgets.magics import cell_options, cell_submit, grammar
from traindock_widgets.magics.printing import NotebookPrinter

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class TraindockMagics:
    """What a shell understands once ``%load_ext traindock`` was executed."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell

    def line(self, line: str) -> None:
        """Look at runs, models and compute targets, and change them, as the command ``traindock`` does.

            %traindock runs --experiment digits
            %traindock show last
            %traindock logs last --tail 20
            %traindock compare last digits:3
            %traindock register last my-model outputs/

        %traindock help lists all verbs, and %traindock help VERB tells what one of them understands.
        """
        with _in_words(line, grammar.used_parser) as words:
            grammar.execute(words)

    def cell(self, line: str, cell: str) -> None:
        """Send this cell as a script to a compute target, and show the run's card.

            %%traindock --experiment digits --arg epochs=3
            import argparse
            ...

        The run has nothing of this notebook but what --with NAME,NAME passes. %%traindock --help lists all options.
        """
        with _in_words(line, lambda _: cell_options.parser()) as words:
            cell_submit.execute(self._shell, words, cell)


@contextlib.contextmanager
def _in_words(line: str, parser_of: Callable[[Sequence[str]], Parser]) -> Iterator[list[str]]:
    """Take a line apart, and turn every ending of what is done with it into words without a traceback.

    Args:
        line: what follows the magic's name.
        parser_of: returns the parser whose options such words have.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UserErrorException(f"the line cannot be taken apart: {error}; is a quotation mark missing?") from None
    try:
        with print_by(NotebookPrinter()), warn_by(argparse.Namespace(json=False)):
            yield words
    except SystemExit:
        return  # what argparse does once it has printed the help
    except NotUnderstood as error:
        raise UserErrorException(grammar.explained(error, words, parser_of(words))) from None
    except TraindockError as error:
        raise error.with_traceback(None) from None
    except OSError as error:
        raise StoreException(str(error)) from error
    except KeyboardInterrupt:
        raise Detached("interrupted") from None
