"""Whether somebody has a file open who could still change it."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from pathlib import Path

from traindock.store.copying import open_regular


def is_open_for_writing(path: Path) -> bool:
    """Whether any process has a file open for writing; True where the system does not tell."""
    if sys.platform != "linux":
        return True
    descriptor = open_regular(path)
    try:
        # Should somebody open the file while the lease is held, the kernel tells the holder by SIGIO, which would
        # end the process; SIGURG is ignored unless asked for.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:  # no leases on this file system, or somebody else's file
        return _has_writer_in_proc(os.fstat(descriptor))
    else:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    finally:
        os.close(descriptor)


def _has_writer_in_proc(file: os.stat_result) -> bool:
    """Look through the open files of all processes that may be looked into."""
    for process in Path("/proc").glob("[0-9]*/fd"):
        try:
            descriptors = list(process.iterdir())
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                if not os.path.samestat(descriptor.stat(), file):
                    continue
                info = (process.parent / "fdinfo" / descriptor.name).read_text()
            except OSError:
                continue
            flags = next((line.split()[1] for line in info.splitlines() if line.startswith("flags:")), "0")
            if int(flags, 8) & os.O_ACCMODE != os.O_RDONLY:
                return True
    return False
