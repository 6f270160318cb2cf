"""The notebook side of Traindock: cards of runs, live while the kernel is busy and after it is gone."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traindock_widgets.comparison import Comparison, compare
    from traindock_widgets.register_model import RegisterModel
    from traindock_widgets.run_details import RunDetails
    from traindock_widgets.runs import Runs

__all__ = ["Comparison", "RegisterModel", "RunDetails", "Runs", "compare"]

_HOMES = {
    "Comparison": "traindock_widgets.comparison",
    "RegisterModel": "traindock_widgets.register_model",
    "RunDetails": "traindock_widgets.run_details",
    "Runs": "traindock_widgets.runs",
    "compare": "traindock_widgets.comparison",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
