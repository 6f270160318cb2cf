"""What following costs, and what becomes of pages that do not read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.conftest import Submit
from tests.jupyter_ext.conftest import API
from tests.jupyter_ext.test_live import Connect, OpenPage, extension, open_page, stepping

from jupyterlab_traindock.app import TraindockApp
from jupyterlab_traindock.live.hub import ROUND_SECONDS, UPKEEP_SECONDS
from traindock import Experiment, Run, Workspace

__all__ = ["extension", "open_page"]

pytestmark = pytest.mark.slow


def write_points(run: Run, count: int, name: str = "loss", writer: str = "9-00000000") -> None:
    """Write points as a job would."""
    folder = run._folder.layout.metrics / writer
    folder.mkdir(parents=True, exist_ok=True)
    entry = {"file": 0, "name": name, "kind": "f", "step": False, "description": ""}
    (folder / "names.jsonl").write_text(json.dumps(entry) + "\n")
    points = np.empty(count, [("value", "<f8"), ("time", "<f8")])
    points["value"] = np.random.default_rng(1).normal(size=count)
    points["time"] = time.time() + np.arange(count) * 1e-4
    with open(folder / "0.bin", "ab") as file:
        points.tofile(file)


class TestAPageThatDoesNotRead:
    async def test_holds_little_in_the_server_and_gets_all_once_it_reads(
        self,
        jp_ws_fetch: Connect,
        extension: TraindockApp,
        workspace: Workspace,
        submit: Submit,
        tmp_path: Path,
    ) -> None:
        run, go_on = stepping(submit, tmp_path, 1)
        connection = await jp_ws_fetch(*API, "live")
        [handler] = extension.connected
        # Nobody takes what arrives: the kernel's buffers fill, then the server's.
        for number in range(40):
            target = {"workspace": workspace.id, "run": run.id}
            await connection.write_message(json.dumps({"subscribe": f"s{number}", "to": target}))
        most = 0
        for _ in range(60):
            write_points(run, 20_000)
            with open(run._folder.layout.stdout, "ab") as file:
                file.write(b"x" * 200_000 + b"\n")
            await asyncio.sleep(0.05)
            most = max(most, handler._unsent)  # type: ignore[attr-defined]

        assert most < extension.max_unsent_bytes
        assert handler._unsent > extension.max_unsent_bytes // 4, "the page did read"  # type: ignore[attr-defined]

        go_on(0)
        counts: dict[str, int] = {}
        ended: set[str] = set()
        while len(ended) < 40:
            message = json.loads(await asyncio.wait_for(connection.read_message(), 60))
            name = message["name"]
            for series in message.get("metrics", {}).get("series", []):
                counts[name] = counts.get(name, 0) + (
                    sum(series["buckets"]["count"]) if "buckets" in series else len(series["values"])
                )
            if "run" in message:
                ended.add(name)
        assert set(counts.values()) == {60 * 20_000 + 1}
        connection.close()


class TestCost:
    async def test_much_data_does_not_stay_in_the_server_nor_stop_its_loop(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit
    ) -> None:
        run = submit("for n in range(1_000_000): print('line', n)")
        run.wait_for_completion()
        warm = submit("from traindock import Run\nRun.get_context().log('loss', 1.0)")
        warm.wait_for_completion()
        page = await open_page()
        page.follow("warm", workspace, warm.id)
        await page.ended("warm")
        write_points(run, 3_600_000)
        before = psutil.Process().memory_info().rss
        lags = []

        # What else the machine does can only make it longer: the shortest of three tells of the server.
        for name in ("mine", "again", "once more"):
            lag = asyncio.ensure_future(longest_lag())
            page.follow(name, workspace, run.id)
            await page.ended(name)
            lag.cancel()
            lags.append(await lag)

        grown = psutil.Process().memory_info().rss - before
        tables = [
            series["buckets"] for message in page.of("mine") for series in message.get("metrics", {}).get("series", [])
        ]
        assert sum(sum(table["count"]) for table in tables) == 3_600_000
        assert grown < 20e6
        assert min(lags) < 0.2

    async def test_nothing_of_quiet_runs_is_read(
        self, open_page: OpenPage, workspace: Workspace, opened_files: list[Path]
    ) -> None:
        experiment = Experiment(workspace, "quiet")
        runs = [experiment.start_logging(outputs=None, snapshot_directory=None) for _ in range(30)]
        page = await open_page()
        for run in runs:
            page.follow(run.id, workspace, run.id)
        with contextlib.suppress(TimeoutError):
            while True:  # until all that has led here was told
                await page.next(3)
        opened_files.clear()

        await asyncio.sleep(UPKEEP_SECONDS + 5 * ROUND_SECONDS)

        assert [path for path in opened_files if path.is_relative_to(workspace.layout.runs)] == []
        assert {run.get_status() for run in runs} == {"Running"}
        page.messages.clear()
        # what is read of a run once it has something to tell would have been seen
        write_points(runs[0], 1)
        metrics = runs[0]._folder.layout.metrics
        await page.told(lambda message: message["name"] == runs[0].id and "metrics" in message)
        assert [path for path in opened_files if path.is_relative_to(metrics)] != []
        for run in runs:
            run.complete()


@pytest.fixture
def opened_files() -> Iterator[list[Path]]:
    """What this process opens from now on to read it, in order."""
    opened: list[Path] = []
    listening = True

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if listening and event == "open" and isinstance(arguments[0], str | os.PathLike):
            [path, _, flags] = arguments
            if int(flags) & os.O_ACCMODE == os.O_RDONLY:
                opened.append(Path(path))

    sys.addaudithook(note)  # for good: there is no way to take one away
    yield opened
    listening = False


async def longest_lag() -> float:
    """Return the longest time, in seconds, for which the loop did not get to this, until it is cancelled."""
    longest = 0.0
    try:
        while True:
            begin = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - begin - 0.005)
    except asyncio.CancelledError:
        return longest
