"""What observers of a widget's traits raise, where a thread has called them that prints nothing."""

from __future__ import annotations

import sys
import warnings
from typing import Any

#: Of which widgets and traits it was said.
_said: set[tuple[str, str]] = set()


def warn_soon(widget: Any, trait: str, error: Exception) -> None:
    """Warn of an observer that raised ``error``, once for each trait: in the next cell that is executed.

    A thread that prints would do so in whatever cell is the last, which may have ended long ago.
    """
    if (widget.model_id, trait) in _said:
        return
    _said.add((widget.model_id, trait))
    text = (
        f"an observer of {trait!r} of {widget!r} raised {type(error).__name__}: {error}. It is called again with the "
        "next news; the widget has the exception as observer_error"
    )
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None:
        warnings.warn(text, stacklevel=2)
        return

    def warn(*_: Any) -> None:
        shell.events.unregister("pre_run_cell", warn)
        warnings.warn(text, stacklevel=2)

    shell.events.register("pre_run_cell", warn)
