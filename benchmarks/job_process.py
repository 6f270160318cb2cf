"""What the launcher and bootstrap.py cost: the way to the script's first line, and each printed line.

Each function measures both sides in turn and returns medians; ``python benchmarks/job_process.py`` prints them.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from traindock.runtime import supervisor

RUNTIME = Path(supervisor.__file__).parent
#: Variables that change how the interpreter starts or prints would favour one side.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def start_cost(rounds: int = 30) -> dict[str, float]:
    """Milliseconds until the script's first line: bare, under bootstrap.py, and under launcher and bootstrap.py."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runtime = shutil.copytree(RUNTIME, folder / "runtime")
        script = folder / "script.py"
        script.write_text("import time\nprint(time.time())\n")
        bootstrap = [sys.executable, str(runtime / "bootstrap.py"), str(script)]
        commands = {"python script.py": [sys.executable, str(script)], "bootstrap.py": bootstrap}
        times: dict[str, list[float]] = {"python script.py": [], "bootstrap.py": [], "launcher.py + bootstrap.py": []}
        for number in range(rounds):
            for label, command in commands.items():
                begin = time.time()
                done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True)
                times[label].append(float(done.stdout) - begin)
            request = _request(folder / f"run-{number}", bootstrap)
            command = [sys.executable, "-I", "-S", str(runtime / "launcher.py"), str(request)]
            begin = time.time()
            subprocess.run(command, stdin=subprocess.DEVNULL, start_new_session=True, check=True)
            times["launcher.py + bootstrap.py"].append(float((request.parent / "stdout").read_text()) - begin)
        return {label: statistics.median(values) * 1000 for label, values in times.items()}


def _request(folder: Path, argv: list[str]) -> Path:
    folder.mkdir()
    files = {name: str(folder / name) for name in ("stdout", "lock", "started", "exit", "error", "lost")}
    limits = {"grace_seconds": 2.0, "max_seconds": None, "held_fds": []}
    request = {"run_id": folder.name, "attempt": 1, "argv": argv, "cwd": str(folder), "env": ENVIRONMENT}
    path = folder / "launch.json"
    path.write_text(json.dumps({**request, **files, **limits}))
    return path


def print_cost(lines: int = 300_000, rounds: int = 3) -> dict[str, float]:
    """Microseconds for one printed line into a file, and for one ``os.write`` of the same bytes."""
    loop = "import sys, time\nbegin = time.perf_counter()\nfor _ in range({0}): {1}\n"
    loop += "sys.stderr.write(str(time.perf_counter() - begin))\n"
    text = "a line of output that is quite plain"
    with tempfile.TemporaryDirectory() as name:
        printing, writing = Path(name) / "printing.py", Path(name) / "writing.py"
        printing.write_text(loop.format(lines, f"print({text!r})"))
        writing.write_text("import os\n" + loop.format(lines, f"os.write(1, {(text + chr(10)).encode()!r})"))
        commands = {
            "os.write": [str(writing)],
            "python": [str(printing)],
            "python -u": ["-u", str(printing)],
            "bootstrap.py": [str(RUNTIME / "bootstrap.py"), str(printing)],
        }
        times: dict[str, list[float]] = {label: [] for label in commands}
        for _ in range(rounds):
            for label, words in commands.items():
                with open(Path(name) / "out", "wb") as out:
                    command = [sys.executable, *words]
                    done = subprocess.run(command, env=ENVIRONMENT, stdout=out, stderr=subprocess.PIPE, check=True)
                times[label].append(float(done.stderr))
        return {label: statistics.median(values) / lines * 1e6 for label, values in times.items()}


if __name__ == "__main__":
    for label, value in start_cost().items():
        print(f"first line, {label:28} {value:7.1f} ms")
    for label, value in print_cost().items():
        print(f"print, {label:33} {value:7.2f} us")
