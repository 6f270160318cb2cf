"""What answering costs the server, which runs in the test's own process."""

from __future__ import annotations

import asyncio
import time

import psutil


async def watch() -> tuple[float, int]:
    """Return the longest time for which the loop did not get to this, and the most memory, until it is cancelled."""
    longest, most = 0.0, 0
    process = psutil.Process()
    try:
        while True:
            begin = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - begin - 0.005)
            most = max(most, process.memory_info().rss)
    except asyncio.CancelledError:
        return longest, most
