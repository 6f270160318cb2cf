"""Searching logs over HTTP: all of a log, a bounded part at a time."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.jupyter_ext.conftest import Ask

from jupyterlab_traindock.managers.log_search import Hit, Place, look
from jupyterlab_traindock.managers.opened_file import PIECE, OpenedFile
from traindock.interactive import InteractiveRun


async def search(ask: Ask, run: Any, text: str, expect: int = 200, **params: Any) -> Any:
    """The answer to one question."""
    asked = {"name": "logs/stdout.txt", "text": text, **params}
    path = ("workspaces", run.workspace.id, "runs", run.id, "logs", "search")
    return await ask(*path, params=asked, expect=expect)


def opened(folder: Path, data: bytes) -> OpenedFile:
    """A log with this content."""
    (folder / "log").write_bytes(data)
    return OpenedFile(os.open(folder / "log", os.O_RDONLY), "logs/stdout.txt")


def all_hits(file: OpenedFile, text: str, most: int = 1000) -> list[Hit]:
    """The lines that have a text, by as many looks as it takes."""
    hits: list[Hit] = []
    place, more = Place(), True
    while more:
        looked = look(file, text, Place.parse(place.cursor()), most)
        hits += looked.hits
        place, more = looked.place, looked.more
    return hits


class TestASearch:
    async def test_finds_lines_by_number_and_place(self, ask: Ask, run: InteractiveRun) -> None:
        run._folder.layout.stdout.write_bytes("größe 1\nloss 2\nsize 3, LOSS 4\n".encode())

        found = await search(ask, run, "Loss")

        assert found["hits"] == [{"line": 2, "offset": 10}, {"line": 3, "offset": 17}]
        assert (found["searched"], found["size"], found["more"]) == (32, 32, False)

    async def test_goes_on_where_it_left_off_also_once_more_was_printed(self, ask: Ask, run: InteractiveRun) -> None:
        log = run._folder.layout.stdout
        log.write_bytes(b"loss 1\nloss 2\nloss 3\nlo")

        first = await search(ask, run, "loss", limit=2)
        rest = await search(ask, run, "loss", cursor=first["cursor"])
        with log.open("ab") as file:
            file.write(b"ss 4\nother\nloss 6")
        later = await search(ask, run, "loss", cursor=rest["cursor"])
        none = await search(ask, run, "loss", cursor=later["cursor"])

        assert [hit["line"] for hit in first["hits"]] == [1, 2]
        assert (first["more"], rest["more"], later["more"]) == (True, False, False)
        assert [hit["line"] for hit in rest["hits"]] == [3]
        assert [hit["line"] for hit in later["hits"]] == [4, 6]
        assert none["hits"] == []

    async def test_of_what_was_not_printed_to_finds_nothing(self, ask: Ask, run: InteractiveRun) -> None:
        run._folder.layout.stdout.unlink(missing_ok=True)
        assert (await search(ask, run, "loss"))["hits"] == []
        assert (await search(ask, run, "loss", name="logs/no.txt", expect=404))["code"] == "log_not_found"

    @pytest.mark.parametrize("wrong", [{"text": ""}, {"cursor": "1-2"}, {"cursor": "-1-1-0-0"}, {"limit": 1001}])
    async def test_refuses_what_makes_no_sense(self, ask: Ask, run: InteractiveRun, wrong: dict[str, Any]) -> None:
        text = wrong.pop("text", "loss")
        assert (await search(ask, run, text, expect=400, **wrong))["code"] == "invalid_request"


class TestLooking:
    def test_finds_what_lies_across_pieces_and_after_lines_longer_than_one(self, tmp_path: Path) -> None:
        data = b"x" * (PIECE - 2) + b"loss\n" + b"y" * (3 * PIECE) + b"\n" + b"loss" * PIECE + b"\nloss"
        with contextlib.closing(opened(tmp_path, data)) as file:
            assert [hit.line for hit in all_hits(file, "loss")] == [1, 3, 4]

    def test_finds_what_a_plain_look_at_all_lines_finds(self, tmp_path: Path) -> None:
        chance = random.Random(5)
        words = [b"loss", b"los", b"\x1b[31mlo\x1b[0mss", "größe".encode(), b"LOSS\rlate", b"", b"z" * 90_000]
        lines = [b" ".join(chance.choices(words, k=3)) for _ in range(200)]
        with contextlib.closing(opened(tmp_path, b"\n".join(lines))) as file:
            for text in ("loss", "GRÖSSE", "GRÖßE", "s g", "zz"):
                bare = [line.replace(b"\x1b[31m", b"").replace(b"\x1b[0m", b"").decode().lower() for line in lines]
                wanted = [at for at, line in enumerate(bare, 1) if text.lower() in line]
                for most in (1, 7, 1000):
                    assert [hit.line for hit in all_hits(file, text, most)] == wanted
                starts = [sum(len(line) + 1 for line in lines[: at - 1]) for at in wanted]
                assert [hit.offset for hit in all_hits(file, text)] == starts

    def test_ends_after_a_while_and_goes_on_later(self, tmp_path: Path) -> None:
        ticks = iter(range(100))
        with contextlib.closing(opened(tmp_path, b"loss\n" * PIECE)) as file:
            looked = look(file, "none", Place(), 1000, clock=lambda: next(ticks) * 0.2)
            assert looked.more
            assert PIECE < looked.place.offset < file.size

    @pytest.mark.slow
    def test_a_gigabyte_takes_little_memory_and_lets_others_work(self, tmp_path: Path) -> None:
        line = b"epoch 3 batch 17 loss 0.2841 accuracy 0.9117 rate 0.0010 " + b"." * 42 + b"\n"
        with (tmp_path / "big").open("wb") as big:
            for _ in range(1000):
                big.write(line * 10_000)
            big.write(b"the last line")
        process = psutil.Process()
        waits: list[float] = []
        sizes: list[int] = []
        done = threading.Event()

        def tick() -> None:
            while not done.is_set():
                begun = time.monotonic()
                time.sleep(0.001)
                waits.append(time.monotonic() - begun)
                sizes.append(process.memory_info().rss)

        ticking = threading.Thread(target=tick)
        before = process.memory_info().rss
        ticking.start()
        try:
            with contextlib.closing(OpenedFile(os.open(tmp_path / "big", os.O_RDONLY), "logs/stdout.txt")) as file:
                begun = time.monotonic()
                found = all_hits(file, "The Last")
                took = time.monotonic() - begun
        finally:
            done.set()
            ticking.join()
        waits.sort()
        print(f"1 GB in {took:.1f} s; others waited {waits[len(waits) * 99 // 100] * 1000:.0f} ms in 99 of 100 cases")

        assert [hit.line for hit in found] == [10_000_001]
        assert max(sizes) - before < 20_000_000
        assert waits[len(waits) * 99 // 100] < 0.1
