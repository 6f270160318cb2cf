"""What the launcher does: the lock, the marks and the records of one job; ``launcher`` says it all.

Standard library only, Python 3.8 or later.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time

from .job_process import Job, Signals, group_memory, oom_kills, quietly, read_bytes, start_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

BAD_REQUEST, CANNOT_RECORD, LOCK_TAKEN, STARTED_BEFORE, LEASE_LOST = 64, 74, 75, 76, 77

#: Bytes set aside for the exit record, and for bootstrap.py's error record.
RESERVED = 16384
#: Seconds a process that only looks whether a lock is held may delay the launcher that takes it.
LOCK_PATIENCE = 0.25
#: Bytes of a lease that are read: its token is among the first.
LEASE_BYTES = 4096


def main(request_path: str) -> int:
    """Do what ``request_path`` asks for; returns this process's exit code (see the module's text)."""
    signals = Signals()
    try:
        request = _read_request(request_path)
    except (OSError, ValueError) as error:
        return _refuse(BAD_REQUEST, f"{request_path}: {error}")
    lock = _take_lock(request["lock"])
    if lock is None:
        return _refuse(LOCK_TAKEN, f"{request['lock']} is held by another launcher")
    _reached("launcher.locked")
    if os.path.lexists(request["started"]):
        return _refuse(STARTED_BEFORE, f"{request['started']} is there: started before")
    for path, token in request.get("leases") or ():
        why = _take_lease(path, token)
        if why:
            return _refuse(LEASE_LOST, f"the GPU of the lease {path} is not this job's, nothing was started: {why}")
    _reached("launcher.leased")
    try:
        output = os.open(request["stdout"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        exit_file = _reserve(request["exit"], b" " * RESERVED)
        os.fsync(exit_file)
        if request.get("error"):
            os.close(_reserve(request["error"], b" " * RESERVED))
        if request.get("lost"):
            os.close(_reserve(request["lost"], bytes(8)))
        started = {
            "run_id": request["run_id"],
            "attempt": request["attempt"],
            "pid": os.getpid(),
            "pid_started": start_of(os.getpid()),
            "host": os.uname().nodename,
            "boot_id": read_bytes("/proc/sys/kernel/random/boot_id").decode().strip(),
            "time": time.time(),
        }
        _write_whole(request["started"], _flat_json(started), durable=True)
    except OSError as error:
        return _refuse(CANNOT_RECORD, f"cannot write the job's records, nothing was started: {error}")
    _reached("launcher.started")

    record = _run(request, started, output, signals)
    record["lost_output_bytes"] = int.from_bytes(read_bytes(request.get("lost"))[:8], "little")
    record["error"] = _take_error(request.get("error"))
    _reached("launcher.ended")
    _record(exit_file, record)
    return 0


def _refuse(code: int, text: str) -> int:
    sys.stderr.write(f"traindock launcher: {text}\n")
    return code


def _read_request(path: str) -> Dict[str, Any]:
    with open(path, "rb") as file:
        request = _parse(file.read().decode())
    expected = {
        "argv": list, "cwd": str, "env": dict, "stdout": str, "lock": str, "started": str, "exit": str,
        "grace_seconds": (int, float), "held_fds": list, "run_id": str, "attempt": int,
    }  # fmt: skip
    if not isinstance(request, dict):
        raise ValueError("expected an object")
    for key, kind in expected.items():
        if not isinstance(request.get(key), kind):  # type: ignore[arg-type]
            raise ValueError(f"{key!r} is missing or of the wrong kind: {request.get(key)!r}")
    if not request["argv"]:
        raise ValueError("'argv' is empty")
    for fd in request["held_fds"]:
        os.set_inheritable(fd, False)  # the lease ends with the launcher, whatever the job leaves behind
    return request


def _take_lock(path: str) -> int | None:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    return fd if _lock(fd, fcntl.LOCK_EX) else None


def _take_lease(path: str, token: str) -> str:
    """Hold a GPU until this process ends, beside the dispatcher that leased it; returns why not, "" where it does.

    The lock alone does not say for whom the device is leased: the token does, which whoever leases it writes.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)  # for life, and not the job's
        if not _lock(fd, fcntl.LOCK_SH):
            return "somebody else has it"
        if token.encode() not in os.pread(fd, LEASE_BYTES, 0):
            return "it was leased to somebody else since"
    except OSError as error:
        return str(error)
    return ""


def _lock(fd: int, kind: int) -> bool:
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)


