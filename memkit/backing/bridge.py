"""A driver that belongs to one event loop, served to callers on any loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

from memkit.loops import LoopThread

T = TypeVar("T")


class Bridge:
    """Runs coroutines on a loop of its own, in a daemon thread, for callers of any loop.

    A cancelled call cancels the coroutine there and does not wait until it has ended: what
    must not be cut in two is shielded or left to the database's transaction.
    """

    def __init__(self) -> None:
        self._thread = LoopThread()
        self._process = os.getpid()

    @property
    def here(self) -> bool:
        """Whether this process made it; a fork's child has its object but not its thread."""
        return self._process == os.getpid()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, awaited on the bridge's loop."""
        return await asyncio.wrap_future(self._thread.submit(work))

    def stop(self) -> None:
        """Cancel what runs and end the thread; not from the loop itself."""
        self._thread.stop()
