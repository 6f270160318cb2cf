"""The machine's own Chromium: where it is, and how it is started without a window."""

from __future__ import annotations

import shutil

#: As Debian, Ubuntu, Fedora and Google call it.
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
]


def program() -> str | None:
    """Return where Chromium is; None where there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)
