"""``python -m traindock.dispatcher <workspace>``: started on demand, see :mod:`traindock.dispatcher.start`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from traindock.errors import TraindockError

_LOG_BYTES = 5_000_000


def main() -> int:
    """Serve one workspace and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m traindock.dispatcher", description=__doc__)
    parser.add_argument("workspace", type=Path, help="folder of the workspace")
    root = parser.parse_args().workspace
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(process)d %(threadName)s: %(message)s",
        stream=sys.stderr,
    )
    from traindock.dispatcher.service import Service

    try:
        service = Service(root)
        _keep_log_short(service.log_file)
        return service.serve()
    except TraindockError as error:
        logging.getLogger(__name__).error("%s", " ".join(str(error).split()))
        return 1


def _keep_log_short(path: Path) -> None:
    """Keep one older log; this process goes on writing into the file it was started with."""
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".old.log"))


if __name__ == "__main__":
    sys.exit(main())
