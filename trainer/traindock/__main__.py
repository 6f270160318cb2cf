"""``python -m traindock``: the same as the command ``traindock``."""

from __future__ import annotations

import sys

from traindock.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
