"""An index of invented packages on loopback: with a password, behind TLS, or seen through a proxy."""

from __future__ import annotations

import base64
import contextlib
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class Index:
    """An index at work.

    Attributes:
        address: its ``host:port``.
        asked: the paths, or as a proxy the addresses, that were asked for and given.
        shown: credentials that came along, as "user:password".
    """

    address: str
    asked: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)


@contextlib.contextmanager
def serve(folder: Path, *, password: str | None = None, certificate: Path | None = None) -> Iterator[Index]:
    """Serve the packages of a folder as an index at ``/simple``, and as a proxy for one of any host.

    Args:
        folder: with wheels.
        password: "user:password" that is asked for.
        certificate: file with certificate and key; without one it speaks HTTP.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(handler) -> None:  # noqa: N805
            proxied = handler.path.startswith("http")
            header = handler.headers.get("Proxy-Authorization" if proxied else "Authorization", "")
            shown = base64.b64decode(header.removeprefix("Basic ")).decode()
            if shown:
                index.shown.append(shown)
            if password is not None and shown != password:
                handler.answer(407 if proxied else 401, b"")
                return
            index.asked.append(handler.path)
            name = urlsplit(handler.path).path.rstrip("/").rpartition("/")[2]
            if name.endswith(".whl"):
                handler.answer(200, (folder / name).read_bytes())
                return
            links = "".join(f'<a href="/files/{p.name}">{p.name}</a>' for p in folder.glob(f"{name}-*.whl"))
            handler.answer(200 if links else 404, links.encode(), "text/html")

        def answer(handler, status: int, body: bytes, kind: str = "application/octet-stream") -> None:  # noqa: N805
            handler.send_response(status)
            if status == 401:
                handler.send_header("WWW-Authenticate", 'Basic realm="test"')
            handler.send_header("Content-Type", kind)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body if handler.command == "GET" else b"")

        do_HEAD = do_GET  # noqa: N815

        def log_message(handler, *words: object) -> None:  # noqa: N805
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    index = Index(f"127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()


def certify(folder: Path) -> tuple[Path, Path]:
    """Return a certificate of 127.0.0.1 with its key in one file, and that of an authority that only tests trust."""
    folder.mkdir()
    authority, certificate, key = folder / "authority.pem", folder / "certificate.pem", folder / "authority.key"
    (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
    new_key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"]
    signed_by = ["-CA", str(authority), "-CAkey", str(key), "-CAcreateserial"]
    for command in (
        ["req", "-x509", *new_key, "-subj", "/CN=authority", "-out", str(authority), "-keyout", str(key)],
        ["req", *new_key, "-subj", "/CN=index", "-out", str(folder / "request"), "-keyout", str(folder / "key")],
        ["x509", "-req", "-in", str(folder / "request"), *signed_by, "-extfile", str(folder / "extensions"),
         "-days", "2", "-out", str(certificate)],
    ):  # fmt: skip
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    certificate.write_bytes(certificate.read_bytes() + (folder / "key").read_bytes())
    return certificate, authority
