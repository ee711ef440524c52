"""The little of ASGI that all parts of the server share: types, headers, whole answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

JSON = b"application/json"


async def respond(
    send: Send,
    status: int,
    body: bytes,
    media_type: bytes = JSON,
    headers: Headers | None = None,
    *,
    cache: bytes = b"no-store",
) -> None:
    """Send a whole answer. What memories say is for the caller alone, so no cache keeps it."""
    told: Headers = [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", cache),
        (b"x-content-type-options", b"nosniff"),
    ]
    if headers:
        told += headers
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})
