"""What following costs, and what becomes of pages that do not read."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.conftest import Submit
from tests.jupyter_ext.conftest import API
from tests.jupyter_ext.test_live import Connect, OpenPage, extension, open_page, stepping

from jupyterlab_traindock.app import TraindockApp
from traindock import Run, Workspace

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

    async def test_many_quiet_runs_cost_next_to_nothing(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit
    ) -> None:
        run = submit("import time; time.sleep(600)")
        ids = [run.id, *copies(run, 99)]
        page = await open_page()
        for run_id in ids:
            page.follow(run_id, workspace, run_id)
        for _ in ids:
            await page.next()
        await asyncio.sleep(1)  # what the first look at them costs is another matter
        begin, used = time.monotonic(), psutil.Process().cpu_times()

        await asyncio.sleep(5)

        now = psutil.Process().cpu_times()
        spent = now.user + now.system - used.user - used.system
        assert spent / (time.monotonic() - begin) < 0.02
        run.cancel()


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


def copies(run: Run, count: int) -> list[str]:
    """Publish runs that stand as running, and that no dispatcher looks at; return their ids."""
    from traindock.store import run_records

    found = []
    for number in range(count):
        run_id = f"tests_{int(time.time())}_{number:08x}"
        folder = run_records.publish(
            run.workspace.layout,
            run.workspace.record,
            run_id=run_id,
            experiment="tests",
            number=1000 + number,
            created=time.time(),
            turn=time.time(),
            user="me",
            parent=None,
            spec={**run.record.spec.to_json(), "type": "traindock.interactive"},
        )
        os.makedirs(folder.layout.metrics, exist_ok=True)  # noqa: PTH103
        found.append(run_id)
    return found
