"""Short-lived containers that look into images and build environments, and streams of an engine, all of which can end.

Every container here is removed when its work is over; what a killed process left behind is removed by the next one.
"""

from __future__ import annotations

import contextlib
import io
import json
import queue
import tarfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from traindock.errors import EnvironmentBuildException
from traindock.images.containers.engines import NO_GPUS, ContainerEngine, ContainerUser
from traindock.images.uv import BuildCanceled, mask

ROLE_LABEL: Final = "traindock.role"
BUILDS_LABEL: Final = "traindock.builds"
_POLL: Final = 0.05
#: Seconds that a stream has to end by itself after whoever reads it has stopped.
_LAST_WORDS: Final = 1.0
#: Lines of a container's output that are kept.
_KEPT: Final = 400
#: Seconds after which an ended container of a build belongs to nobody any more.
_LEFT_BEHIND: Final = 120.0
_RESULT: Final = b"traindock:"

_FULL: Final = ("no space left on device", "disk quota exceeded")


class NotStarted(Exception):
    """A container could not be started; the text is the engine's."""


@dataclass(frozen=True, slots=True)
class Work:
    """A container to run to its end.

    Attributes:
        image: id of the image.
        command: program and arguments, in place of the image's entrypoint.
        role: "probe" or "build", for the label.
        user: as whom.
        volume: name of the volume to mount, and where; None for none.
        folders: folders of this machine to mount read-only at the same path.
        network: None for the engine's default.
        capabilities: what it keeps of root's.
        labels: further labels.
        variables: environment variables; everybody who may use the engine sees them.
        archives: tar archives by the folder to unpack them in.
    """

    image: str
    command: tuple[str, ...]
    role: str
    user: ContainerUser
    volume: tuple[str, str] | None = None
    folders: tuple[str, ...] = ()
    network: str | None = None
    capabilities: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    archives: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended.

    Attributes:
        code: exit code.
        output: the last 400 lines, passwords left out.
        result: the object that it printed last behind ``traindock:``, or None.
        out_of_memory: whether the kernel killed something in it.
    """

    code: int
    output: tuple[str, ...]
    result: dict[str, Any] | None
    out_of_memory: bool


def run(engine: ContainerEngine, work: Work, *, say: Callable[[str], None], cancelled: Callable[[], bool]) -> Ended:
    """Run a container to its end and remove it.

    Args:
        engine: where.
        work: what.
        say: is told each line that it prints, as it prints it.
        cancelled: asked many times a second; true kills it at once.

    Raises:
        BuildCanceled: ``cancelled`` said so.
        NotStarted: it could not be started.
        EnvironmentBuildException: the engine's disk is full.
    """
    import docker.errors

    api = engine.api
    try:
        container = api.create_container_from_config(_config(engine, work))["Id"]
    except docker.errors.APIError as error:
        raise _refused(engine, error) from error
    try:
        for place, archive in work.archives.items():
            api.put_archive(container, place, archive)
        output = _Output(say)
        stream = api.attach(container, stdout=True, stderr=True, stream=True)
        reader = threading.Thread(target=output.read, args=(stream,), daemon=True, name="container-output")
        reader.start()
        api.start(container)
        while reader.is_alive():
            reader.join(_POLL)
            if cancelled():
                raise BuildCanceled("the build was canceled")
        code = int(api.wait(container)["StatusCode"])
        state = api.inspect_container(container)["State"]
        return Ended(code, tuple(output.lines), output.result, bool(state.get("OOMKilled")))
    except docker.errors.APIError as error:
        raise _refused(engine, error) from error
    finally:
        with contextlib.suppress(docker.errors.APIError):
            api.remove_container(container, force=True, v=True)


class _Output:
    """What a container prints, line by line."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.lines: deque[str] = deque(maxlen=_KEPT)
        self.result: dict[str, Any] | None = None
        self._say = say

    def read(self, stream: Any) -> None:
        rest = b""
        with contextlib.suppress(Exception):  # the stream ends with the container, in whatever way
            for chunk in stream:
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    self._take(line)
        if rest:
            self._take(rest)

    def _take(self, raw: bytes) -> None:
        if raw.startswith(_RESULT):
            with contextlib.suppress(ValueError):
                self.result = json.loads(raw.removeprefix(_RESULT))
                return
        line = mask(raw.decode("utf-8", "replace").rstrip("\r"))
        self.lines.append(line)
        self._say(line)


def _config(engine: ContainerEngine, work: Work) -> dict[str, Any]:
    mounts = [{"Type": "bind", "Source": path, "Target": path, "ReadOnly": True} for path in work.folders]
    if work.volume is not None:
        source, target = work.volume
        options = {"NoCopy": True}  # of what the image may have in that place
        mounts.append(
            {"Type": "volume", "Source": source, "Target": target, "ReadOnly": False, "VolumeOptions": options}
        )
    security = ["no-new-privileges"]
    if engine.facts().selinux and work.folders:
        security.append("label=disable")
    host: dict[str, Any] = {
        "Mounts": mounts,
        "CapDrop": ["ALL"],
        "CapAdd": list(work.capabilities),
        "SecurityOpt": security,
        "GroupAdd": [str(group) for group in work.user.group_add],
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
    }
    if work.user.userns_mode:
        host["UsernsMode"] = work.user.userns_mode
    if work.network:
        host["NetworkMode"] = work.network
    return {
        "Image": work.image,
        "Entrypoint": list(work.command[:1]),
        "Cmd": list(work.command[1:]),
        "User": work.user.user,
        "WorkingDir": "/",
        "Env": [f"{name}={value}" for name, value in {**NO_GPUS, **work.variables}.items()],
        "Labels": {**work.labels, ROLE_LABEL: work.role},
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": host,
    }


