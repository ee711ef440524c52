"""Bodies of requests to applications that read them without a limit of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memkit.server.asgi import App, Message, Receive, Scope, Send
from memkit.server.problems import Refused, refuse
from memkit.server.reading import body_of, declared, headers_of

if TYPE_CHECKING:
    from memkit.config import Settings


class Buffering:
    """Reads a request's body, within the limits, before the application sees the request."""

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        most = self._settings.server_max_request_bytes
        try:
            declared(headers_of(scope), most)
            body = await body_of(receive, most, self._settings.server_body_seconds)
        except Refused as error:
            await refuse(scope, send, error)
            return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)
