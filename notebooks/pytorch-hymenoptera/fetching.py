"""Download a file once, whole or not at all, without ever hanging.

Files are kept where torch keeps its own downloads (``$TORCH_HOME``, else ``~/.cache/torch``), so that the next
run, and torch itself, find them there.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import queue
import re
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class DownloadError(Exception):
    """A file could not be downloaded whole; the text names its address and says why."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server.

    Attributes:
        answer_seconds: until it begins to answer, name look-up and redirects included.
        silence_seconds: without a single byte, once it has begun.
        grace_seconds: before its speed is judged.
        bytes_per_second: slowest speed, on average, that is still waited for.
    """

    answer_seconds: float = 10.0
    silence_seconds: float = 15.0
    grace_seconds: float = 20.0
    bytes_per_second: float = 4_000.0


def is_url(text: str) -> bool:
    """Whether ``text`` is an address to download from, rather than a path."""
    return urllib.parse.urlsplit(text).scheme in ("http", "https")


def torch_home() -> Path:
    """Folder where torch, and this tutorial, keep what they download."""
    home = os.environ.get("TORCH_HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home or f"{cache}/torch").expanduser()


def fetch(
    url: str,
    folder: Path,
    name: str | None = None,
    *,
    check: Callable[[Path], str | None] | None = None,
    patience: Patience | None = None,
) -> Path:
    """Return the path of the file behind ``url``, downloading it if it is not in ``folder`` yet.

    A name such as ``resnet18-f37072fd.pth`` promises the first digits of the file's SHA-256, and is held to it.

    Args:
        url: http or https address.
        folder: where the file is kept; made if missing.
        name: file name in ``folder``; by default the last part of the address.
        check: looks at a finished download, and returns what is wrong with it, or None.
        patience: how long to wait for the server.

    Raises:
        DownloadError: no answer, an error answer, a download cut short, too slow, or not what it should be.
            Nothing is left behind then.
    """
    if not is_url(url):
        raise DownloadError(f"{url!r} is not an http or https address")
    name = name or Path(urllib.parse.urlsplit(url).path).name or "download"
    target = folder / name
    if target.is_file():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Written beside its place and moved there when whole: a reader never meets half a file, and two
        # runs that download the same file do not write into each other's.
        handle, partial = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".part")
    except OSError as error:
        raise DownloadError(f"{url} cannot be kept in {folder}: {error}") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            digest = _copy(url, stream, patience or Patience())
        _hold_to_promise(url, name, digest)
        wrong = check(Path(partial)) if check else None
        if wrong:
            raise DownloadError(f"{url} is not usable: {wrong}")
        Path(partial).replace(target)
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"{url} could not be downloaded: {_reason(error)}") from error
    finally:
        Path(partial).unlink(missing_ok=True)
    return target


def _copy(url: str, stream: Any, patience: Patience) -> str:
    """Copy the file behind ``url`` into ``stream``; return the SHA-256 of what was written, in hex."""
    started = time.monotonic()
    digest = hashlib.sha256()
    received = 0
    with _open(url, patience) as answer:
        length = answer.headers.get("Content-Length")
        # read1 returns what has arrived; read would wait for the whole block, however slowly it drips in.
        while block := answer.read1(1 << 18):
            stream.write(block)
            digest.update(block)
            received += len(block)
            spent = time.monotonic() - started
            if spent > patience.grace_seconds and received < spent * patience.bytes_per_second:
                raise DownloadError(f"{url} comes too slowly: {received:,} bytes in {spent:.0f} s")
    if length is not None and received != int(length):
        raise DownloadError(f"{url} was cut short: {received:,} of {int(length):,} bytes")
    return digest.hexdigest()


def _open(url: str, patience: Patience) -> Any:
    """Open ``url``, waiting no longer than asked.

    A socket's time limit covers neither the name look-up nor several addresses tried in turn, so the
    opening happens in a thread, which is abandoned when it takes too long.
    """
    outcome: queue.Queue[Any] = queue.Queue()

    def work() -> None:
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "traindock-tutorial"})  # noqa: S310
            outcome.put(urllib.request.urlopen(request, timeout=patience.silence_seconds))  # noqa: S310
        except (OSError, http.client.HTTPException, ValueError) as error:
            outcome.put(error)

    threading.Thread(target=work, name="download", daemon=True).start()
    try:
        answer = outcome.get(timeout=patience.answer_seconds)
    except queue.Empty:
        raise DownloadError(f"{url} did not answer within {patience.answer_seconds:g} s") from None
    if isinstance(answer, Exception):
        raise DownloadError(f"{url} could not be downloaded: {_reason(answer)}") from answer
    return answer


def _hold_to_promise(url: str, name: str, digest: str) -> None:
    promise = re.search(r"-([0-9a-f]{8,64})\.[a-z]+$", name)
    if promise and not digest.startswith(promise.group(1)):
        raise DownloadError(f"{url} is not the file its name promises: SHA-256 begins with {digest[:10]}")


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__
