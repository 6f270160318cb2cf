"""``%traindock`` and ``%%traindock``: what ``%load_ext traindock`` loads, by the entry point ``traindock.notebook``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load(shell: InteractiveShell) -> None:
    """Have a shell understand the magics, and complete them; to do so twice changes nothing."""
    from traindock_widgets.magics import completion
    from traindock_widgets.magics.shell_magics import TraindockMagics

    magics = TraindockMagics(shell)
    shell.magics_manager.register_function(magics.line, "line", "traindock")
    shell.magics_manager.register_function(magics.cell, "cell", "traindock")
    completion.add_to(shell)
    if _with_body not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(_with_body)


def unload(shell: InteractiveShell) -> None:
    """Undo :func:`load`."""
    from traindock_widgets.magics import completion

    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("traindock", None)
    completion.remove_from(shell)
    cleanups = shell.input_transformers_cleanup
    cleanups[:] = [one for one in cleanups if one is not _with_body]


def _with_body(lines: list[str]) -> list[str]:
    """Give a cell that is nothing but our line an empty one below it: IPython refuses bare lines, "--help" too."""
    return [*lines, "\n"] if len(lines) == 1 and lines[0].startswith("%%traindock") else lines
