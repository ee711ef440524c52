"""Waiting until a server's embedder has loaded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from memkit.types import Status

_FIRST_WAIT, _LONGEST_WAIT = 0.05, 1.0


async def until_ready(status: Callable[[], Awaitable[Status]], seconds: float) -> None:
    """Ask until the embedder is ready, or there is none, or the time is up."""
    end = time.monotonic() + seconds
    wait = _FIRST_WAIT
    while True:
        told = await status()
        if told.embedder is None or told.embedder_ready or time.monotonic() + wait > end:
            return
        await asyncio.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)
