"""A training loop in numpy whose steps take some milliseconds: ``python training_script.py <answer> <blocks> [log]``.

Writes the milliseconds of each block of steps to the file ``answer``. With "log", each step logs its loss, which makes
some 200 points a second.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

# On one core: the other one is for whoever reads.
os.environ.update({"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})

import numpy as np

STEPS = 20


def main(answer: str, blocks: int, logs: bool) -> None:
    log: Callable[[str, float], object] = lambda name, value: None  # noqa: E731
    if logs:
        from traindock import Run

        log = Run.get_context().log
    generator = np.random.default_rng(0)
    inputs, targets = generator.normal(size=(448, 256)), generator.normal(size=(448, 10))
    first, second = generator.normal(size=(256, 512)) / 16, generator.normal(size=(512, 10)) / 23
    taken = []
    for _ in range(blocks + 1):
        begin = time.perf_counter()
        for _ in range(STEPS):
            hidden = np.maximum(inputs @ first, 0)
            error = (hidden @ second - targets) / len(inputs)
            log("loss", float((error**2).sum()))
            down = (error @ second.T) * (hidden > 0)
            second -= 0.01 * hidden.T @ error
            first -= 0.01 * inputs.T @ down
        taken.append((time.perf_counter() - begin) * 1e3)
    Path(answer).write_text(json.dumps(taken[1:]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), "log" in sys.argv[3:])
