"""Who may use which GPU of this machine: leases shared by all workspaces and all users.

There is one file per device, named by its UUID, in one folder for the whole machine; who holds the exclusive
``flock`` on it has the device. A lock belongs to the open file, not to the process: the dispatcher opens and locks
it, its job's launcher inherits the descriptor, and the device is free once the last of them has closed it or died,
however it died. Nobody has to clean up, and a file's content, which says who holds it, means nothing while its lock
is free. Lock files are never removed: two processes could then each lock a file of the same name.

A launcher in a container inherits no descriptor, and opens the file anew. So that it can take the lock while the
dispatcher still has it, the dispatcher makes its own a shared one (:meth:`Lease.share`), and the launcher takes a
second shared one: whoever looks for a free device wants an exclusive lock, which any of the two keeps from them. That
alone would let a launcher in that comes late, when its dispatcher has died and somebody else has leased the device
and shares it in turn. Each lease has therefore a token of its own in the file, written under the exclusive lock: a
launcher that finds another one than its own has come too late, and executes nothing.

The folder is ``TRAINDOCK_LEASE_DIR`` if set, else ``/var/lock/traindock``, else ``/tmp/traindock-leases`` where
``/var/lock`` is not open to everybody; all users of a machine must agree on it. Anybody can write there (mode 1777,
files 0666), so nothing in it is trusted: links are not followed, files with a second name are refused, and what a
holder says of itself is bounded and only shown. On a machine whose users do not trust each other, its
administrator makes ``/var/lock/traindock`` as root: whoever owns the folder can remove files from it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from traindock.errors import StoreException

#: Overrides the folder of the leases.
VARIABLE = "TRAINDOCK_LEASE_DIR"
#: Longest text of a holder that is read, in bytes.
_MAX_HOLDER = 4096
_SUFFIX = ".lock"
#: Makes "all or nothing" quick where several want several; without it the leases are as safe, only less fair.
_TURN = "turn"
_TURN_PATIENCE = 0.5


class Lease:
    """Devices that this process has, until :meth:`release`.

    Attributes:
        uuids: the devices.
        fds: their open lock files, in the same order; empty after :meth:`release`. Give them to the launcher
            (``pass_fds`` of ``subprocess.Popen``, ``held_fds`` of ``launch.json``), which then holds the devices
            as well. They are not inheritable otherwise.
        files: paths of the lock files, in the same order.
        token: what tells this lease from every other one; it is in the files.
    """

    def __init__(self, uuids: Sequence[str], fds: Sequence[int], files: Sequence[Path], token: str) -> None:
        self.uuids = tuple(uuids)
        self.fds = tuple(fds)
        self.files = tuple(files)
        self.token = token

    def share(self) -> None:
        """Let a launcher that cannot inherit the descriptors hold the devices as well, by :attr:`files` and token.

        Nobody else can lease them before both have let go. May be called again.

        Raises:
            StoreException: a file does not have the token, or is not the one that was locked any more.
        """
        for fd, file in zip(self.fds, self.files, strict=True):
            try:
                if self.token.encode() not in os.pread(fd, _MAX_HOLDER, 0):
                    raise StoreException(
                        f"{file} cannot be written to, so that no container can hold the GPU: its mode should be 666, "
                        "and its disk not full"
                    )
                if not os.path.samestat(os.fstat(fd), os.lstat(file)):
                    raise FileNotFoundError(errno.ENOENT, "another file was put in its place")
                # Kernels before Linux 4 may let go of the one lock before they take the other.
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreException(f"somebody else has taken the lock of {file} in between: submit again") from None
            except OSError as error:
                raise StoreException(
                    f"{file}, by which the GPU is leased, was removed or cannot be read: {error}; have nothing tidy up "
                    f"in {file.parent}"
                ) from error

    def release(self) -> None:
        """Let go of this process's hold. A launcher that inherited the descriptors keeps the devices."""
        fds, self.fds = self.fds, ()
        _close(fds)  # never LOCK_UN: it would take the lock from the launcher too

    def __repr__(self) -> str:
        return f"Lease({', '.join(self.uuids)}{'' if self.fds else '; released'})"


