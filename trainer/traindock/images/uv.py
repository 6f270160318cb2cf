"""Running uv: where it is, with which settings, its output live in the build log, and its end when asked for."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from traindock.errors import EnvironmentBuildException

_CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s'\"]+@")
_TOKENS: Final = re.compile(r"([?&;](?:sig|sas|token|access_token|key|api_key|password|secret)=)[^&;\s'\"]+", re.I)

#: How many lines of a failed program's output go into the exception.
_TAIL: Final = 25
#: Seconds between two looks at whether the build was cancelled.
_POLL: Final = 0.05


class BuildCanceled(EnvironmentBuildException):
    """The build was ended because the run was canceled; nothing half-built is left."""

    code = "build_canceled"


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """Where builds get their packages from, as the workspace's settings say.

    What is left at its default is uv's own business: its configuration files and environment variables hold.

    Attributes:
        index_url: package index in place of PyPI.
        extra_index_urls: indexes that are asked before it.
        find_links: folders or pages with further packages.
        offline: ask no index at all; ``find_links`` must have everything.
        proxy: URL of the proxy for HTTP and HTTPS.
        ca_bundle: file of the certificates to trust.
        variables: the environment variables to build with, those of the submitter; this process's if None.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    offline: bool = False
    proxy: str | None = None
    ca_bundle: str | None = None
    variables: Mapping[str, str] | None = None

    def environment(self, recipe_index: str | None = None, extra: Iterable[str] = ()) -> dict[str, str]:
        """The environment variables to build with, with those added that tell uv about the settings.

        Addresses travel in variables and not in arguments, because every user of the machine can read arguments.

        Raises:
            EnvironmentBuildException: the file of certificates is missing.
        """
        env = dict(os.environ if self.variables is None else self.variables)
        env.update({"UV_NO_PROGRESS": "1", "UV_NO_WRAP": "1", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"})
        # Another build may be compiling the same package for a long while.
        env.setdefault("UV_LOCK_TIMEOUT", "900")
        # Gigabytes are fetched side by side and unpacked meanwhile: on a busy machine one file may get no byte, and a
        # new connection no answer, for longer than the 30 and 10 seconds after which uv by itself gives up.
        env.setdefault("UV_HTTP_TIMEOUT", "300")
        env.setdefault("UV_HTTP_CONNECT_TIMEOUT", "60")
        # Of the fifty that uv would fetch at once, one may starve for as long as that.
        env.setdefault("UV_CONCURRENT_DOWNLOADS", "10")
        if index := recipe_index or self.index_url:
            env["UV_DEFAULT_INDEX"] = index
            env.pop("UV_INDEX_URL", None)
        if indexes := [*extra, *self.extra_index_urls]:
            env["UV_INDEX"] = " ".join(indexes)
            env.pop("UV_EXTRA_INDEX_URL", None)
        if self.offline:
            env["PIP_NO_INDEX"] = "1"  # for conda; uv is told by an argument
        if self.proxy:
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
                env[name] = env[name.lower()] = self.proxy
        if self.ca_bundle:
            if not Path(self.ca_bundle).is_file():
                raise EnvironmentBuildException(
                    f"the certificates {self.ca_bundle!r} of the build settings are missing"
                )
            for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"):
                env[name] = self.ca_bundle
        return env


def mask(text: str) -> str:
    """``text`` without the passwords and tokens of the URLs in it."""
    return _TOKENS.sub(r"\1***", _CREDENTIALS.sub("***@", text))


def masked(value: Any) -> Any:
    """A JSON value without the passwords and tokens of the URLs in it, for people to see."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: masked(item) for key, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list | tuple) else value


def find_uv() -> str:
    """Path of uv: the one installed with Traindock, else the one on PATH.

    Raises:
        EnvironmentBuildException: there is none.
    """
    try:
        from uv import find_uv_bin

        return os.fsdecode(find_uv_bin())
    except (ImportError, FileNotFoundError):
        pass
    if found := shutil.which("uv"):
        return found
    raise EnvironmentBuildException("uv was not found: install it with `pip install uv`")


class BuildLog:
    """A build log that grows line by line; a full disk loses lines of it and nothing else.

    Args:
        path: the file, appended to; its folder is made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def say(self, line: str) -> None:
        """Append one line, passwords left out."""
        with contextlib.suppress(OSError):
            os.write(self._fd, (mask(line) + "\n").encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def __enter__(self) -> BuildLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended.

    Attributes:
        code: exit code; negative for a signal.
        output: the last 400 lines it wrote, passwords left out.
    """

    code: int
    output: tuple[str, ...]

    @property
    def tail(self) -> list[str]:
        """The lines that explain a failure."""
        return [line for line in self.output if line.strip()][-_TAIL:]


def run_program(
    command: Sequence[str],
    *,
    log: BuildLog,
    cancelled: Callable[[], bool],
    env: Mapping[str, str],
    keep_open: Sequence[int] = (),
) -> Outcome:
    """Run a program to its end, its output copied into ``log`` line by line.

    Args:
        command: program and arguments.
        log: gets each line as it is written.
        cancelled: asked many times a second; true ends the program and all it started at once.
        env: the program's environment variables.
        keep_open: file descriptors to hand on: the lock of a build lasts until the last program working on it is
            gone, even if this process is killed.

    Raises:
        BuildCanceled: it was ended because ``cancelled`` said so.
        EnvironmentBuildException: it could not be started.
    """
    try:
        # "/" as working folder: uv would read the settings of whatever project the dispatcher was started in
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            cwd="/",
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )
    except OSError as error:
        raise EnvironmentBuildException(f"{command[0]} cannot be started: {error}") from error
    assert process.stdout is not None
    lines: deque[str] = deque(maxlen=400)
    reader = threading.Thread(target=_copy, args=(process.stdout, log, lines), daemon=True, name="build-log")
    reader.start()
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(_POLL)
                break
            if cancelled():
                raise BuildCanceled("the build was canceled")
    except BaseException:
        _kill(process)
        raise
    finally:
        # A daemon that a build left behind may hold the pipe open for ever.
        reader.join(2.0)
    return Outcome(code, tuple(lines))


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _copy(pipe: IO[bytes], log: BuildLog, lines: deque[str]) -> None:
    with contextlib.suppress(OSError, ValueError), pipe:
        for raw in pipe:
            line = mask(raw.decode("utf-8", "replace").rstrip("\r\n"))
            lines.append(line)
            log.say(line)
