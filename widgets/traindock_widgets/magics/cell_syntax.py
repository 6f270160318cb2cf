"""What of a cell only a notebook understands: found by IPython's own rules, before anything is sent."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, Final

from IPython.core.inputtransformer2 import TransformerManager, make_tokens_by_line

from traindock.errors import UserErrorException
from traindock_widgets.magics import cell_installs

_INSTEAD: Final = (
    (r"%%?(?:time|timeit|prun|memit)\b", "leave it out: the run's card has the times"),
    (r"%\s*(?:matplotlib|pylab)\b", "leave it out: save figures into ./outputs"),
    (r"%\s*(?:set_)?env\b", "set variables in the magic's line: --env NAME=VALUE"),
    (r"%\s*(?:load_ext|reload_ext|autoreload|config)\b", "leave it out"),
    (r"%%?traindock\b", "put it into a cell of its own"),
    (r"%%\w+", "a cell has one such line, its first"),
    (r"(?:.*=\s*)?!.*", "use subprocess.run([…])"),
    (r".*\?$", "leave it out"),
)


def check(source: str) -> None:
    """Check that a cell is Python, as a script is.

    Args:
        source: the cell, with nothing in place of the magic's line, so that lines are counted as in the notebook.

    Raises:
        UserErrorException: it is empty, has lines that only a notebook understands, or does not parse; the text names
            the lines.
    """
    if found := list(_notebook_lines(source.splitlines(keepends=True))):
        lines = "\n".join(f"    line {number}: {text}    ({_instead(text)})" for number, text in found)
        raise UserErrorException(
            f"the cell is sent as a script, and {'this is' if len(found) == 1 else 'these are'} for notebooks only:\n"
            f"{lines}\nNothing was sent."
        )
    try:
        tree = ast.parse(source)
        compile(source, "cell.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise UserErrorException(
            f"the cell is no script that Python understands, and was not sent: {_told(error)}"
        ) from None
    except (RecursionError, MemoryError):
        raise UserErrorException(
            "the cell nests more deeply than Python can read, and was not sent: part the expression"
        ) from None
    if not tree.body:
        raise UserErrorException("the cell is empty: below the line %%traindock comes the script")


def _notebook_lines(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that IPython rewrites before Python sees it."""
    transformers: list[Any] = TransformerManager().token_transformers  # type: ignore[no-untyped-call]
    while True:
        try:
            tokens = make_tokens_by_line(lines)
        except (SyntaxError, IndentationError):
            return  # what Python makes of it is told by Python
        found = sorted(
            (one for one in (each.find(tokens) for each in transformers) if one is not None),
            key=lambda one: one.sortby(),
        )
        if not found:
            return
        at = found[0].start_line
        yield at + 1, lines[at].strip()
        try:
            rewritten = found[0].transform(lines)
        except SyntaxError:
            return
        # A command over several lines becomes one: those below keep their numbers.
        lines = [*rewritten[: at + 1], *["\n"] * (len(lines) - len(rewritten)), *rewritten[at + 1 :]]


def _instead(line: str) -> str:
    if (options := cell_installs.asked_for(line)) is not None:
        return f"ask for packages in the magic's line: {options}"
    return next(
        (advice for pattern, advice in _INSTEAD if re.match(pattern, line)), "leave it out, or write it in Python"
    )


def _told(error: SyntaxError | ValueError) -> str:
    if not isinstance(error, SyntaxError):
        return str(error)
    where = f"line {error.lineno}: " if error.lineno else ""
    text = f"\n    {error.text.strip()}\n" if error.text and error.text.strip() else ""
    advice = ""
    if "'await'" in error.msg or "'async" in error.msg:
        advice = "; only notebooks await outside of functions: put it into one, and call asyncio.run(…)"
    return f"{where}{error.msg}{advice}{text}"
