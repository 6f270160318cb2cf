"""A rootless Docker engine, started by root for an ordinary user; standard library only, like ``engines``."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.docker.engines import EngineFailed, answers, last_lines

#: What has to be there, and Debian's package of it.
PROGRAMS = {
    "dockerd": "docker.io",
    "rootlesskit": "rootlesskit",
    "slirp4netns": "slirp4netns",
    "newuidmap": "uidmap",
}

#: Where the machine keeps its tun device to root, others get one of their own, in a mount namespace of their own.
_WITH_TUN = """
set -e
mount --bind "$1" /dev/net/tun
shift
exec "$@"
"""

#: Folders of the host's engine are hidden by the copies of /etc and /run that rootlesskit makes.
_INSIDE = "rm -rf /run/docker /run/containerd /run/xtables.lock; exec dockerd --rootless"


class RootlessEngine:
    """A dockerd in a user namespace, with a network of its own that reaches what this machine reaches.

    Args:
        folder: for all that it makes; a short path of root's, which the user can pass.
        uid: its user, who needs entries in /etc/subuid and /etc/subgid.
        gid: the user's group.
    """

    def __init__(self, folder: Path, uid: int, gid: int) -> None:
        self.folder = folder
        self.uid, self.gid = uid, gid
        self.url = f"unix://{folder}/running/docker.sock"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 60.0) -> None:
        """Start it, and return once it answers.

        Raises:
            EngineFailed: something is missing, or it did not start; the text ends with its last words.
        """
        if missing := [package for program, package in PROGRAMS.items() if shutil.which(program, path=_path()) is None]:
            raise EngineFailed(f"for a rootless engine these packages are missing: {', '.join(missing)}")
        for name in ("running", "home"):
            (self.folder / name).mkdir(mode=0o700, parents=True)
            os.chown(self.folder / name, self.uid, self.gid)
        command = ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "env"]
        command += [f"HOME={self.folder}/home", f"XDG_RUNTIME_DIR={self.folder}/running", f"PATH={_path()}"]
        command += ["rootlesskit", "--net=slirp4netns", "--mtu=65520", "--disable-host-loopback"]
        command += ["--copy-up=/etc", "--copy-up=/run", "--propagation=rslave"]
        command += [f"--state-dir={self.folder}/running/rootlesskit", "sh", "-c", _INSIDE]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._with_tun(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._process.poll() is None:
            if answers(self.url):
                return
            time.sleep(0.05)
        words = last_lines(self._log)
        self.stop()
        raise EngineFailed(f"the rootless engine did not start:\n{words}")

    def _with_tun(self, command: list[str]) -> list[str]:
        shared = Path("/dev/net/tun")
        if not shared.exists():
            raise EngineFailed(f"for a rootless engine {shared} is missing")
        if shared.stat().st_mode & 0o006 == 0o006:
            return command
        own = self.folder / "tun"
        os.mknod(own, 0o666 | 0o020000, os.makedev(10, 200))
        own.chmod(0o666)
        return ["unshare", "--mount", "sh", "-c", _WITH_TUN, "sh", str(own), *command]

    def stop(self, seconds: float = 30.0) -> None:
        """End it with its containers, and remove its folder."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            # What did not hear of it is in the session that was made for it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _path() -> str:
    return f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
