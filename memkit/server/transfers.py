"""Export and import over HTTP, bounded in memory."""

from __future__ import annotations

import asyncio
import tempfile
from typing import IO, Any, Final

from memkit.errors import MemkitError
from memkit.server.asgi import Receive, Scope, Send
from memkit.server.context import Context
from memkit.server.problems import Refused, refuse
from memkit.server.projection import Fields, origin_of, place_of, require_type
from memkit.server.reading import chunks, declared, headers_of, in_time, query_of
from memkit.service.failures import InvalidArguments
from memkit.service.operation import Operation
from memkit.service.streams import HELD_BYTES, STREAMS, Import

LINES: Final = b"application/x-ndjson"
_PART: Final = 65_536


class Exporting:
    """Sends the lines of an export."""

    def __init__(self, context: Context) -> None:
        self.operation: Operation = STREAMS["export"]
        self._context = context
        self._fields = Fields(self.operation.input)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope["state"]["operation"] = self.operation.name
        try:
            file = await self._made(scope)
        except (MemkitError, Refused) as error:
            await refuse(scope, send, error)
            return
        try:
            await _send_file(send, file)
        finally:
            file.close()

    async def _made(self, scope: Scope) -> IO[bytes]:
        headers, query = headers_of(scope), query_of(scope)
        place = place_of(query, headers)
        file: IO[bytes] = await self._context.service.call(
            self.operation,
            lambda: self._fields.input(query, {}),
            caller=scope["state"]["caller"],
            place=place,
            origin=origin_of(scope, headers),
        )
        return file


async def _send_file(send: Send, file: IO[bytes]) -> None:
    told = [
        (b"content-type", LINES),
        (b"cache-control", b"no-store"),
        (b"content-disposition", b'attachment; filename="memkit-export.jsonl"'),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": told})
    while part := await asyncio.to_thread(file.read, _PART):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class Importing:
    """Takes the lines of an export."""

    def __init__(self, context: Context) -> None:
        self.operation: Operation = STREAMS["import"]
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        from pydantic_core import to_json

        from memkit.server.asgi import respond

        scope["state"]["operation"] = self.operation.name
        try:
            done = await self._taken(scope, receive)
        except (MemkitError, Refused) as error:
            await refuse(scope, send, error)
            return
        await respond(send, self.operation.route.status, to_json(done))

    async def _taken(self, scope: Scope, receive: Receive) -> Any:
        headers, query = headers_of(scope), query_of(scope)
        place = place_of(query, headers)
        if query:
            raise InvalidArguments(tuple((name, "is no parameter here") for name in query))
        caller, service = scope["state"]["caller"], self._context.service
        most = self._context.settings.server_max_import_bytes
        declared(headers, most)
        require_type(headers, LINES)
        # Before anything is put aside for whoever asks.
        allowed = service.allows(caller, place, self.operation)
        with tempfile.SpooledTemporaryFile(HELD_BYTES) as file:
            if allowed:
                await self._put_aside(receive, file, most)
            return await service.call(
                self.operation,
                Import.model_construct(lines=file),
                caller=caller,
                place=place,
                origin=origin_of(scope, headers),
            )

    async def _put_aside(self, receive: Receive, file: Any, most: int) -> None:
        seconds = self._context.settings.server_body_seconds
        parts = chunks(receive, most)
        while True:
            # It may take long, but never a long time between two parts.
            async with in_time(seconds):
                part = await anext(parts, None)
            if part is None:
                break
            await asyncio.to_thread(file.write, part)
        file.seek(0)