def _refused(engine: ContainerEngine, error: Any) -> Exception:
    """What a refusal of the engine comes to; its own text where nothing better is known."""
    text = str(error.explanation or error).strip()
    return disk_full(engine, text) or NotStarted(text)


def disk_full(engine: ContainerEngine, text: str) -> EnvironmentBuildException | None:
    """The error to raise where a line of ``text`` says that the engine's disk is full."""
    line = next((each for each in text.splitlines() if any(words in each.lower() for words in _FULL)), None)
    if line is None:
        return None
    return EnvironmentBuildException(
        f"the disk of the container engine is full ({engine.facts().root_dir or engine.url}): see what takes the space "
        f"with `docker system df`, and free some, for example with `docker image prune` ({mask(line.strip())})"
    )


def archive(files: Mapping[str, tuple[bytes, int]], owner: tuple[int, int] = (0, 0)) -> bytes:
    """A tar archive of files by path, with their modes; folders are made, readable by the owner alone."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        made: set[str] = set()
        for path, (content, mode) in files.items():
            parts = path.split("/")[:-1]
            for depth in range(len(parts)):
                folder = "/".join(parts[: depth + 1])
                if folder not in made:
                    made.add(folder)
                    _add(tar, folder, b"", 0o700, owner, tarfile.DIRTYPE)
            _add(tar, path, content, mode, owner, tarfile.REGTYPE)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int, owner: tuple[int, int], kind: bytes) -> None:
    member = tarfile.TarInfo(path)
    member.size, member.mode, member.type = len(content), mode, kind
    member.uid, member.gid = owner
    member.mtime = int(time.time())
    tar.addfile(member, io.BytesIO(content))


def owner_of(user: ContainerUser) -> tuple[int, int]:
    """User and group as numbers."""
    uid, _, gid = user.user.partition(":")
    return int(uid), int(gid or uid)


def events(
    start: Callable[[], Any], engine: ContainerEngine, cancelled: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """Yield what an engine streams as JSON; ``cancelled`` breaks the stream off, which ends what it tells about.

    Args:
        start: sends the request and returns the response.
        engine: whose.
        cancelled: asked many times a second.

    Raises:
        BuildCanceled: ``cancelled`` said so.
    """
    from docker.types import CancellableStream

    told: queue.SimpleQueue[dict[str, Any] | BaseException | None] = queue.SimpleQueue()
    broken_off = threading.Event()
    streams: list[Any] = []

    def read() -> None:
        try:
            response = start()
            stream = CancellableStream(engine.api._stream_helper(response, decode=True), response)
            streams.append(stream)
            if broken_off.is_set():
                stream.close()
                return
            for event in stream:
                told.put(event)
            told.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the stream is read
            told.put(error)

    reader = threading.Thread(target=read, daemon=True, name="engine-stream")
    reader.start()
    patience = _LAST_WORDS
    try:
        while True:
            try:
                event = told.get(timeout=_POLL)
            except queue.Empty:
                if cancelled():
                    patience = 0
                    raise BuildCanceled("the build was canceled") from None
                continue
            if event is None:
                return
            if isinstance(event, BaseException):
                raise event
            yield event
            if cancelled():
                patience = 0
                raise BuildCanceled("the build was canceled")
    finally:
        broken_off.set()
        # Who stops at an error has most often read the last: a connection that is closed just as its stream ends goes
        # back to its pool, and fails the next request.
        reader.join(patience)
        if reader.is_alive():
            for stream in streams:
                with contextlib.suppress(Exception):
                    stream.close()


def remove_left_behind(engine: ContainerEngine, labels: Mapping[str, str]) -> None:
    """Remove containers of builds that ended, or never started, and whose maker is gone."""
    import docker.errors

    filters = {"label": [f"{name}={value}" for name, value in labels.items()], "status": ["created", "exited", "dead"]}
    with contextlib.suppress(docker.errors.APIError):
        for found in engine.api.containers(all=True, filters=filters):
            if found.get("Labels", {}).get(ROLE_LABEL) not in ("probe", "build"):
                continue
            state = engine.api.inspect_container(found["Id"])["State"]
            since = found["Created"] if found["State"] == "created" else _time(state.get("FinishedAt"))
            if time.time() - since > _LEFT_BEHIND:
                engine.api.remove_container(found["Id"], force=True, v=True)


def _time(text: Any) -> float:
    from datetime import datetime

    try:
        return datetime.fromisoformat(str(text)[:19] + "+00:00").timestamp()
    except ValueError:
        return 0.0
