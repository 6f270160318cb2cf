"""Rows about runs in containers: how soon they start, what their output costs, and what lies between two of them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import mean

from benchmarks.container_timeline import first_line, idle_times
from benchmarks.containers import contained, printed
from benchmarks.harness import Bench, Result, interleaved, median, pressure_of_others, row

#: What Traindock may add to ``docker run``, in milliseconds.
ADDED = 100.0

FIRST_LINE = "import time\nprint(repr(time.time()), flush=True)\n"


@row
def container_first_line(bench: Bench) -> Iterator[Result]:
    """From the call of ``submit`` to the script's first line in a container, and ``docker run`` of the same image."""
    with contained(bench) as place:
        if place is None:
            return
        (place.source / "train.py").write_text(FIRST_LINE)
        place.end(place.submit("train.py"))

        def ours() -> Iterator[float]:
            begin = time.time()
            run = place.submit("train.py")
            place.end(run)
            yield (first_line(printed(run)) - begin) * 1e3

        def bare() -> Iterator[float]:
            begin = time.time()
            yield (first_line(place.beside("train.py")) - begin) * 1e3

        figures = interleaved({"ours": ours, "bare": bare, "others": pressure_of_others}, bench.rounds(20))
    limit = median(figures["bare"]) + ADDED
    note = f"docker run: {median(figures['bare']):.0f} ms"
    yield Result(
        "submit to the script's first line, container",
        median(figures["ours"]),
        limit,
        "ms",
        1.0,
        note=note,
        pressure=mean(figures["others"]),
    )


#: Writes so many bytes that were not written before, says when it begins and, in the end, when it is done.
OUTPUTS = """
import os, random, sys, time
path, size = sys.argv[1], int(sys.argv[2])
block = random.SystemRandom().randbytes(1 << 20)
print(repr(time.time()), flush=True)
with open(path, "wb", buffering=0) as file:
    for place in range(0, size, len(block)):
        file.write(block[: size - place])
print(repr(time.time()), flush=True)
"""


@row
def container_outputs(bench: Bench) -> Iterator[Result]:
    """Outputs of 1 GB: written by a job and sealed, and the same written, hashed and synced on this machine."""
    size = bench.scaled(1_000_000_000)
    written: list[float] = []
    with contained(bench) as place:
        if place is None:
            return
        (place.source / "train.py").write_text(OUTPUTS)
        by_hand = bench.folder / "by-hand.bin"

        def ours() -> Iterator[float]:
            run = place.submit("train.py", "outputs/model.bin", str(size))
            place.end(run)
            begin, done = map(float, printed(run).split())
            written.append((done - begin) * 1e3)
            # Both sides give back what they wrote: memory that a virtual machine has not used yet is slow to write to.
            (run.path / "outputs" / "model.bin").unlink()
            for blob in place.workspace.layout.blobs.rglob("*"):
                if blob.is_file() and blob.stat().st_size == size:
                    blob.unlink()
            yield (run.record.history[-1].time - begin) * 1e3

        def bare() -> Iterator[float]:
            command = [sys.executable, "train.py", str(by_hand), str(size)]
            done = subprocess.run(command, cwd=place.source, check=True, capture_output=True, text=True)
            with by_hand.open("rb") as file:
                hashlib.file_digest(file, "sha256")
                os.fsync(file.fileno())  # what is sealed survives a power failure
            taken = time.time() - first_line(done.stdout)
            by_hand.unlink()
            yield taken * 1e3

        figures = interleaved({"ours": ours, "bare": bare, "others": pressure_of_others}, bench.rounds(6))
    name = f"{size // 1_000_000} MB of outputs, written and sealed"
    note = f"written in {median(written):.0f} ms"
    peer = "written, hashed and synced on this machine"
    yield Result(
        name,
        median(figures["ours"]),
        median(figures["bare"]),
        "ms",
        1.2,
        peer,
        note=note,
        pressure=mean(figures["others"]),
    )


#: Says when it begins and when it ends.
SHORT = """
import time
print(repr(time.time()), flush=True)
time.sleep(0.3)
print(repr(time.time()), flush=True)
"""

