"""Waiting for writes: those of this process at once, those of others by looking now and then."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING

from memkit.protocols import Backend, ChangeFeed, ChangeWait

if TYPE_CHECKING:
    from collections.abc import Coroutine

# The longest time that a backend is asked to wait in one call.
_LISTENED_SECONDS = 30.0


class Bell:
    """Rings when this process has written; whoever waits wakes, on any loop of any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._rung = 0

    @property
    def rung(self) -> int:
        """How often it has rung."""
        return self._rung

    def ring(self) -> None:
        """Wake all who wait."""
        with self._lock:
            self._rung += 1
            waiting, self._waiting = self._waiting, set()
        for loop, event in waiting:
            # A loop that was closed meanwhile has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)

    async def wait(self, heard: int, seconds: float) -> None:
        """Wait until it has rung more often than ``heard``, or time is up."""
        event = asyncio.Event()
        entry = (asyncio.get_running_loop(), event)
        with self._lock:
            if self._rung != heard:
                return
            self._waiting.add(entry)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
        finally:
            with self._lock:
                self._waiting.discard(entry)


class Pulse:
    """Tells when a store may have changed.

    However many wait, the store is not asked for its position much more often than each of
    them asks for.
    """

    def __init__(self, backend: Backend) -> None:
        self.bell = Bell()
        has_feed = backend.capabilities.change_feed
        self.feed = backend if has_feed and isinstance(backend, ChangeFeed) else None
        self._listener = backend if has_feed and isinstance(backend, ChangeWait) else None
        self._looked: tuple[float, int, int] = (-1.0, -1, 0)

    async def position(self, fresh_seconds: float = 0.0) -> int:
        """The feed's newest position, not older than this many seconds."""
        assert self.feed is not None
        at, rung, position = self._looked
        heard = self.bell.rung
        if heard == rung and time.monotonic() - at < fresh_seconds:
            return position
        began = time.monotonic()
        position = await self.feed.position()
        self._looked = (began, heard, position)
        return position

    async def wait(self, heard: int, position: int, seconds: float, poll_seconds: float) -> None:
        """Return when there may be something new, or time is up.

        Args:
            heard: how often the bell had rung before the store was last read.
            position: up to where the feed was read; of no use without a feed.
            seconds: the longest time to wait.
            poll_seconds: between two looks for what other processes wrote.
        """
        deadline = time.monotonic() + seconds
        if self._listener is not None:
            await self._first(
                self._listener.wait_for_change(position, min(seconds, _LISTENED_SECONDS)),
                self.bell.wait(heard, seconds),
            )
            return
        while (left := deadline - time.monotonic()) > 0 and self.bell.rung == heard:
            await self.bell.wait(heard, min(left, poll_seconds))
            if self.feed is None or await self.position(poll_seconds / 2) > position:
                return

    @staticmethod
    async def _first(
        one: Coroutine[None, None, object], other: Coroutine[None, None, None]
    ) -> None:
        """Wait until either is done; an error of the first is told, the second has none."""
        asked, heard = asyncio.ensure_future(one), asyncio.ensure_future(other)
        try:
            await asyncio.wait((asked, heard), return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                await asked
        finally:
            for task in (asked, heard):
                task.cancel()
            await asyncio.gather(asked, heard, return_exceptions=True)
