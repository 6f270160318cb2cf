"""Logs of runs over HTTP: read by parts, from any place, while the run goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit
from tests.jupyter_ext.conftest import Ask, Fetch
from tests.jupyter_ext.test_files import write

from traindock import Workspace
from traindock.interactive import InteractiveRun


def of(run: Any, *path: str) -> tuple[str, ...]:
    return ("workspaces", run.workspace.id, "runs", run.id, "logs", *path)


Part = tuple[bytes, int, int, int]


async def part(api: Fetch, run: Any, name: str = "logs/stdout.txt", **params: int) -> Part:
    """The bytes of a part, where it begins, where the next one does, and how long the log is."""
    answer = await api(*of(run, "content"), params={"name": name, **params})
    assert answer.code == 200, answer.body
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    places = [int(answer.headers[f"X-Log-{place}"]) for place in ("Offset", "Next-Offset", "Size")]
    return answer.body, places[0], places[1], places[2]


class TestLogs:
    async def test_are_listed(self, ask: Ask, run: InteractiveRun) -> None:
        run._folder.layout.stdout.write_text("printed\n")
        write(run, "logs/epochs.csv", b"1,2\n")
        write(run, "outputs/model.pt", b"weights")

        found = await ask(*of(run))
        page = await ask(*of(run), params={"limit": 1})

        assert [(log["name"], log["size"]) for log in found["logs"]] == [("logs/epochs.csv", 4), ("logs/stdout.txt", 8)]
        assert (len(page["logs"]), page["more"], page["total"]) == (1, True, 2)

    async def test_are_read_from_any_place(self, api: Fetch, run: InteractiveRun) -> None:
        run._folder.layout.stdout.write_bytes(b"0123456789")

        assert await part(api, run) == (b"0123456789", 0, 10, 10)
        assert await part(api, run, offset=4) == (b"456789", 4, 10, 10)
        assert await part(api, run, offset=4, limit=3) == (b"456", 4, 7, 10)
        assert await part(api, run, offset=-4) == (b"6789", 6, 10, 10)
        assert await part(api, run, offset=-4, limit=2) == (b"67", 6, 8, 10)
        assert await part(api, run, offset=-99) == (b"0123456789", 0, 10, 10)
        assert await part(api, run, offset=10) == (b"", 10, 10, 10)
        assert await part(api, run, offset=99) == (b"", 10, 10, 10)

    @pytest.mark.slow
    async def test_are_cut_between_characters(self, api: Fetch, run: InteractiveRun) -> None:
        text = "aé€😀" * 50
        run._folder.layout.stdout.write_bytes(text.encode())

        for limit in range(4, 12):
            found, offset = "", 0
            while offset < len(text.encode()):
                body, start, offset, _ = await part(api, run, offset=offset, limit=limit)
                assert start + len(body) == offset
                assert 0 < len(body) <= limit
                found += body.decode()
            assert found == text
        for back in range(1, 12):
            body, start, _, size = await part(api, run, offset=-back)
            assert text.endswith(body.decode())
            assert start + len(body) == size

    async def test_go_on_by_the_byte_where_no_character_fits(self, api: Fetch, run: InteractiveRun) -> None:
        run._folder.layout.stdout.write_bytes("😀".encode())

        pieces, offset = [], 0
        while offset < 4:
            body, _, offset, _ = await part(api, run, offset=offset, limit=1)
            pieces.append(body)

        assert pieces == [bytes([byte]) for byte in "😀".encode()]

    async def test_half_a_character_waits_for_the_rest_until_the_run_has_ended(
        self, api: Fetch, run: InteractiveRun
    ) -> None:
        run._folder.layout.stdout.write_bytes(b"ab" + "€".encode()[:2])

        going = await part(api, run)
        run.complete()
        ended = await part(api, run)

        assert going == (b"ab", 0, 2, 4)
        assert ended == (b"ab" + "€".encode()[:2], 0, 4, 4)

    async def test_that_are_no_text_come_as_they_are(self, api: Fetch, run: InteractiveRun) -> None:
        data = bytes(range(256)) * 20
        write(run, "logs/bytes.bin", data)

        found, offset = b"", 0
        while offset < len(data):
            body, _, offset, _ = await part(api, run, "logs/bytes.bin", offset=offset, limit=100)
            found += body

        assert found == data

    async def test_come_by_a_mebibyte_unless_asked_otherwise(self, ask: Ask, api: Fetch, run: InteractiveRun) -> None:
        run._folder.layout.stdout.write_bytes(b"x" * (10 << 20))

        assert (await part(api, run))[1:] == (0, 1 << 20, 10 << 20)
        assert (await part(api, run, limit=8 << 20))[1:] == (0, 8 << 20, 10 << 20)
        for limit in (0, -1, (8 << 20) + 1):
            params = {"name": "logs/stdout.txt", "limit": limit}
            error = await ask(*of(run, "content"), params=params, expect=400)
            assert error["message"].startswith("limit")

    @pytest.mark.slow
    async def test_are_followed_to_the_end_while_the_run_writes(
        self, ask: Ask, api: Fetch, workspace: Workspace, submit: Submit, tmp_path: Path
    ) -> None:
        gate = tmp_path / "gate"
        run = submit(f"""
            import os, time
            for n in range(5000):
                print("größe", n)
                if n == 2500:
                    while not os.path.exists({str(gate)!r}):
                        time.sleep(0.01)
        """)
        found, offset, state = b"", 0, ""
        while True:
            ended = state == "Completed"
            body, start, offset, size = await part(api, run, offset=offset, limit=1000)
            assert start == len(found)
            found += body
            if "größe 2500\n".encode() in found[-1000:]:
                gate.touch()
            if ended and offset == size:
                break
            if not body:
                state = (await ask("workspaces", workspace.id, "runs", run.id))["state"]
                await asyncio.sleep(0.01)

        assert found.decode() == "".join(f"größe {n}\n" for n in range(5000))

    async def test_that_nothing_was_printed_to_yet_are_empty(self, ask: Ask, api: Fetch, run: InteractiveRun) -> None:
        run._folder.layout.stdout.unlink(missing_ok=True)

        assert await part(api, run) == (b"", 0, 0, 0)
        assert await part(api, run, "azureml-logs/20_image_build_log.txt", offset=-5) == (b"", 0, 0, 0)
        assert "logs/build.txt" not in [log["name"] for log in (await ask(*of(run)))["logs"]]

    @pytest.mark.parametrize(
        ("name", "status"),
        [
            ("logs/missing.txt", 404),
            ("outputs/model.pt", 404),
            ("run.json", 404),
            ("logs", 404),
            ("logs/../run.json", 422),
            ("../run.json", 422),
            ("/etc/passwd", 422),
            ("logs/\0", 422),
            ("logs/link", 422),
            ("logs/" + "x" * 4000, 404),
        ],
    )
    async def test_are_nothing_but_logs(self, ask: Ask, run: InteractiveRun, name: str, status: int) -> None:
        write(run, "outputs/model.pt", b"weights")
        write(run, "logs/epochs.txt", b"1\n")
        (run._folder.layout.logs / "link").symlink_to("/etc/passwd")

        error = await ask(*of(run, "content"), params={"name": name}, expect=status)

        assert error["code"] == ("log_not_found" if status == 404 else "user_error")
