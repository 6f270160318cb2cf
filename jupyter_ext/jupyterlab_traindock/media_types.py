"""What files are served as: so that a browser shows pictures and texts, and never takes anything for a page.

Whoever wrote a file also chose its name, and it comes from the address where JupyterLab is at home: what could bring
code of its own (HTML, SVG, XML, JavaScript) is text, and what is not known here is bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

BYTES: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"

_IMAGES: Final[Mapping[str, str]] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
}
_OTHERS: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "ndjson": "application/x-ndjson",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "gz": "application/gzip",
    "tar": "application/x-tar",
}
_TEXTS: Final = frozenset(
    {
        *("txt", "log", "md", "markdown", "rst", "out", "err", "cfg", "conf", "env", "ini", "toml", "yaml", "yml"),
        *("py", "ipynb", "sh", "bash", "bat", "c", "cc", "cpp", "cu", "h", "r", "sql", "ts", "tsx"),
        *("html", "htm", "xhtml", "xml", "xsl", "svg", "js", "mjs", "css"),
    }
)


def media_type(name: str) -> str:
    """Return what a file of this name is served as."""
    ending = PurePosixPath(name).suffix.removeprefix(".").lower()
    known = _IMAGES.get(ending) or _OTHERS.get(ending)
    return known or (TEXT if ending in _TEXTS else BYTES)


def is_shown(media_type: str) -> bool:
    """Whether a browser may show it in its place, and need not offer to save it: pictures made of dots alone."""
    return media_type in _IMAGES.values()
