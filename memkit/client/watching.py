"""Watching a server's events, taken up again where a connection broke off."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from memkit.client.answers import event_of
from memkit.client.connection import Connection, Request
from memkit.errors import MemkitError, RateLimited, StoreClosed, StoreError, StoreUnavailable
from memkit.events.watching import Watch
from memkit.providers.requirements import require
from memkit.retrying import Patience
from memkit.service.streams import STREAMS
from memkit.types import Event

if TYPE_CHECKING:
    from httpx_sse import ServerSentEvent

EVENTS = STREAMS["watch"].route
# A server that says nothing for so long, not even that it is there, is taken to be gone.
_SILENCE_SECONDS = 60.0
_PATIENCE = Patience(retries=1_000_000_000, first_wait=0.2, longest_wait=15.0)
# Read ahead of the reader at most; what comes after waits at the server.
_AHEAD = 100


class RemoteWatch(Watch):
    """Events of a server as they come; see :class:`~memkit.events.watching.Watch`.

    After a lost connection it connects again, for as long as it takes, and goes on after the
    last event that it has seen. A refusal ends it with the error.
    """

    def __init__(
        self, connection: Connection, params: Sequence[tuple[str, str]], after: str | None
    ) -> None:
        # Not Watch's: there is no engine here.
        require("httpx_sse", "watch", "client")
        self._connection = connection
        self._params = tuple(params)
        self._seen = after
        self._cursor = after
        self._events: deque[Event] = deque()
        self._taken = 0
        self._error: MemkitError | None = None
        self._changed: asyncio.Condition | None = None
        self._pump: asyncio.Task[None] | None = None
        self._connected = False
        self._closed = False
        self._dropped = self._failures = 0

    async def start(self) -> None:
        """Connect, which fixes the place to read from; called again, it does nothing."""
        await self._connection.run(self._start)

    async def next(self) -> Event | None:
        """The next event, when there is one; ``None`` once it is closed."""
        event = await self._connection.run(lambda: self._front(self._taken))
        if event is not None:
            # Only now: a call that was cancelled meanwhile has taken nothing.
            self._taken += 1
            self._cursor = event.cursor
        return event

    async def aclose(self) -> None:
        """End it; who waits for an event, in whatever thread, is told at once."""
        if not self._closed:
            self._closed = True
            if self._pump is not None:
                # A closed connection has ended it already.
                with contextlib.suppress(StoreClosed):
                    await self._connection.run(self._stop)

    async def _start(self) -> None:
        if self._changed is None:
            self._changed = asyncio.Condition()
            self._pump = asyncio.create_task(self._read_on())
        async with self._changed:
            await self._changed.wait_for(lambda: self._connected or self._over)
        if self._error is not None:
            raise self._error

    @property
    def _over(self) -> bool:
        return self._closed or self._error is not None

    async def _front(self, taken: int) -> Event | None:
        """The event after those that were taken; it stays until it is known to be taken."""
        await self._start()
        assert self._changed is not None
        async with self._changed:
            while self._dropped < taken:
                self._events.popleft()
                self._dropped += 1
            self._changed.notify_all()
            await self._changed.wait_for(lambda: bool(self._events) or self._over)
            if self._closed:
                return None
            if self._events:
                return self._events[0]
        assert self._error is not None
        raise self._error

    async def _stop(self) -> None:
        assert self._changed is not None
        assert self._pump is not None
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        async with self._changed:
            self._changed.notify_all()

    async def _read_on(self) -> None:
        """Keep a connection, and events coming."""
        while True:
            try:
                await self._read()
                lost = 0.0
            except (StoreUnavailable, RateLimited) as error:
                if not self._connected and not isinstance(error, RateLimited):
                    # It was never there: whoever starts is told.
                    return await self._fail(error)
                lost = error.retry_after if isinstance(error, RateLimited) else 0.0
            except MemkitError as error:
                return await self._fail(error)
            wait = _PATIENCE.wait(self._failures)
            await asyncio.sleep(max(lost, wait or 0.0))
            self._failures = min(self._failures + 1, 10)

    async def _fail(self, error: MemkitError) -> None:
        assert self._changed is not None
        async with self._changed:
            self._error = error
            self._changed.notify_all()

    async def _read(self) -> None:
        from httpx_sse import EventSource

        assert self._changed is not None
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._seen is not None:
            headers["Last-Event-ID"] = self._seen
        request = Request(EVENTS.method, EVENTS.path, self._params)
        async with self._connection.stream(
            request, headers, read_seconds=_SILENCE_SECONDS
        ) as response:
            if "text/event-stream" not in response.headers.get("content-type", ""):
                raise StoreError("the server streams no events: does the URL lead to memkit?")
            async with self._changed:
                self._connected, self._failures = True, 0
                self._changed.notify_all()
            async for told in EventSource(response).aiter_sse():
                await self._take(told)

    async def _take(self, told: ServerSentEvent) -> None:
        assert self._changed is not None
        if told.data:
            event = _event(told.data)
            async with self._changed:
                await self._changed.wait_for(lambda: len(self._events) < _AHEAD)
                self._events.append(event)
                self._changed.notify_all()
            self._seen = event.cursor
        elif told.id:
            # Nothing happened, but so far has been looked.
            self._seen = told.id
            if not self._events:
                self._cursor = told.id


def _event(text: str) -> Event:
    try:
        return event_of(json.loads(text))
    except (KeyError, TypeError, ValueError):
        raise StoreError("the server's events are not memkit's: are the versions apart?") from None
