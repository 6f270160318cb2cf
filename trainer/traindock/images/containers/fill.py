"""Builds one environment inside a container: standard library only, Python 3.8 and later, nothing imported of ours.

``fill.py <request> [<variables>]``: both are JSON files, see ``fill_request.py``; the request is removed once it is
read, except in an image, and the second holds variables that no layer of an image may show. What uv says
goes to stdout as it comes. The last line there is ``traindock:`` and a JSON object with the result.

In a volume, environments lie in ``envs/<key>/`` as those of ``local`` do in the workspace: ``complete.json`` is written
last, a folder without it is half-built and is wiped, ``<key>.2`` is a rebuild, and the lock ``locks/<key>`` is held for
as long as anything works on the folder. It is a lock of the kernel, so that it holds between containers.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import json
import os
import shutil
import subprocess
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

FORMAT = 1
#: Seconds between two tries to get the lock of an environment that somebody else is building.
RETRY = 0.1


class Failed(Exception):
    """A step ended otherwise than hoped for."""

    def __init__(self, step: str, code: int = 1, words: str = "") -> None:
        super().__init__(words)
        self.step, self.code, self.words = step, code, words


def main(path: str, secrets: Optional[str] = None) -> int:
    """Build what the request asks for, with further variables from the file ``secrets``; returns the exit code."""
    with open(path, encoding="utf-8") as file:
        request = json.load(file)
    if request["root"] is not None:
        os.unlink(path)  # passwords may be in it
    if secrets is not None:
        with open(secrets, encoding="utf-8") as file:
            request["variables"].update(json.load(file))
    try:
        os.umask(0o022)
        if request["root"] is None:
            _in_image(request)
            return 0
        result = _in_volume(request)
    except Failed as error:
        if request["root"] is None:
            say("It failed at the step " + error.step + ".")
            return 1
        return _tell({"failed": error.step, "code": error.code, "words": error.words}, 1)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return _tell({"failed": "disk" if full else "files", "code": 1, "words": str(error)}, 1)
    return _tell(result, 0)


def _in_volume(request: Dict[str, Any]) -> Dict[str, Any]:
    root, key = request["root"], request["key"]
    for name in ("envs", "locks", "cache", "home", "tmp", "uv", "pythons"):
        os.makedirs(os.path.join(root, name), mode=0o755, exist_ok=True)
    lock = os.open(os.path.join(root, "locks", key), os.O_RDWR | os.O_CREAT, 0o600)
    _wait_for(lock)
    folder, record, fault = newest(os.path.join(root, "envs"), key, request["after"])
    if record is not None:
        say("It is in the volume: " + folder)
        return {"how": "found", "folder": folder, "record": record}
    if os.path.lexists(folder):
        say(folder + " is removed and built anew: " + fault + ".")
        wipe(folder)
    began = time.time()
    try:
        found = _conda(request, folder) if request["conda"] else _uv(request, folder)
        record = dict(found, format=FORMAT, key=key, began=began, warnings=request["warnings"])
        _write_last(os.path.join(folder, "complete.json"), record)
    except BaseException:
        wipe(folder)
        raise
    return {"how": record["how"], "folder": folder, "record": record}


def _in_image(request: Dict[str, Any]) -> None:
    """One layer of an image: the environment is made by the first, and recorded by the last."""
    folder, began = request["folder"], time.time()
    found = _uv(request, folder)
    if request["last"]:
        record = dict(found, format=FORMAT, key=request["key"], began=began, warnings=request["warnings"])
        _write_last(os.path.join(folder, "complete.json"), record)


def _uv(request: Dict[str, Any], folder: str) -> Dict[str, Any]:
    uv = _working_uv(request)
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        command = [uv, "venv", "--no-project", "--python", request["python"], "--prompt", "traindock", folder]
        code = run(request, command)
        if code:
            raise Failed("venv", code)
    if request["requirements"]:
        command = [uv, "pip", "install", "--python", python, "--compile-bytecode"] + request["arguments"]
        command += ["-r", _write(folder, "requirements.txt", request["requirements"])]
        if request["constraints"]:
            command += ["-c", _write(folder, "constraints.txt", request["constraints"])]
        code = run(request, command)
        if code:
            raise Failed("install", code)
    packages = output(request, [uv, "pip", "freeze", "--python", python])
    return {"how": "built", "builder": "uv " + request["uv_version"], "packages": packages}


def _conda(request: Dict[str, Any], folder: str) -> Dict[str, Any]:
    file = os.path.join(request["root"], "tmp", request["key"] + ".yml")
    bounds = os.path.join(request["root"], "tmp", request["key"] + ".txt")
    _write(os.path.dirname(file), os.path.basename(file), request["conda"]["environment"].splitlines())
    _write(os.path.dirname(bounds), os.path.basename(bounds), request["constraints"])
    if request["constraints"]:
        request["variables"]["PIP_CONSTRAINT"] = bounds
    try:
        command = [word.format(folder=folder, file=file) for word in request["conda"]["command"]]
        code = run(request, command)
    finally:
        os.unlink(file)
        os.unlink(bounds)
    python = os.path.join(folder, "bin", "python")
    if code or not os.path.exists(python):
        raise Failed("conda", code or 1)
    packages = output(request, [python, "-m", "pip", "freeze"])
    return {"how": "conda", "builder": command[0], "packages": packages}


def _working_uv(request: Dict[str, Any]) -> str:
    """Path of a uv that runs here: the one put here, else one that pip installs."""
    if works(request["uv"]):
        return str(request["uv"])
    folder = request["pip_uv"]
    uv = os.path.join(folder, "bin", "uv")
    if works(uv):
        return uv
    say("This machine's uv does not run in the image; installing one that does.")
    wipe(folder)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"]
    code = run(request, [*command, "--target", folder, "uv==" + request["uv_version"]])
    if code or not works(uv):
        raise Failed("uv", code or 1)
    return uv


def works(uv: str) -> bool:
    """Whether a uv is there and runs."""
    try:
        return subprocess.call([uv, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def run(request: Dict[str, Any], command: Sequence[str]) -> int:
    """Run a program, its output into this one's; returns its exit code."""
    say("$ " + " ".join(command))
    environment = _environment(request)
    return subprocess.call(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd="/", env=environment)


