"""Which host may write into a workspace on a network disk: one at a time, the others read.

The owner file with the highest number names the owner. To take a workspace over is to create the next number, which
only one host can (``O_EXCL`` holds over NFS and SMB, whatever a client has cached). The owner refreshes its file
while its dispatcher is at work. Another host may take over

- once the owner has given the workspace back, as an idle dispatcher does, or
- once it has seen the file unchanged for the limit, ``[network_disk] silence_seconds``, by its own clock: the clocks
  of hosts differ, and so do those of file servers.

An owner that could not refresh its file for half that limit, because it slept or the network was away, does not trust
it any more: it has to take the workspace over like anybody else, and learns then whether another one did. The other
half is for what clients cache.

A host to which the disk is one of its own, such as the server, has no owner file before another host comes. What
stands for one is the ``dispatcher.json`` in the workspace itself, which a dispatcher refreshes there while it is at
work and removes when it leaves. It leaves by itself when owner files have come.

A host is known by its boot and by the folder that it keeps for the workspace (``store.disks``), since within one
host the dispatcher's lock in that folder decides. A host that was restarted takes over from itself at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from traindock import settings
from traindock.compute.processes import Identity, alive, boot_id
from traindock.errors import StoreException, WorkspaceReadOnlyException
from traindock.store import disks
from traindock.store.files import read_json, write_json
from traindock.store.layout import WorkspaceLayout

# Of the limit, the part after which an owner no longer trusts its file, and that after which it is refreshed.
_TRUSTED: Final = 0.5
_REFRESHED: Final = 1 / 6
_KEPT: Final = 20
_RACES: Final = 20
#: Seconds within which a host that has created its file has also filled it.
_FILLED_SECONDS: Final = 2.0
#: Seconds within which a dispatcher of this machine has left after it learned that the disk is a network disk.
_LEAVING_SECONDS: Final = 10.0
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps


@dataclass(frozen=True, slots=True)
class Owner:
    """Content of an owner file.

    Attributes:
        host: name of the machine.
        boot_id: which boot of it.
        folder: id of the folder that it keeps for the workspace on a disk of its own.
        uid: whose processes they are.
        pid: the process that wrote this.
        clock: seconds since that boot.
        time: seconds since 1970, by the host's own reckoning.
        released: whether any host may take the workspace over at once.
    """

    host: str
    boot_id: str
    folder: str
    uid: int
    pid: int
    clock: float
    time: float
    released: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """The owner file with the highest number; ``owner`` is None where its content cannot be read.

    Number 0 is a dispatcher that takes the disk for one of its own machine's.
    """

    generation: int
    data: bytes
    owner: Owner | None


def check_writable(layout: WorkspaceLayout) -> None:
    """Check that this host may write into the workspace, taking it over if no other has it.

    On a disk of this machine that is a look at two files.

    Raises:
        WorkspaceReadOnlyException: another host has it, and the text names it; or it has to be opened again.
        StoreException: the disk refuses.
    """
    if not disks.is_current(layout):
        raise WorkspaceReadOnlyException(
            f"the workspace {layout.root} has to be opened again, Workspace({str(layout.root)!r}), before anything is "
            "changed in it: another host has come to use it, or [network_disk] in its settings was changed"
        )
    if layout.local is not None:
        of(layout).check()


def is_elsewhere(layout: WorkspaceLayout) -> bool:
    """Whether another host has the workspace, be it silent or not. Free on local disks."""
    return layout.local is not None and of(layout).elsewhere() is not None


@cache
def of(layout: WorkspaceLayout) -> Ownership:
    """Return this process's view of who owns a workspace on a network disk."""
    return Ownership(layout)