def _run(request: Dict[str, Any], started: Dict[str, Any], output: int, signals: Signals) -> Dict[str, Any]:
    """Execute the job and wait until its last process is gone; returns the record of its end."""
    record: Dict[str, Any] = {"exit_code": None, "signal": None, "launch_error": None, "launch_error_kind": None}
    oom_before = oom_kills()
    wall, begin = time.time(), time.monotonic()
    limit = request.get("max_seconds")
    job = Job(signals, float(request["grace_seconds"]), begin + limit if limit is not None else None)
    if signals.cancel:
        job.canceled, job.ended = True, begin
    else:
        failure = job.start(request, output)
        if failure:
            record["launch_error_kind"], record["launch_error"] = failure
        else:
            _reached("launcher.spawned")
            started["child_pid"], started["child_started"] = job.pid, start_of(job.pid)
            # Should this fail, the mark itself is there; only the child's number is missing.
            quietly(_write_whole, request["started"], _flat_json(started))
            job.follow()
            if job.status is not None:
                if os.WIFSIGNALED(job.status):
                    record["signal"] = os.WTERMSIG(job.status)
                else:
                    record["exit_code"] = os.WEXITSTATUS(job.status)
    killed = not job.kills and (record["signal"] == 9 or record["exit_code"] == 128 + 9)
    seconds = job.ended - begin
    record.update(
        started=wall, ended=wall + seconds, seconds=seconds,
        peak_memory_bytes=job.peak_memory, user_seconds=job.user_seconds, system_seconds=job.system_seconds,
        canceled=job.canceled, timed_out=job.timed_out,
        oom_killed=killed and oom_kills() > oom_before, left_behind=job.left_behind,
    )  # fmt: skip
    if request.get("own_group"):
        record["oom_kills"] = oom_kills() - oom_before
        record["memory_limit_bytes"], record["memory_peak_bytes"] = group_memory()
    return record


# ---------------------------------------------------------------------------------------------------------- files


def _reserve(path: str, content: bytes) -> int:
    """Write ``content`` to have its room on the disk; returns a descriptor to overwrite it with."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, 0, len(content))
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
    _write_all(fd, content)
    return fd


def _write_all(fd: int, content: bytes) -> None:
    while content:
        content = content[os.write(fd, content) :]


def _write_whole(path: str, content: bytes, durable: bool = False) -> None:
    """Write a file that is there whole or not at all; if ``durable``, also after a power failure from now on."""
    temporary = f"{path}.{os.getpid()}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        _write_all(fd, content)
        if durable:
            os.fsync(fd)
        os.rename(temporary, path)
    except OSError:
        quietly(os.unlink, temporary)
        raise
    finally:
        os.close(fd)
    if durable:
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _parse(text: str) -> Any:
    """``json.loads`` by its C core alone: importing json takes 8 ms, which each job's first line would wait for."""
    try:
        from _json import make_scanner

        settings = {"strict": True, "memo": {}, "object_hook": None, "object_pairs_hook": None}
        numbers = {"parse_float": float, "parse_int": int, "parse_constant": float}
        context: Any = type("Context", (), {**settings, **numbers})
        value, end = make_scanner(context)(text, 0)
        if not text[end:].strip():
            return value
    except Exception:  # noqa: BLE001, S110 -- no such core, or no JSON: json itself says what is wrong
        pass
    import json

    return json.loads(text)


def _flat_json(values: Dict[str, Any]) -> bytes:
    """An object of strings, numbers and nulls as JSON, without importing json."""
    try:
        from _json import encode_basestring_ascii as quoted
    except ImportError:
        import json

        return json.dumps(values).encode()
    parts = []
    for key, value in values.items():
        shown = quoted(value) if isinstance(value, str) else "null" if value is None else repr(value)
        parts.append(f"{quoted(key)}: {shown}")
    return ("{" + ", ".join(parts) + "}").encode()


def _take_error(path: str | None) -> Dict[str, Any] | None:
    """What bootstrap.py wrote about the script's end; a file left blank is removed."""
    import json

    text = read_bytes(path).strip(b" \0\n")
    if path and not text:
        quietly(os.unlink, path)
    try:
        error = json.loads(text)
    except ValueError:
        return None
    return error if isinstance(error, dict) else None


def _record(fd: int, record: Dict[str, Any]) -> None:
    """Overwrite the reserved blanks in place, which a full disk allows."""
    import json

    text = json.dumps(record).encode()
    while len(text) > RESERVED and record["error"]:
        lines = record["error"].get("traceback") or []
        record["error"] = dict(record["error"], traceback=lines[len(lines) // 2 + 1 :]) if lines else None
        text = json.dumps(record).encode()
    for _ in range(30):  # copy-on-write file systems may want new space even so
        try:
            os.pwrite(fd, text.ljust(RESERVED), 0)
            os.fsync(fd)
            return
        except OSError as error:
            _refuse(CANNOT_RECORD, f"cannot record the end of the job yet: {error}")
            time.sleep(1)


def _reached(point: str) -> None:
    """For tests: end this process where ``TRAINDOCK_FAULT`` says so (see ``traindock.faultpoints``)."""
    if os.environ.get("TRAINDOCK_FAULT") == point + ":kill":
        os.kill(os.getpid(), 9)
