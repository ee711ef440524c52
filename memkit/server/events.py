"""Events over HTTP, as server-sent events that can be resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from memkit.errors import MemkitError
from memkit.server.asgi import Receive, Scope, Send
from memkit.server.authentication import caller_of
from memkit.server.context import Context
from memkit.server.problems import Refused, refuse
from memkit.server.projection import Fields, origin_of, place_of
from memkit.server.reading import headers_of, query_of, text_of
from memkit.service.calling import Caller, Place
from memkit.service.operation import Operation
from memkit.service.outputs import event_json
from memkit.service.streams import STREAMS

if TYPE_CHECKING:
    from memkit.events.watching import Watch
    from memkit.types import Event

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # A proxy that collects an answer before it passes it on would hold events back.
    (b"x-accel-buffering", b"no"),
]
#: After so many milliseconds a browser comes again.
_RETRY: Final = b"retry: 1000\n\n"
# A reader who has not taken anything for so long is let go; it comes again where it was.
_SEND_SECONDS: Final = 30.0


class Events:
    """Streams events to one reader after the other.

    A reader is sent what it can take: what it has not taken is not collected for it but read
    from the store when it goes on. Its credential is looked at again and again: the stream ends
    when that no longer allows what it showed.
    """

    def __init__(self, context: Context) -> None:
        self.operation: Operation = STREAMS["watch"]
        self._context = context
        self._fields = Fields(self.operation.input)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        state = scope["state"]
        state["operation"] = self.operation.name
        try:
            with self._counted():
                headers, query = headers_of(scope), query_of(scope)
                place = place_of(query, headers)
                resumed = headers.get(b"last-event-id")
                if resumed is not None:
                    query = {**query, "after": [text_of(resumed, "Last-Event-ID")]}
                watching: Watch = await self._context.service.call(
                    self.operation,
                    lambda: self._fields.input(query, {}),
                    caller=state["caller"],
                    place=place,
                    origin=origin_of(scope, headers),
                )
                async with watching:
                    if scope["method"] == "HEAD":
                        await send(_start())
                        await send({"type": "http.response.body", "body": b""})
                        return
                    stream = _Stream(self._context, watching, send)
                    await stream.run(receive, state["caller"], place, state.get("token"))
        except (MemkitError, Refused) as error:
            await refuse(scope, send, error)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        context = self._context
        if context.streams >= context.settings.server_streams:
            detail = "there are as many readers of events as there can be: come again"
            raise Refused(503, "busy", detail, {"retry-after": "5"})
        context.streams += 1
        try:
            yield
        finally:
            context.streams -= 1


class _Stream:
    """One reader's stream, until the reader, its credential, the server or the store ends it."""

    def __init__(self, context: Context, watching: Watch, send: Send) -> None:
        self._context = context
        self._watching = watching
        self._send = send

    async def run(self, receive: Receive, caller: Caller, place: Place, token: str | None) -> None:
        """Stream."""
        await self._send(_start())
        cursor = self._watching.cursor
        await self._put(_RETRY + (b"" if cursor is None else _alive(cursor)))
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._pump()),
            asyncio.create_task(_gone(receive)),
            asyncio.create_task(self._context.ending.wait()),
        ]
        if token is not None:
            tasks.append(asyncio.create_task(self._while_allowed(caller, place, token)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        if tasks[1] in done:
            return
        surprises = [each for each in ended if isinstance(each, Exception)]
        expected = (MemkitError, TimeoutError, OSError)
        if surprises and not isinstance(surprises[0], expected):
            raise surprises[0]
        if not any(isinstance(each, TimeoutError | OSError) for each in surprises):
            await self._send({"type": "http.response.body", "body": b""})

    async def _pump(self) -> None:
        heartbeat = self._context.settings.server_heartbeat_seconds
        # Never cancelled and begun again in between: what a read has taken would be lost.
        coming = asyncio.create_task(self._watching.next())
        try:
            while True:
                done, _ = await asyncio.wait((coming,), timeout=heartbeat)
                if not done:
                    cursor = self._watching.cursor
                    await self._put(b": alive\n\n" if cursor is None else _alive(cursor))
                    continue
                event = coming.result()
                if event is None:
                    return
                await self._put(_frame(event))
                self._context.metrics.events.inc()
                coming = asyncio.create_task(self._watching.next())
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _put(self, body: bytes) -> None:
        async with asyncio.timeout(_SEND_SECONDS):
            await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def _while_allowed(self, caller: Caller, place: Place, token: str) -> None:
        """Return when the credential has ended, or allows something else than at the start."""
        service = self._context.service
        operation = STREAMS["watch"]
        shown = service.scope(caller, place)
        while True:
            await asyncio.sleep(self._context.settings.server_recheck_seconds)
            now = await caller_of(self._context, token)
            if service.scope(now, place) != shown or not service.allows(now, place, operation):
                return


async def _gone(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _start() -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": list(_HEADERS)}


def _frame(event: Event) -> bytes:
    told = to_json(event_json(event), inf_nan_mode="null")
    kind = str(event.type).encode()
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event.cursor.encode(), kind, told)


def _alive(cursor: str) -> bytes:
    """A sign of life, with the place to go on from; readers take it for no event."""
    return b": alive\nid: %b\n\n" % cursor.encode()
