"""Watching: an iterator over events that waits for the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self

from memkit.errors import InvalidInput
from memkit.events.cursors import mark_of
from memkit.events.feeding import FeedSource
from memkit.events.polling import PollSource
from memkit.events.selecting import Selection
from memkit.types import Event

if TYPE_CHECKING:
    from memkit.engine import Engine

# Nobody waits longer without looking at the store: what should have woken it may have been lost.
_LOOK_SECONDS = 30.0
_POLL_MIN, _POLL_MAX = 0.01, 60.0


class Watch:
    """Events as they come: an async iterator, that may be entered with ``async with`` too.

    It starts where ``after`` says, or else with what happens from its start on: when it is
    entered, or when the first event is asked for. It reads on only when it is asked, so that a
    slow reader costs nothing, and ends when it is closed.
    """

    def __init__(
        self, engine: Engine, selected: Selection, after: str | None, poll_seconds: float
    ) -> None:
        if isinstance(poll_seconds, bool) or not isinstance(poll_seconds, int | float):
            raise InvalidInput("poll_seconds must be a number of seconds")
        if not _POLL_MIN <= poll_seconds <= _POLL_MAX:
            raise InvalidInput(f"poll_seconds must lie between {_POLL_MIN} and {_POLL_MAX:g}")
        engine.require_open()
        mark = None if after is None else mark_of(after)
        kind = PollSource if engine.pulse.feed is None else FeedSource
        self._engine = engine
        self._source = kind(engine, selected, mark)
        self._poll_seconds = float(poll_seconds)
        self._ready: deque[Event] = deque()
        self._cursor: str | None = None
        self._started = self._closed = False

    @property
    def cursor(self) -> str | None:
        """Where to go on after the last event that was given out; ``None`` before the start."""
        return self._cursor

    async def start(self) -> None:
        """Fix the place to read from; called again, it does nothing."""
        if not self._started:
            self._engine.require_open()
            await self._source.start()
            self._cursor = self._source.cursor()
            self._started = True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await self.next()
        if event is None:
            raise StopAsyncIteration
        return event

    async def next(self) -> Event | None:
        """The next event, when there is one; ``None`` once it is closed."""
        await self.start()
        pulse = self._engine.pulse
        while not self._closed:
            if self._ready:
                event = self._ready.popleft()
                self._cursor = event.cursor
                return event
            self._engine.require_open()
            heard = pulse.bell.rung
            events = await self._source.read()
            if events:
                self._ready.extend(events)
                continue
            self._cursor = self._source.cursor()
            await pulse.wait(heard, self._source.position, _LOOK_SECONDS, self._poll_seconds)
        return None

    async def aclose(self) -> None:
        """End it; who waits for an event, in whatever thread, is told at once."""
        self._closed = True
        self._engine.pulse.bell.ring()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.shield(self.aclose())
