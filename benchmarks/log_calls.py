"""One scalar log call of one library, timed in a process of its own: ``python log_calls.py <side> <mode> <calls>``.

Prints JSON: per-call times in microseconds, of the library and, call by call in turn, of an ``os.write`` of as many
bytes as our record has. Runs in the peers' interpreter too, so it imports nothing but the standard library and that
one library. With the mode "kill", it kills its process group right after the last call.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

Log = Callable[[str, float, Any], object]


def traindock() -> Log:
    from traindock.runtime import Run

    # The third argument is the description here, which only the first call of a metric looks at.
    return Run.get_context(allow_offline=False).log


def traindock_steps() -> Log:
    from traindock.runtime import Run

    run = Run.get_context(allow_offline=False)
    return lambda name, value, step: run.log(name, value, step=step)


def torch() -> Log:
    writer = import_module("torch.utils.tensorboard").SummaryWriter("torch")
    return lambda name, value, step: writer.add_scalar(name, value, step)


def tensorboardx() -> Log:
    writer = import_module("tensorboardX").SummaryWriter("tensorboardX")
    return lambda name, value, step: writer.add_scalar(name, value, step)


def trackio() -> Log:
    os.environ["TRACKIO_DIR"] = str(Path("trackio").absolute())
    library = import_module("trackio")
    library.init(project="bench", embed=False)
    return lambda name, value, step: library.log({name: value}, step=step)


def mlflow() -> Log:
    library = import_module("mlflow")
    library.set_tracking_uri(f"sqlite:///{Path('mlflow.db').absolute()}")
    library.start_run()
    return lambda name, value, step: library.log_metric(name, value, step=step)


SIDES = {
    "traindock": traindock,
    "traindock-steps": traindock_steps,
    "torch": torch,
    "tensorboardX": tensorboardx,
    "trackio": trackio,
    "mlflow": mlflow,
}


def main(side: str, mode: str, calls: int) -> None:
    # What libraries say while they start is not part of the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    log = SIDES[side]()
    for n in range(50):
        log("loss", n / 3, n)
    if mode == "kill":
        for n in range(50, calls):
            log("loss", n / 3, n)
        os.killpg(0, signal.SIGKILL)
    descriptor = os.open("limit.bin", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    record = bytes(16)
    clock = time.perf_counter_ns
    theirs: list[float] = []
    limit: list[float] = []
    deadline = time.monotonic() + (20 if mode == "paced" else 4)
    if mode == "paced":  # as training feels it: 200 a second, with cold caches in between
        for n in range(calls):
            time.sleep(0.005)
            value = n / 3
            start = clock()
            log("loss", value, n)
            theirs.append((clock() - start) / 1e3)
            time.sleep(0.005)
            start = clock()
            os.write(descriptor, record)
            limit.append((clock() - start) / 1e3)
            if time.monotonic() > deadline:
                break
    else:
        for block in range(0, calls, 1000):
            for n in range(block, block + 1000):
                value = n / 3
                start = clock()
                log("loss", value, n)
                theirs.append((clock() - start) / 1e3)
                if time.monotonic() > deadline:
                    break
            for _ in range(1000):
                start = clock()
                os.write(descriptor, record)
                limit.append((clock() - start) / 1e3)
    json.dump({"calls": theirs, "limit": limit}, answer)
    answer.flush()
    os._exit(0)  # what a library still has to do at its end is not of interest


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
