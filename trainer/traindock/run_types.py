"""The kinds of runs, told apart by who does their work."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

#: A script that the dispatcher launches on a compute target.
SCRIPT: Final = "traindock.scriptrun"
#: A process that was there before, such as a notebook's kernel, logs into it: see :mod:`traindock.interactive`.
INTERACTIVE: Final = "traindock.interactive"
#: A job logs into it beside its own run: see ``runtime.children``.
CHILD: Final = "traindock.childrun"

#: Runs without a job of their own: never launched, never given a node, and nobody's process is ended for them.
WITHOUT_JOB: Final = frozenset({INTERACTIVE, CHILD})

#: Azure ML's names of the types that it has too.
OLD_NAMES: Final = MappingProxyType({"azureml.scriptrun": SCRIPT})