class Leases:
    """The leases in one folder.

    Args:
        folder: None for the machine's own, see the module's text.

    Raises:
        StoreException: the folder cannot be made or used.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()
        _make_folder(self.folder)

    def try_acquire(self, count: int, candidates: Iterable[str], holder: Mapping[str, Any]) -> Lease | None:
        """Take ``count`` devices, all or none of them, without waiting.

        Args:
            count: how many; 0 gives an empty lease.
            candidates: UUIDs to choose from, the preferred first.
            holder: what others are shown: ``workspace``, ``run_id`` and what else helps. ``user``, ``pid`` and
                ``since`` are added.

        Returns:
            The lease, or None where not enough of them are free.
        """
        taken = self._take_all(count, candidates)
        if taken is None:
            return None
        token = secrets.token_hex(16)  # first in the file, of which only a bounded part is ever read
        said = {"token": token, "user": _user(), "pid": os.getpid(), "since": time.time(), **holder}
        text = json.dumps(said).encode()
        for fd in taken.values():
            with suppress(OSError):  # a full disk, or a file that only its owner may write
                os.pwrite(fd, text, 0)
                os.ftruncate(fd, len(text))
        return Lease(tuple(taken), tuple(taken.values()), [self.folder / _name(uuid) for uuid in taken], token)

    def are_free(self, count: int, candidates: Iterable[str]) -> bool:
        """Whether :meth:`try_acquire` would give a lease now."""
        taken = self._take_all(count, candidates)
        _close((taken or {}).values())
        return taken is not None

    def holders(self) -> dict[str, dict[str, Any] | None]:
        """Return who has each device that was ever leased here: what the holder said of itself, None if free.

        A holder that said nothing readable is shown as {}. The texts come from other users: show, do not trust.
        """
        found: dict[str, dict[str, Any] | None] = {}
        with self._turn():
            for name in sorted(os.listdir(self.folder)):
                if name.endswith(_SUFFIX):
                    uuid = unquote(name.removesuffix(_SUFFIX))
                    fd = self._take(uuid)
                    if fd is None:
                        found[uuid] = self._read_holder(name)
                    else:
                        os.close(fd)
                        found[uuid] = None
        return found

    def _take_all(self, count: int, candidates: Iterable[str]) -> dict[str, int] | None:
        """Lock the files of ``count`` devices; returns their descriptors by device, or None where too few are free."""
        taken: dict[str, int] = {}
        try:
            with self._turn():
                for uuid in dict.fromkeys(candidates):
                    if len(taken) == count:
                        break
                    fd = self._take(uuid)
                    if fd is not None:
                        taken[uuid] = fd
            if len(taken) == count:
                return taken
        except StoreException:
            _close(taken.values())
            raise
        _close(taken.values())
        return None

    def _take(self, uuid: str) -> int | None:
        """Lock a device's file; returns its descriptor, or None where somebody has it."""
        name = _name(uuid)
        while True:
            try:
                fd = self._open(name)
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EPERM, errno.ELOOP):
                    return None  # of no use to us, whoever made it so: as good as taken
                raise StoreException(f"the GPU leases in {self.folder} cannot be used: {error}") from error
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Something that tidies up may have removed the file before it was locked.
                if os.fstat(fd).st_ino == os.lstat(self.folder / name).st_ino:
                    return fd
            except BlockingIOError:
                os.close(fd)
                return None
            except FileNotFoundError:
                pass
            os.close(fd)

    def _open(self, name: str) -> int:
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            while True:
                # Not O_CREAT at once: Linux refuses that for another user's file in a folder open to everybody.
                for mode in (os.O_RDWR, os.O_RDONLY):
                    try:
                        fd = os.open(name, mode | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
                        return _checked(fd, name)
                    except PermissionError:
                        if mode == os.O_RDONLY:
                            raise
                    except FileNotFoundError:
                        break
                with suppress(FileExistsError):
                    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                    fd = os.open(name, flags, 0o666, dir_fd=folder)
                    os.fchmod(fd, 0o666)  # whatever the umask
                    return fd
        finally:
            os.close(folder)

    def _read_holder(self, name: str) -> dict[str, Any]:
        try:
            fd = self._open(name)
            try:
                holder = json.loads(os.pread(fd, _MAX_HOLDER, 0))
            finally:
                os.close(fd)
        except (OSError, ValueError):
            return {}
        return holder if isinstance(holder, dict) else {}

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let one process at a time look for devices, so that two that want both do not take one each."""
        try:
            fd = self._open(_TURN)
        except OSError:
            yield
            return
        try:
            deadline = time.monotonic() + _TURN_PATIENCE
            while time.monotonic() < deadline:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(0.002)
            yield
        finally:
            os.close(fd)


def default_folder() -> Path:
    """Return the folder of this machine's leases: the same for every user, whatever their ``TMPDIR``."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    shared = Path("/var/lock/traindock")
    with suppress(OSError):
        if shared.is_dir() or shared.parent.stat().st_mode & stat.S_IWOTH:
            return shared
    return Path("/tmp/traindock-leases")  # noqa: S108 -- meant to be shared; see _make_folder and _checked


def _make_folder(folder: Path) -> None:
    try:
        try:
            folder.mkdir(0o700)
            folder.chmod(0o1777)  # whatever the umask
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(folder).st_mode):
                raise StoreException(
                    f"{folder}, the folder of this machine's GPU leases, is a link or a file; remove it, or name "
                    f"another folder by {VARIABLE}"
                ) from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "not writable by this user; its mode should be 1777")
    except OSError as error:
        raise StoreException(
            f"the folder of this machine's GPU leases, {folder}, cannot be used: {error}; make it with mode "
            f"1777, or name another one by {VARIABLE}"
        ) from error


def _name(uuid: str) -> str:
    return quote(uuid, safe="") + _SUFFIX


def _close(fds: Iterable[int]) -> None:
    for fd in fds:
        os.close(fd)


def _checked(fd: int, name: str) -> int:
    """Refuse what only looks like a lock file: writing to it could damage somebody's file."""
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        return fd
    os.close(fd)
    raise OSError(errno.ELOOP, f"{name} is not a plain file with one name")


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