def output(request: Dict[str, Any], command: Sequence[str]) -> List[str]:
    """Run a program; returns the lines that it prints."""
    answer = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=_environment(request),
        check=False,
    )
    if answer.returncode:
        raise Failed("freeze", answer.returncode)
    lines = answer.stdout.decode("utf-8", "replace").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _environment(request: Dict[str, Any]) -> Dict[str, str]:
    environment = dict(os.environ)
    environment.update(request["variables"])
    return environment


def newest(folder: str, key: str, after: Optional[float]) -> Tuple[str, Optional[Dict[str, Any]], str]:
    """Where the newest complete environment of a key lies, and its record; else where to build it, None, and why."""
    numbers = {}
    for path in glob.glob(os.path.join(glob.escape(folder), key) + "*"):
        suffix = os.path.basename(path)[len(key) :].lstrip(".") or "1"
        if suffix.isdecimal():
            numbers[int(suffix)] = path
    last = max(numbers) if numbers else 1
    place, fault = os.path.join(folder, key), ""
    for number in sorted(numbers, reverse=True):
        record = read_record(numbers[number], key)
        if record is not None and (after is None or record.get("began", 0) >= after):
            return numbers[number], record, ""
        if number == last:
            fault = "a build of it was not finished" if record is None else "what was built before is too old"
            place = numbers[last] if record is None else os.path.join(folder, f"{key}.{last + 1}")
    return place, None, fault


def read_record(folder: str, key: str) -> Optional[Dict[str, Any]]:
    """The record of a complete environment, else None."""
    try:
        with open(os.path.join(folder, "complete.json"), encoding="utf-8") as file:
            record: Dict[str, Any] = json.load(file)
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("format") != FORMAT or record.get("key") != key:
        return None
    return record if os.access(os.path.join(folder, "bin", "python"), os.X_OK) else None


def wipe(folder: str) -> None:
    """Remove a folder, or whatever stands in its place."""
    if os.path.isdir(folder) and not os.path.islink(folder):
        shutil.rmtree(folder, ignore_errors=True)
    elif os.path.lexists(folder):
        os.unlink(folder)


def _wait_for(lock: int) -> None:
    waiting = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not waiting:
                say("The same environment is being built by somebody else: waiting for it.")
            waiting = True
            time.sleep(RETRY)


def _write(folder: str, name: str, lines: Sequence[str]) -> str:
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    return path


def _write_last(path: str, record: Dict[str, Any]) -> None:
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def _tell(result: Dict[str, Any], code: int) -> int:
    say("traindock:" + json.dumps(result))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
