"""Downloads come whole or not at all, and never hang."""

from __future__ import annotations

import functools
import hashlib
import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


class Server:
    """A web server on this machine whose answers the test decides."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        self.closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.answers.get(self.path, lambda handler: handler.send_error(404))(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}{path}"

    def serve(self, path: str, content: bytes, *, promise: int | None = None) -> str:
        """Answer ``path`` with ``content``, promising another length if asked to."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content) if promise is None else promise))
            handler.end_headers()
            handler.wfile.write(content)

        self.answers[path] = answer
        return self.url(path)

    def drip(self, path: str, *, first: bytes = b"", interval: float | None = None) -> str:
        """Answer ``path`` with a byte every ``interval`` seconds, or with silence after ``first``."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            handler.wfile.write(first)
            while not self.closing.wait(interval or 30):
                try:
                    handler.wfile.write(b"x")
                except OSError:
                    return

        self.answers[path] = answer
        return self.url(path)

    def close(self) -> None:
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    yield server
    server.close()


def zip_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.fixture(scope="module")
def small_set(tutorial: SimpleNamespace) -> dict[str, bytes]:
    """A small data set, laid out like the official zip file."""
    files = {}
    for _, _, name, image in tutorial.drawn_insects.drawn_pictures(3, train=3, val=2):
        stream = io.BytesIO()
        image.save(stream, "JPEG")
        files[f"hymenoptera_data/{name.replace('.png', '.jpg')}"] = stream.getvalue()
    files["hymenoptera_data/train/ants/imageNotFound.gif"] = b"GIF89a"
    files["__MACOSX/hymenoptera_data/train/ants/._x.jpg"] = b"\0"
    return files


def test_a_file_is_downloaded_once(server: Server, tutorial: SimpleNamespace, tmp_path: Path) -> None:
    url = server.serve("/a/file.bin", b"content" * 1000)
    for _ in range(2):
        path = tutorial.fetching.fetch(url, tmp_path)
        assert path == tmp_path / "file.bin"
        assert path.read_bytes() == b"content" * 1000
    assert server.asked == ["/a/file.bin"]


def assert_refused(tutorial: SimpleNamespace, url: str, folder: Path, match: str, **options: float) -> None:
    patience = tutorial.fetching.Patience(**options) if options else None
    started = time.monotonic()
    with pytest.raises(tutorial.fetching.DownloadError, match=match) as caught:
        tutorial.fetching.fetch(url, folder, patience=patience)
    assert url in str(caught.value)
    assert time.monotonic() - started < 8
    assert [path.name for path in folder.iterdir()] == [], "nothing is left behind"


def test_an_error_answer(server: Server, tutorial: SimpleNamespace, tmp_path: Path) -> None:
    assert_refused(tutorial, server.url("/nothing.bin"), tmp_path, "answered 404")


def test_a_download_cut_short_is_never_taken_for_whole(
    server: Server, tutorial: SimpleNamespace, tmp_path: Path
) -> None:
    url = server.serve("/short.bin", b"x" * 500, promise=5000)
    assert_refused(tutorial, url, tmp_path, "500 of 5,000 bytes")


def test_a_server_that_falls_silent(server: Server, tutorial: SimpleNamespace, tmp_path: Path) -> None:
    url = server.drip("/silent.bin", first=b"x" * 100)
    assert_refused(tutorial, url, tmp_path, "timed out", silence_seconds=0.3)


def test_a_server_that_drips(server: Server, tutorial: SimpleNamespace, tmp_path: Path) -> None:
    url = server.drip("/drip.bin", interval=0.02)
    assert_refused(tutorial, url, tmp_path, "too slowly", grace_seconds=0.3)


def test_a_server_that_never_answers(server: Server, tutorial: SimpleNamespace, tmp_path: Path) -> None:
    server.answers["/mute.bin"] = lambda _: (server.closing.wait(30), None)[1]
    assert_refused(tutorial, server.url("/mute.bin"), tmp_path, "did not answer within 0.3", answer_seconds=0.3)


def test_no_server_at_all(server: Server, tutorial: SimpleNamespace, tmp_path: Path) -> None:
    url = server.url("/gone.bin")
    server.close()
    assert_refused(tutorial, url, tmp_path, "refused")


def test_a_file_that_is_not_what_its_name_promises(server: Server, tutorial: SimpleNamespace, tmp_path: Path) -> None:
    good = hashlib.sha256(b"weights").hexdigest()[:8]
    assert_refused(tutorial, server.serve("/net-00000000.pth", b"weights"), tmp_path, "its name promises")
    assert tutorial.fetching.fetch(server.serve(f"/net-{good}.pth", b"weights"), tmp_path).is_file()


def test_only_web_addresses_are_followed(tutorial: SimpleNamespace, tmp_path: Path) -> None:
    assert_refused(tutorial, "file:///etc/hostname", tmp_path, "not an http or https address")


def test_a_zip_file_of_pictures_by_address(
    server: Server, tutorial: SimpleNamespace, small_set: dict[str, bytes]
) -> None:
    url = server.serve("/insects.zip", zip_of(small_set))
    for _ in range(2):
        pictures = tutorial.insect_data.load_pictures(url)
        assert (len(pictures.train), len(pictures.val)) == (6, 4)
        assert not pictures.drawn
        assert pictures.notes == []
    assert server.asked == ["/insects.zip"], "the second time it is at hand"


@pytest.mark.parametrize("kind", ["missing", "short", "no zip"])
def test_pictures_that_cannot_be_had_are_drawn_and_a_note_says_so(
    server: Server,
    tutorial: SimpleNamespace,
    small_set: dict[str, bytes],
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = functools.partial(tutorial.drawn_insects.drawn_pictures, train=2, val=1)
    monkeypatch.setattr(tutorial.drawn_insects, "drawn_pictures", few)
    whole = zip_of(small_set)
    if kind == "short":
        server.serve("/insects.zip", whole[:-2000], promise=len(whole))
    elif kind == "no zip":
        server.serve("/insects.zip", b"<html>Please log in</html>")
    pictures = tutorial.insect_data.load_pictures(server.url("/insects.zip"))
    assert pictures.drawn
    assert server.url("/insects.zip") in pictures.notes[0]
    assert "DRAWN" in pictures.notes[1]
    server.serve("/insects.zip", whole)
    assert not tutorial.insect_data.load_pictures(server.url("/insects.zip")).drawn, "the next run tries again"


@pytest.mark.parametrize("member", ["../evil.jpg", "a/../../evil.jpg", "/evil.jpg", "C:/evil.jpg", "..\\evil.jpg"])
def test_a_zip_file_that_leads_out_of_its_folder_is_refused(
    server: Server, tutorial: SimpleNamespace, small_set: dict[str, bytes], member: str
) -> None:
    url = server.serve("/evil.zip", zip_of({**small_set, member: b"x"}))
    with pytest.raises(tutorial.insect_data.DataError, match="leads out") as caught:
        tutorial.insect_data.load_pictures(url)
    assert "evil.jpg" in str(caught.value)