RUNS, SLOTS = 20, 2


@row
def container_queue(bench: Bench) -> Iterator[Result]:
    """Runs that wait for two nodes: from the end of one's script to the next one's first line; and two loops of it."""
    runs = max(bench.rounds(RUNS) // SLOTS, 2) * SLOTS  # between two of a node there is one pause
    with contained(bench, max_nodes=SLOTS) as place:
        if place is None:
            return
        (place.source / "train.py").write_text(SHORT)
        place.end(place.submit("train.py"))

        def ours() -> Iterable[float]:
            queued = [place.submit("train.py") for _ in range(runs)]
            for run in queued:
                place.end(run)
            return idle_times([printed(run) for run in queued], SLOTS)

        def loop() -> list[str]:
            return [place.beside("train.py") for _ in range(runs // SLOTS)]

        def bare() -> Iterable[float]:
            with ThreadPoolExecutor(SLOTS) as pool:
                loops = [pool.submit(loop) for _ in range(SLOTS)]
            return [idle for each in loops for idle in idle_times(each.result(), 1)]

        figures = interleaved({"ours": ours, "bare": bare, "others": pressure_of_others}, 3)
    limit = median(figures["bare"]) + ADDED
    note = f"docker run after docker run: {median(figures['bare']):.0f} ms"
    name = f"idle between {runs} queued runs on {SLOTS} nodes"
    yield Result(name, median(figures["ours"]), limit, "ms", 1.0, note=note, pressure=mean(figures["others"]))


#: Prints so many lines, and last how many seconds that took, by the clock and of this process.
LINES = """
import sys, time
begin, used = time.perf_counter(), time.process_time()
for number in range(int(sys.argv[1])):
    print("step", number)
sys.stdout.flush()
print(time.perf_counter() - begin, time.process_time() - used)
"""


@row
def container_stdout(bench: Bench) -> Iterator[Result]:
    """What a script with a lot to say takes, and the same into a file by ``docker run``, each line at once or not."""
    count = 10_000_000 // (100 if bench.quick else 1)
    used: dict[str, list[float]] = {}
    lost = 0
    with contained(bench) as place:
        if place is None:
            return
        (place.source / "train.py").write_text(LINES)
        place.end(place.submit("train.py", "10"))

        def taken(side: str, path: Path) -> Iterator[float]:
            nonlocal lost
            before, last = _last_lines(path, 2)
            lost += side == "ours" and before != f"step {count - 1}"
            by_clock, of_process = map(float, last.split())
            used.setdefault(side, []).append(of_process)
            yield by_clock

        def ours() -> Iterator[float]:
            run = place.submit("train.py", str(count))
            place.end(run)
            yield from taken("ours", run.path / "driver" / "stdout.txt")

        def bare(side: str, *options: str) -> Iterator[float]:
            told = place.source / "told.txt"
            place.beside("-c", _INTO_A_FILE, str(told), "train.py", str(count), options=options)
            yield from taken(side, told)

        lines = partial(bare, "lines", "--env", "PYTHONUNBUFFERED=1")
        sides = {"ours": ours, "lines": lines, "blocks": partial(bare, "blocks"), "others": pressure_of_others}
        figures = interleaved(sides, bench.rounds(4))
    name = f"stdout of {count:,} lines"
    peers = {"lines": "docker run, each line at once into a file", "blocks": "docker run, in blocks into a file"}
    for side, peer in peers.items():
        note = f"CPU time {median(used['ours']) / median(used[side]):.2f} ×; last lines lost: {lost}"
        yield Result(
            name,
            median(figures["ours"]),
            median(figures[side]),
            "s",
            1.02,
            peer,
            note=note,
            pressure=mean(figures["others"]),
        )


#: What a shell's ``python3 … > file`` is, also in images without a shell.
_INTO_A_FILE = """
import os, sys
os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def _last_lines(path: Path, count: int) -> list[str]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 400))
        return file.read().decode().splitlines()[-count:]