class Ownership:
    """Which host owns one workspace.

    Args:
        layout: of a workspace on a network disk.
        clock: seconds since the boot.
    """

    def __init__(self, layout: WorkspaceLayout, clock: Callable[[], float] | None = None) -> None:
        self._layout = layout
        self._clock = clock or (lambda: time.clock_gettime(_CLOCK))
        limit = settings.NetworkDiskSettings().silence_seconds
        with contextlib.suppress(StoreException):  # whoever submits is told
            limit = settings.load(layout.settings).network_disk.silence_seconds
        #: Seconds after which a host that was not heard may be succeeded.
        self.silence = max(1.0, limit)
        #: Seconds between two refreshments of the owner file.
        self.beat_seconds = self.silence * _REFRESHED
        self._sure_until = 0.0
        self._at_least: set[int] = set()

    def check(self) -> None:
        """See :func:`check_writable`."""
        if not self._clock() < self._sure_until:
            self._own(beat=False)

    def beat(self) -> None:
        """Refresh the owner file, which is what other hosts hear of this one.

        For a while afterwards :meth:`check` believes it without looking.

        Raises:
            WorkspaceReadOnlyException: another host has taken over.
            StoreException: the disk refuses.
        """
        self._sure_until = self._own(beat=True) + self.silence * _TRUSTED

    def release(self) -> None:
        """Let any host take the workspace over at once, unless another one has it already."""
        self._sure_until = 0.0
        found = self._newest()
        if found is not None and self._trusts(found):
            self._write(self._layout.owner(found.generation), replace(self._myself(), released=True))

    def elsewhere(self) -> Owner | None:
        """Return the other host that has the workspace, be it silent or not; None where this one has it or may."""
        found = self._newest()
        if found is None or self._is_mine(found) or (found.owner is not None and found.owner.released):
            return None
        self._silent_for(found)  # the sooner it is watched, the sooner it may be succeeded
        return found.owner or Owner("", "", "", -1, 0, 0.0, 0.0)

    def is_mine(self) -> bool:
        """Whether this host was the last to write."""
        found = self._newest()
        return found is not None and self._is_mine(found)

    def _own(self, *, beat: bool) -> float:
        """Own the workspace, and return since when (by the clock) that is certain."""
        for attempt in range(_RACES):
            found, now = self._newest(), self._clock()
            if found is not None and self._trusts(found):
                assert found.owner is not None
                if not beat:
                    return found.owner.clock
                self._write(self._layout.owner(found.generation), self._myself())
                if self._clock() - found.owner.clock < self.silence * _TRUSTED:
                    return now
            if found is not None and not self._may_follow(found):
                if _is_leaving(found) and attempt < _RACES - 1:
                    time.sleep(_LEAVING_SECONDS / _RACES)
                    continue
                raise WorkspaceReadOnlyException(self._refusal(found))
            if self._take(found.generation + 1 if found else 1):
                return now
        raise StoreException(f"cannot take over the workspace {self._layout.root}: other hosts try, too; try again")

    def _trusts(self, found: _Found) -> bool:
        """Whether this is this boot's own file, and so young that no other host can have taken over."""
        owner = found.owner
        return (
            owner is not None
            and self._is_mine(found)
            and owner.boot_id == boot_id()
            and not owner.released
            and 0 <= self._clock() - owner.clock < self.silence * _TRUSTED
        )

    def _is_mine(self, found: _Found) -> bool:
        return found.owner is not None and found.owner.folder == self._folder_id()

    def _may_follow(self, found: _Found) -> bool:
        if found.generation == 0 and _is_held(WorkspaceLayout(self._layout.root).dispatcher_lock):
            return False
        if self._is_mine(found) or (found.owner is not None and found.owner.released):
            return True
        return self._silent_for(found) >= self.silence

    def _take(self, generation: int) -> bool:
        """Create the owner file of this number; False where another host was first."""
        path = self._layout.owner(generation)
        try:
            self._layout.owners.mkdir(exist_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            self._at_least = {generation}  # a client may go on listing the folder as it was
            return False
        except OSError as error:
            raise StoreException(f"cannot take over the workspace {self._layout.root}: {error.strerror}") from error
        with os.fdopen(fd, "wb") as file:
            file.write(_encoded(self._myself()))
            file.flush()
            os.fsync(file.fileno())
        known = self._generations()
        for old in known[:-_KEPT]:
            self._layout.owner(old).unlink(missing_ok=True)
        # A higher number was hidden by what this client had cached.
        return known[-1:] == [generation]

    def _newest(self) -> _Found | None:
        """Return the owner file that counts, or None where no host ever wrote."""
        deadline = time.monotonic() + _FILLED_SECONDS
        while True:
            known = self._generations()
            if not known:
                return self._alone()
            data = b""
            with contextlib.suppress(OSError):  # removed since, or a server that is away
                data = self._layout.owner(known[-1]).read_bytes()
            owner = _decoded(data)
            if owner is not None or time.monotonic() > deadline:
                return _Found(known[-1], data, owner)
            time.sleep(0.02)

    def _alone(self) -> _Found | None:
        """Return the dispatcher that takes the disk for its machine's own, unless it is known to be gone."""
        layout = WorkspaceLayout(self._layout.root)
        held = _is_held(layout.dispatcher_lock)
        try:
            with open(layout.dispatcher_json, "rb") as file:  # opening makes a client ask how old it is
                data, status = file.read(), os.fstat(file.fileno())
        except FileNotFoundError:
            return _Found(0, b"", None) if held else None
        except OSError as error:
            raise StoreException(f"cannot see who owns {layout.root}: {error.strerror}") from error
        owner = None
        with contextlib.suppress(ValueError, TypeError, KeyError):
            document = json.loads(data)
            process = Identity(**document["process"])
            if not held and process.boot_id and process.boot_id == boot_id() and not alive(process):
                return None
            owner = Owner(
                host=str(document.get("host", "")),
                boot_id=process.boot_id,
                folder="",
                uid=status.st_uid,
                pid=process.pid,
                clock=0.0,
                time=status.st_mtime,
            )
        return _Found(0, data + b"%d" % status.st_mtime_ns, owner)

    def _generations(self) -> list[int]:
        try:
            listed = {int(name[:-5]) for name in os.listdir(self._layout.owners) if name[:-5].isdecimal()}
            return sorted(listed | self._at_least)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreException(f"cannot see who owns {self._layout.root}: {error.strerror}") from error

    def _silent_for(self, found: _Found) -> float:
        """Return for how many seconds this host has seen the file as it is; the first look begins to count."""
        now, path = self._clock(), self._layout.owner_seen
        seen: dict[str, Any] = {
            "generation": found.generation,
            "sha256": hashlib.sha256(found.data).hexdigest(),
            "boot_id": boot_id(),
        }
        with contextlib.suppress(FileNotFoundError, StoreException, AttributeError, KeyError, TypeError):
            before = read_json(path)
            if seen.items() <= before.items() and before["since"] <= now:
                return float(now - before["since"])
        write_json(path, {**seen, "since": now}, durable=False)
        return 0.0

    def _refusal(self, found: _Found) -> str:
        owner, root = found.owner, self._layout.root
        silent = self._silent_for(found)
        name = "another host"
        if owner is not None:
            heard = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(owner.time))
            name = f"host {owner.host!r} (process {owner.pid} of user {owner.uid}, last heard {heard} by its clock)"
        return (
            f"the workspace {root} can only be read here, since {name} has it: submit and change things there. "
            f"Once that host has been silent for {self.silence:.0f} s this one may take over; it has watched it be "
            f"silent for {silent:.0f} s, so try again in {max(0.0, self.silence - silent):.0f} s if that host is gone"
        )

    def _myself(self) -> Owner:
        return Owner(
            host=os.uname().nodename,
            boot_id=boot_id(),
            folder=self._folder_id(),
            uid=os.getuid(),
            pid=os.getpid(),
            clock=self._clock(),
            time=time.time(),
        )

    def _folder_id(self) -> str:
        path = self._layout.host_id
        with contextlib.suppress(OSError):
            return path.read_text("ascii")
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            temporary.write_text(secrets.token_hex(16), "ascii")
            # Of several first processes one wins: link() fails where replace() would overwrite.
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
            temporary.unlink()
            return path.read_text("ascii")
        except OSError as error:
            raise StoreException(f"cannot write {path}: {error.strerror}") from error

    @staticmethod
    def _write(path: Path, owner: Owner) -> None:
        write_json(path, asdict(owner))


def _is_leaving(found: _Found) -> bool:
    """Whether it is a dispatcher of this machine, which leaves as soon as it sees what has changed."""
    return found.generation == 0 and (found.owner is None or found.owner.boot_id == boot_id())


def _is_held(lock: Path) -> bool:
    """Whether a dispatcher holds the lock alone; False where locks do not work."""
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def _encoded(owner: Owner) -> bytes:
    return json.dumps(asdict(owner), indent=2).encode() + b"\n"


def _decoded(data: bytes) -> Owner | None:
    try:
        owner = Owner(**json.loads(data))
        return replace(owner, clock=float(owner.clock), time=float(owner.time))
    except (ValueError, TypeError):
        return None
