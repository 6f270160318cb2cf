"""The source folder of a run over HTTP, as it was submitted."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from tests.jupyter_ext.conftest import Ask, Fetch

from traindock import Experiment, Workspace
from traindock.store.blobs import BlobStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source folder with all that a snapshot can have."""
    folder = tmp_path / "source"
    (folder / "parts" / "empty").mkdir(parents=True)
    (folder / "train.py").write_text("print('hello')\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "parts" / "net.py").write_text("layers = 3\n")
    (folder / "parts" / "main.py").symlink_to("../train.py")
    (folder / "again.py").symlink_to("parts/main.py")
    (folder / "modules").symlink_to("parts")
    (folder / "page.html").write_text("<script>alert(1)</script>")
    return folder


@pytest.fixture
def run(workspace: Workspace, folder: Path) -> Any:
    """A run with this snapshot."""
    run = Experiment(workspace, "tests").start_logging(outputs=None, snapshot_directory=folder)
    run.complete()
    return run


def of(run: Any, *path: str) -> tuple[str, ...]:
    return ("workspaces", run.workspace.id, "runs", run.id, "snapshot", *path)


class TestTree:
    @pytest.mark.slow
    async def test_has_files_links_and_empty_folders(self, ask: Ask, run: Any) -> None:
        found = await ask(*of(run))

        entries = {entry.pop("path"): entry for entry in found["entries"]}
        assert {path: entry["kind"] for path, entry in entries.items()} == {
            "again.py": "link",
            "modules": "link",
            "page.html": "file",
            "parts/empty": "folder",
            "parts/main.py": "link",
            "parts/net.py": "file",
            "run.sh": "file",
            "train.py": "file",
        }
        assert entries["train.py"] == {
            "kind": "file", "size": 15, "mode": "0644", "target": None,
            "sha256": hashlib.sha256(b"print('hello')\n").hexdigest(),
        }  # fmt: skip
        assert entries["run.sh"]["mode"] == "0755"
        assert (entries["parts/main.py"]["target"], entries["modules"]["target"]) == ("../train.py", "parts")
        assert (found["id"], found["size"], found["total"], found["more"]) == (run.get_snapshot_id(), 61, 8, False)

    @pytest.mark.slow
    async def test_by_pages(self, ask: Ask, run: Any) -> None:
        found = await ask(*of(run), params={"limit": 2, "offset": 5})

        assert [entry["path"] for entry in found["entries"]] == ["parts/net.py", "run.sh"]
        assert (found["total"], found["more"]) == (8, True)

    async def test_of_a_run_that_was_made_without(self, ask: Ask, workspace: Workspace) -> None:
        run = Experiment(workspace, "tests").start_logging(outputs=None, snapshot_directory=None)

        for path in (of(run), of(run, "content")):
            error = await ask(*path, params={"name": "train.py"}, expect=404)
            assert error["code"] == "snapshot_not_found"

    @pytest.mark.slow
    async def test_that_is_gone_or_damaged_is_told(self, ask: Ask, run: Any, workspace: Workspace) -> None:
        path = workspace.layout.snapshots / f"{run.get_snapshot_id()}.json"
        path.chmod(0o644)
        path.write_text("{}")
        damaged = await ask(*of(run), expect=409)
        path.unlink()
        gone = await ask(*of(run), expect=404)

        assert (damaged["code"], gone["code"]) == ("store", "snapshot_not_found")
        for error in (damaged, gone):
            assert str(workspace.layout.root) not in error["message"]


class TestFile:
    async def test_comes_as_it_was_submitted(self, api: Fetch, run: Any, folder: Path) -> None:
        (folder / "parts" / "net.py").write_text("changed since")

        answer = await api(*of(run, "content"), params={"name": "parts/net.py"})
        part = await api(*of(run, "content"), params={"name": "parts/net.py"}, headers={"Range": "bytes=0-5"})

        assert answer.body == b"layers = 3\n"
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="net.py"'
        assert answer.headers["Etag"] == f'"{hashlib.sha256(b"layers = 3" + bytes([10])).hexdigest()}"'
        assert (part.code, part.body) == (206, b"layers")

    async def test_is_no_page(self, api: Fetch, run: Any) -> None:
        answer = await api(*of(run, "content"), params={"name": "page.html"})

        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert "sandbox" in answer.headers["Content-Security-Policy"]

    async def test_behind_a_link_is_the_file(self, api: Fetch, run: Any) -> None:
        for name in ("again.py", "parts/main.py"):
            assert (await api(*of(run, "content"), params={"name": name})).body == b"print('hello')\n"

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("name", "status", "code"),
        [
            ("missing.py", 404, "snapshot_path_not_found"),
            ("modules", 404, "snapshot_path_not_found"),
            ("parts", 404, "snapshot_path_not_found"),
            ("x" * 4096, 404, "snapshot_path_not_found"),
            ("%2e%2e/train.py", 404, "snapshot_path_not_found"),
            ("../train.py", 422, "user_error"),
            ("parts/../../run.json", 422, "user_error"),
            ("/etc/passwd", 422, "user_error"),
            ("train.py\0", 422, "user_error"),
            ("", 400, "invalid_request"),
        ],
    )
    async def test_is_nothing_else(self, ask: Ask, run: Any, name: str, status: int, code: str) -> None:
        error = await ask(*of(run, "content"), params={"name": name}, expect=status)

        assert error["code"] == code

    async def test_whose_content_is_gone_or_another_one_is_told(self, ask: Ask, run: Any, workspace: Workspace) -> None:
        path = BlobStore(workspace.layout.blobs).path(hashlib.sha256(b"layers = 3\n").hexdigest())
        path.chmod(0o644)
        path.write_text("longer than it was")
        longer = await ask(*of(run, "content"), params={"name": "parts/net.py"}, expect=409)
        path.write_text("layers = 4\n")
        damaged = await ask(*of(run, "content"), params={"name": "parts/net.py"}, expect=409)
        path.unlink()
        path.symlink_to("/etc/passwd")
        linked = await ask(*of(run, "content"), params={"name": "parts/net.py"}, expect=409)
        path.unlink()
        gone = await ask(*of(run, "content"), params={"name": "parts/net.py"}, expect=409)

        for error in (longer, damaged, linked, gone):
            assert error["code"] == "store"
            assert hashlib.sha256(b"layers = 3\n").hexdigest() in error["message"]
            assert str(workspace.layout.root) not in error["message"]
