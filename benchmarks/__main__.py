"""Run the rows and print the table: ``python -m benchmarks [rows…] [--peers PYTHON] [--json FILE]``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks.harness import BUSY, ROWS, Bench, Pressure, Result, table

#: Modules that have rows, in the order of the table.
MODULES = (
    "writing",
    "reading",
    "submitting",
    "listing",
    "registering",
    "serving",
    "long_lists",
    "cards",
    "container_runs",
    "container_environments",
)


def main() -> int:
    for module in MODULES:
        import_module(f"benchmarks.{module}")
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Traindock beside its peers.")
    parser.add_argument("rows", nargs="*", metavar="row", help=f"default is all of: {', '.join(ROWS)}")
    parser.add_argument("--peers", default=sys.executable, help="an interpreter with benchmarks/peers.txt installed")
    parser.add_argument("--quick", action="store_true", help="measure less, to see that it works")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")

    # Nobody's modules are to be compiled anew by each process.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    lines: list[tuple[Result, float]] = []
    notes: list[str] = []
    for name in options.rows or ROWS:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="traindock-bench-") as folder:
            bench = Bench(Path(folder), options.peers, options.quick)
            pressure = Pressure()
            found = list(ROWS[name](bench))
            whole = pressure.share()
            lines += [(one, whole if one.pressure is None else one.pressure) for one in found]
            notes += [note for note in bench.notes if note not in notes]
    print(table(lines))
    for note in notes:
        print(f"- {note}")
    if any(pressure > BUSY for _, pressure in lines):
        print("- Other programs were running: repeat the rows that were not judged on a quiet machine.")
    if options.json:
        figures = [
            {**dataclasses.asdict(result), "ratio": result.ratio, "met": result.met, "pressure": pressure}
            for result, pressure in lines
        ]
        options.json.write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
