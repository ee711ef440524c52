"""Letting whoever sends too much finish, for a while, so that the refusal is read.

A connection that is closed while the other side still writes is reset, and with it goes the
answer: behind a reverse proxy the caller would be told that the server is broken.
"""

from __future__ import annotations

import asyncio
from typing import Final

from memkit.server.asgi import App, Message, Receive, Scope, Send

SECONDS: Final = 2.0
BYTES_MAX: Final = 64 * 1024 * 1024
_TOO_LARGE: Final = 413


class Lingering:
    """Ends the refusal of a large body only when that has come, or enough of it."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        refused = False

        async def sending(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                refused = message["status"] == _TOO_LARGE
            elif refused and not message.get("more_body", False):
                # The answer is on its way; the connection stays open until the last part.
                await send({**message, "more_body": True})
                await _drained(receive)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


async def _drained(receive: Receive) -> None:
    left = BYTES_MAX
    try:
        async with asyncio.timeout(SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
    except TimeoutError:
        return
