"""Files of runs over HTTP: listed, downloaded whole and in parts, and never by a way around."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import os
import shutil
import socket
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psutil
import pytest
from tests.jupyter_ext.conftest import Ask, Fetch
from tests.jupyter_ext.cost import watch
from tests.jupyter_ext.sockets import Client

from jupyterlab_traindock.handlers.streaming import disposition
from jupyterlab_traindock.managers.opened_file import OpenedFile
from jupyterlab_traindock.utf8 import begun, unfinished
from traindock import Workspace
from traindock.interactive import InteractiveRun

PAGE = b"<script>alert(document.domain)</script>"
SECRET = b"nobody's business"


def write(run: InteractiveRun, name: str, content: bytes, *, age: float = 3600) -> Path:
    """Write a file of the run that was changed last so many seconds ago."""
    head, _, rest = name.partition("/")
    layout = run._folder.layout
    path = layout.root / name if head in ("outputs", "logs") and rest else layout.uploads / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def of(run: InteractiveRun, *path: str) -> tuple[str, ...]:
    return ("workspaces", run.workspace.id, "runs", run.id, "files", *path)


class TestList:
    async def test_names_sizes_types_and_times_of_a_run_that_goes_on(self, ask: Ask, run: InteractiveRun) -> None:
        write(run, "outputs/model.pt", b"weights")
        write(run, "outputs/curve.PNG", b"dots")
        write(run, "logs/epochs.txt", b"1\n")
        write(run, "page.html", PAGE)

        found = await ask(*of(run))

        files = {file.pop("name"): file for file in found["files"]}
        assert {name: (file["size"], file["media_type"]) for name, file in files.items()} == {
            "logs/epochs.txt": (2, "text/plain; charset=utf-8"),
            "outputs/curve.PNG": (4, "image/png"),
            "outputs/model.pt": (7, "application/octet-stream"),
            "page.html": (39, "text/plain; charset=utf-8"),
        }
        assert files["outputs/model.pt"]["sha256"] is None
        assert files["outputs/model.pt"]["modified"][:13] == time.strftime(
            "%Y-%m-%dT%H", time.gmtime(time.time() - 3600)
        )
        assert (found["total"], found["more"]) == (4, False)

    async def test_by_prefix_and_pages(self, ask: Ask, run: InteractiveRun) -> None:
        for number in range(5):
            write(run, f"outputs/{number}.txt", b"")
        write(run, "other.txt", b"")

        page = await ask(*of(run), params={"prefix": "outputs/", "limit": 2, "offset": 2})

        assert [file["name"] for file in page["files"]] == ["outputs/2.txt", "outputs/3.txt"]
        assert (page["total"], page["more"]) == (5, True)

    async def test_hashes_once_the_run_is_sealed(self, ask: Ask, run: InteractiveRun) -> None:
        write(run, "outputs/model.pt", b"weights")
        run.complete()

        [file] = (await ask(*of(run)))["files"]

        assert file["sha256"] == hashlib.sha256(b"weights").hexdigest()

    async def test_what_is_no_file_is_not_listed(self, ask: Ask, run: InteractiveRun, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(SECRET)
        write(run, "outputs/model.pt", b"weights")
        outputs = run._folder.layout.outputs
        (outputs / "out").symlink_to(secret)
        (outputs / "everything").symlink_to("/")
        (outputs / "best.pt").symlink_to("model.pt")
        os.mkfifo(outputs / "pipe")

        found = await ask(*of(run))

        assert [file["name"] for file in found["files"]] == ["outputs/best.pt", "outputs/model.pt"]

    async def test_a_run_that_is_not_there(self, ask: Ask, workspace: Workspace) -> None:
        for path in ("files", "files/content", "logs", "logs/content", "snapshot", "snapshot/content"):
            parts = ("workspaces", workspace.id, "runs", "none_1_00000000", *path.split("/"))
            error = await ask(*parts, params={"name": "outputs/model.pt"}, expect=404)
            assert error["code"] == "run_not_found"


#: What a file is sent as by its name, and whether a browser may show it.
KINDS = [
    ("outputs/model.pt", "application/octet-stream", False),
    ("outputs/table.csv", "text/csv; charset=utf-8", False),
    ("outputs/page.html", "text/plain; charset=utf-8", False),
    ("outputs/page.HTM", "text/plain; charset=utf-8", False),
    ("outputs/page.xhtml", "text/plain; charset=utf-8", False),
    ("outputs/drawing.svg", "text/plain; charset=utf-8", False),
    ("outputs/data.xml", "text/plain; charset=utf-8", False),
    ("outputs/code.js", "text/plain; charset=utf-8", False),
    ("outputs/code.mjs", "text/plain; charset=utf-8", False),
    ("outputs/page.html.unknown", "application/octet-stream", False),
    ("outputs/html", "application/octet-stream", False),
    ("outputs/page.swf", "application/octet-stream", False),
    ("outputs/curve.png", "image/png", True),
    ("outputs/photo.JPEG", "image/jpeg", True),
    ("outputs/film.gif", "image/gif", True),
    ("outputs/photo.webp", "image/webp", True),
]
#: Ranges that are asked for of ten bytes, the status, and what is sent of them.
RANGES: list[tuple[str, int, bytes | None]] = [
    ("bytes=0-3", 206, b"0123"),
    ("bytes=4-", 206, b"456789"),
    ("bytes=-3", 206, b"789"),
    ("bytes=-99", 206, b"0123456789"),
    ("bytes=8-99", 206, b"89"),
    ("bytes=9-9", 206, b"9"),
    ("bytes=0-1,4-5", 200, b"0123456789"),
    ("bytes=5-2", 200, b"0123456789"),
    ("bytes=-", 200, b"0123456789"),
    ("lines=1-2", 200, b"0123456789"),
    ("bytes=a-b", 200, b"0123456789"),
    ("bytes=10-", 416, None),
    ("bytes=99-100", 416, None),
    ("bytes=-0", 416, None),
]


class TestDownload:
    async def test_has_a_type_that_no_browser_takes_for_a_page(
        self, api: Fetch, run: InteractiveRun, subtests: pytest.Subtests
    ) -> None:
        for name, kind, shown in KINDS:
            with subtests.test(name=name):
                write(run, name, PAGE)

                answer = await api(*of(run, "content"), params={"name": name})

                assert (answer.code, answer.body) == (200, PAGE)
                assert answer.headers["Content-Type"] == kind
                assert answer.headers["Content-Disposition"].startswith("inline;" if shown else "attachment;")
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert "sandbox" in answer.headers["Content-Security-Policy"].split("; ")
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert answer.headers["Accept-Ranges"] == "bytes"

    @pytest.mark.parametrize(
        "name", ["plain.bin", "größe 1.bin", 'a"quote\\.bin', "two\r\nX-Evil: lines", "😀.bin", "a;b=c%41"]
    )
    def test_has_a_file_name_that_old_and_new_programs_understand(self, name: str) -> None:
        header = disposition(name)

        assert header.isascii()
        assert header.isprintable()
        head, _, exact = header.partition("; filename*=UTF-8''")
        assert head.removeprefix('attachment; filename="').removesuffix('"').isprintable()
        assert head.count('"') == 2
        assert not set(head) & set(";%\\") - {";"}
        assert unquote(exact) == name if exact else f'filename="{name}"' in head

    async def test_of_a_file_with_an_odd_name(self, ask: Ask, api: Fetch, run: InteractiveRun) -> None:
        name = 'outputs/größe & "😀"+%2e%2e\n#?.bin'
        write(run, name, b"odd")

        [file] = (await ask(*of(run)))["files"]
        answer = await api(*of(run, "content"), params={"name": name})

        assert file["name"] == name
        assert answer.body == b"odd"

    async def test_by_range(self, api: Fetch, run: InteractiveRun, subtests: pytest.Subtests) -> None:
        write(run, "outputs/digits.bin", b"0123456789")
        for asked, status, body in RANGES:
            with subtests.test(asked=asked):
                answer = await api(*of(run, "content"), params={"name": "outputs/digits.bin"}, headers={"Range": asked})

                assert answer.code == status
                if status == 206:
                    start = b"0123456789".index(body or b"")
                    assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(body or b'') - 1}/10"
                if status == 416:
                    assert answer.headers["Content-Range"] == "bytes */10"
                    assert b"range_not_satisfiable" in answer.body
                else:
                    assert answer.body == body
                    assert answer.headers["Content-Length"] == str(len(body or b""))

    async def test_of_an_empty_file(self, api: Fetch, run: InteractiveRun) -> None:
        write(run, "outputs/empty.png", b"")
        path, params = of(run, "content"), {"name": "outputs/empty.png"}

        answer = await api(*path, params=params)
        part = await api(*path, params=params, headers={"Range": "bytes=0-"})

        assert (answer.code, answer.body, answer.headers["Content-Type"]) == (200, b"", "image/png")
        assert (part.code, part.headers["Content-Range"]) == (416, "bytes */0")

    async def test_goes_on_only_if_the_file_is_still_the_same(self, api: Fetch, run: InteractiveRun) -> None:
        write(run, "outputs/a.bin", b"0123456789")
        path, params = of(run, "content"), {"name": "outputs/a.bin"}
        first = await api(*path, params=params)
        tag, date = first.headers["Etag"], first.headers["Last-Modified"]

        async def go_on(condition: str) -> int:
            return (await api(*path, params=params, headers={"Range": "bytes=5-", "If-Range": condition})).code

        assert not tag.startswith("W/")
        assert [await go_on(one) for one in (tag, date)] == [206, 206]
        assert [await go_on(one) for one in ('"other"', f"W/{tag}", formatdate(0, usegmt=True), "nonsense")] == [
            200
        ] * 4
        write(run, "outputs/a.bin", b"abcdefghij", age=1800)
        assert [await go_on(one) for one in (tag, date)] == [200, 200]

    async def test_of_what_was_changed_just_now_is_never_taken_for_the_same(
        self, api: Fetch, run: InteractiveRun
    ) -> None:
        write(run, "outputs/a.bin", b"0123456789", age=0)
        path, params = of(run, "content"), {"name": "outputs/a.bin"}

        tag = (await api(*path, params=params)).headers["Etag"]
        part = await api(*path, params=params, headers={"Range": "bytes=5-", "If-Range": tag})

        assert tag.startswith("W/")
        assert part.code == 200

    async def test_is_spared_whoever_has_it_already(self, api: Fetch, run: InteractiveRun) -> None:
        write(run, "outputs/a.bin", b"0123456789")
        path, params = of(run, "content"), {"name": "outputs/a.bin"}
        first = await api(*path, params=params)
        tag, date = first.headers["Etag"], first.headers["Last-Modified"]

        async def again(**headers: str) -> int:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = await api(*path, params=params, headers=named)
            assert answer.code == 200 or (answer.body == b"" and answer.headers["Etag"] == tag)
            return answer.code

        assert await again(If_None_Match=f'"x", {tag}') == 304
        assert await again(If_None_Match=f"W/{tag}") == 304
        assert await again(If_None_Match="*") == 304
        assert await again(If_Modified_Since=date) == 304
        assert await again(If_None_Match='"x"') == 200
        assert await again(If_None_Match='"x"', If_Modified_Since=date) == 200
        assert await again(If_Modified_Since=formatdate(0, usegmt=True)) == 200
        assert await again(If_Modified_Since="nonsense") == 200

    async def test_is_told_of_without_it(self, api: Fetch, run: InteractiveRun) -> None:
        write(run, "outputs/a.png", b"0123456789")
        path, params = of(run, "content"), {"name": "outputs/a.png"}

        got = await api(*path, params=params)
        told = await api(*path, params=params, method="HEAD", headers={"Range": "bytes=0-1"})
        missing = await api(*path, params={"name": "outputs/none"}, method="HEAD")

        assert (told.code, told.body, missing.code) == (200, b"", 404)
        for header in ("Content-Length", "Content-Type", "Etag", "Last-Modified", "Content-Disposition"):
            assert told.headers[header] == got.headers[header]

    async def test_under_the_old_name_of_a_log(self, api: Fetch, run: InteractiveRun) -> None:
        run._folder.layout.stdout.write_text("printed\n")

        answer = await api(*of(run, "content"), params={"name": "azureml-logs/70_driver_log.txt"})

        assert answer.body == b"printed\n"


class TestSealed:
    async def test_is_tagged_by_its_hash(self, api: Fetch, run: InteractiveRun) -> None:
        write(run, "outputs/a.bin", b"weights", age=0)
        run.complete()

        answer = await api(*of(run, "content"), params={"name": "outputs/./a.bin"})

        assert answer.headers["Etag"] == f'"{hashlib.sha256(b"weights").hexdigest()}"'

    async def test_is_hashed_once_where_it_was_copied(
        self, api: Fetch, run: InteractiveRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from jupyterlab_traindock.managers import files

        path = write(run, "outputs/a.bin", b"weights")
        run.complete()
        replace(path, b"weights")
        hashed: list[int] = []
        really = files.pump
        monkeypatch.setattr(files, "pump", lambda *args: [hashed.append(1), really(*args)][1])

        answers = [await api(*of(run, "content"), params={"name": "outputs/a.bin"}) for _ in range(3)]

        assert [answer.body for answer in answers] == [b"weights"] * 3
        assert answers[0].headers["Etag"] == f'"{hashlib.sha256(b"weights").hexdigest()}"'
        assert len(hashed) == 1

    async def test_is_not_handed_out_once_it_was_changed(
        self, ask: Ask, run: InteractiveRun, workspace: Workspace
    ) -> None:
        path = write(run, "outputs/a.bin", b"weights")
        run.complete()
        replace(path, b"WEIGHTS")

        for headers in ({}, {"Range": "bytes=0-1"}):
            error = await ask(*of(run, "content"), params={"name": "outputs/a.bin"}, headers=dict(headers), expect=409)
            assert error["code"] == "store"
            assert "outputs/a.bin" in error["message"]
            assert str(workspace.layout.root) not in error["message"]


def replace(path: Path, content: bytes) -> None:
    """Put another file in the place of a sealed one."""
    path.unlink()
    path.write_bytes(content)


#: Names that are those of no file of a run, and what is answered.
NAMES_OF_NOTHING = [
    ("../run.json", 422),
    ("outputs/../../run.json", 422),
    ("outputs/../run.json", 422),
    ("..", 422),
    ("/etc/passwd", 422),
    ("//etc/passwd", 422),
    ("outputs/model.pt\0.png", 422),
    ("\0", 422),
    ("run.json", 404),
    ("events.jsonl", 404),
    ("driver/stdout.txt", 404),
    ("uploads/../run.json", 422),
    ("..\\run.json", 404),
    ("%2e%2e/run.json", 404),
    ("%2e%2e%2frun.json", 404),
    ("．．/run.json", 404),
    ("~/.ssh/id_rsa", 404),
    ("file:///etc/passwd", 404),
    ("outputs", 404),
    ("outputs/", 404),
    (".", 404),
    ("outputs/model.pt/", 200),
    ("outputs/model.pt/x", 404),
    ("outputs/key", 422),
    ("outputs/up", 422),
    ("outputs/secrets/key", 422),
    ("outputs/root/etc/passwd", 422),
    ("outputs/circle", 422),
    ("outputs/nowhere", 422),
    ("outputs/pipe", 422),
    ("outputs/socket", 422),
    ("outputs/" + "x" * 4000, 404),
    ("x" * 4096, 404),
    ("x/" * 2048, 404),
    ("x" * 4097, 400),
    ("", 400),
]
#: Such names in addresses.
WRITTEN_OTHERWISE = [
    ("name=%2e%2e/run.json", 422),
    ("name=%2e%2e%2frun.json", 422),
    ("name=outputs/%2e%2e/%2e%2e/run.json", 422),
    ("name=%252e%252e/run.json", 404),
    ("name=%2Fetc%2Fpasswd", 422),
    ("name=outputs/model.pt%00.png", 422),
    ("name=%c0%ae%c0%ae/run.json", 400),
    ("name=%ff", 400),
    ("name=outputs/model.pt&name=../run.json", 422),
    ("", 400),
]


class TestWaysAround:
    @pytest.fixture(params=["going", "sealed"])
    def attacked(self, request: pytest.FixtureRequest, run: InteractiveRun, tmp_path: Path) -> InteractiveRun:
        """A run whose script has put links and special files into its outputs."""
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "key").write_bytes(SECRET)
        write(run, "outputs/model.pt", b"weights")
        outputs = run._folder.layout.outputs
        (outputs / "key").symlink_to(tmp_path / "secrets" / "key")
        (outputs / "up").symlink_to("../run.json")
        (outputs / "secrets").symlink_to(tmp_path / "secrets")
        (outputs / "root").symlink_to("/")
        (outputs / "circle").symlink_to("circle")
        (outputs / "nowhere").symlink_to("missing")
        os.mkfifo(outputs / "pipe")
        with socket.socket(socket.AF_UNIX) as one:
            here = Path.cwd()
            os.chdir(outputs)  # the path is too long for a socket
            one.bind("socket")
            os.chdir(here)
        if request.param == "sealed":
            run.complete()
        return run

    async def test_lead_nowhere(
        self, api: Fetch, attacked: InteractiveRun, workspace: Workspace, subtests: pytest.Subtests
    ) -> None:
        for name, status in NAMES_OF_NOTHING:
            with subtests.test(name=name[:100]):
                answer = await asyncio.wait_for(api(*of(attacked, "content"), params={"name": name}), 20)

                assert answer.code == status, answer.body
                assert SECRET not in answer.body
                assert b"root:" not in answer.body
                assert str(workspace.layout.root).encode() not in answer.body

    async def test_lead_nowhere_however_they_are_written(
        self, client: Client, attacked: InteractiveRun, subtests: pytest.Subtests
    ) -> None:
        for query, status in WRITTEN_OTHERWISE:
            with subtests.test(query=query):
                async with client.get(*of(attacked, "content"), params=query) as answer:
                    body = await answer.body()

                assert answer.status == status, body
                assert b"signature" not in body

    @pytest.mark.parametrize("run_id", ["..", "%2e%2e", "..%2f..", "%2e%2e%2fx", ".new-x", "%00", "x" * 300, "a%0ab"])
    async def test_lead_to_no_other_folder_by_the_runs_id(
        self, client: Client, run: InteractiveRun, run_id: str
    ) -> None:
        url = f"workspaces/{run.workspace.id}/runs/{run_id}/files/content?name=run.json"
        async with client.get(raw=url) as answer:
            body = await answer.body()

        assert answer.status in (400, 404), body
        assert b"signature" not in body


class TestSending:
    async def test_a_file_that_vanishes_meanwhile_comes_whole(self, client: Client, run: InteractiveRun) -> None:
        content = os.urandom(1 << 20) * 32
        path = write(run, "outputs/a.bin", content)

        async with client.get(*of(run, "content"), params={"name": "outputs/a.bin"}) as answer:
            first = await answer.reader.readexactly(1000)
            path.unlink()
            rest = await answer.reader.readexactly(len(content) - 1000)

        assert first + rest == content

    async def test_a_file_that_shrinks_meanwhile_is_never_taken_for_whole(
        self, client: Client, api: Fetch, run: InteractiveRun
    ) -> None:
        path = write(run, "outputs/a.bin", bytes(32 << 20))

        async with client.get(*of(run, "content"), params={"name": "outputs/a.bin"}) as answer:
            await answer.reader.readexactly(1000)
            os.truncate(path, 5000)
            with pytest.raises(asyncio.IncompleteReadError):
                await answer.reader.readexactly((32 << 20) - 1000)
        again = await api(*of(run, "content"), params={"name": "outputs/a.bin"})

        assert again.body == bytes(5000)

    async def test_a_file_that_grows_meanwhile_comes_as_it_was(self, client: Client, run: InteractiveRun) -> None:
        path = write(run, "logs/a.txt", b"x" * 1000)
        async with client.get(*of(run, "content"), params={"name": "logs/a.txt"}) as answer:
            with path.open("ab") as file:
                file.write(b"y" * 1000)
            body = await answer.body()

        assert body == b"x" * 1000

    @pytest.mark.slow
    async def test_is_no_faster_than_who_reads_and_ends_with_them(
        self, client: Client, run: InteractiveRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write(run, "outputs/a.bin", bytes(64 << 20))
        read: list[int] = []
        really = OpenedFile.read

        def counted(*asked: Any) -> bytes:
            data = really(*asked)
            read.append(len(data))
            return data

        monkeypatch.setattr(OpenedFile, "read", counted)

        async with client.get(*of(run, "content"), params={"name": "outputs/a.bin"}) as answer:
            await answer.reader.readexactly(1000)
            quiet = -1
            while quiet != len(read):  # the kernel's buffers fill up, and then nothing more is read
                quiet = len(read)
                await asyncio.sleep(0.5)
            assert sum(read) < 32 << 20
            assert is_open(path)

        for _ in range(500):
            if not is_open(path):
                break
            await asyncio.sleep(0.02)
        assert not is_open(path)

    async def test_leaves_no_file_open(self, api: Fetch, client: Client, run: InteractiveRun) -> None:
        path = write(run, "outputs/a.bin", b"0123456789")
        params = {"name": "outputs/a.bin"}
        for headers in ({}, {"Range": "bytes=0-3"}, {"Range": "bytes=99-"}, {"If-None-Match": "*"}):
            await api(*of(run, "content"), params=params, headers=dict(headers))
        await api(*of(run, "content"), params=params, method="HEAD")

        assert not is_open(path)

    @pytest.mark.slow
    async def test_of_a_large_file_little_is_held_and_the_loop_goes_on(
        self, client: Client, run: InteractiveRun
    ) -> None:
        size = 1 << 30
        path = write(run, "outputs/large.bin", b"")
        os.truncate(path, size)
        write(run, "outputs/warm.bin", bytes(1 << 20))
        async with client.get(*of(run, "content"), params={"name": "outputs/warm.bin"}) as answer:
            await answer.body()
        gc.collect()
        before, received, begin = psutil.Process().memory_info().rss, 0, time.monotonic()
        watched = asyncio.ensure_future(watch())

        async with client.get(*of(run, "content"), params={"name": "outputs/large.bin"}) as answer:
            while received < size:
                received += len(await answer.reader.read(1 << 16))

        watched.cancel()
        longest, most = await watched
        speed = size / (time.monotonic() - begin) / 1e6
        print(f"held {(most - before) / 1e6:.1f} MB more, {speed:.0f} MB/s, the loop waited {longest * 1000:.0f} ms")
        assert most - before < 20e6
        assert longest < 0.5


def is_open(path: Path) -> bool:
    """Whether this process has the file open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(descriptor.readlink())
    return path in found


class TestWhoseWorkspaceGoes:
    async def test_is_told(self, ask: Ask, run: InteractiveRun, workspace: Workspace, tmp_path: Path) -> None:
        write(run, "outputs/a.bin", b"x")
        await ask(*of(run))
        shutil.move(workspace.layout.root, tmp_path / "elsewhere")

        error = await ask(*of(run), expect=404)

        assert error["code"] == "workspace_not_found"
        shutil.move(tmp_path / "elsewhere", workspace.layout.root)


class TestCharacters:
    @pytest.mark.parametrize("text", ["abc", "größe", "€uro", "😀"])
    def test_are_never_cut(self, text: str) -> None:
        data = text.encode()
        for cut in range(len(data) + 1):
            head, tail = data[:cut], data[cut:]
            assert (head[: len(head) - unfinished(head)]).decode() == text[: len(head.decode("utf-8", "ignore"))]
            assert tail[begun(tail) :].decode() == tail.decode("utf-8", "ignore")
