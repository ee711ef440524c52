"""MCP over HTTP: Streamable HTTP without sessions at ``/mcp``, legacy SSE at ``/sse``.

Who calls was made sure before a request comes here. Each request is answered for the caller whose
request it is, and for nobody else: nothing of a caller is kept between requests, but the stream of
legacy SSE, which is its opener's alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from memkit.errors import MemkitError
from memkit.server.asgi import Receive, Scope, Send
from memkit.server.mcp.projection import Peer, Projection, Session
from memkit.server.mcp.sdk import initialization, server
from memkit.server.problems import Refused, refuse
from memkit.server.projection import place_of
from memkit.server.reading import headers_of, query_of
from memkit.service.calling import Origin, Service

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from memkit.config import Settings

MESSAGES: Final = "/messages/"
_PEER: Final = "mcp_peer"


def routes(service: Service | Callable[[], Service], settings: Settings) -> list[BaseRoute]:
    """The routes of MCP over HTTP.

    They need the ``Caller`` of each request in ``scope["state"]["caller"]``, and take an
    ``Origin`` from ``scope["state"]["origin"]``; without a caller a request fails.

    Args:
        service: what carries operations out, or what gives it once there is one.
        settings: how large a request may be, and how many streams are open at a time.
    """
    from mcp.server.sse import SseServerTransport
    from starlette.routing import Mount, Route

    async def ready() -> Service:
        return service() if callable(service) else service

    most = settings.server_max_request_bytes
    projection = Projection(ready)
    transport = SseServerTransport(MESSAGES, max_request_body_size=most)
    return [
        Route("/mcp", Streamable(projection, most), methods=["GET", "POST", "DELETE"], name="mcp"),
        Route(
            "/sse",
            Stream(projection, transport, settings.server_streams),
            methods=["GET"],
            name="mcp-sse",
        ),
        Mount(MESSAGES, Messages(transport), name="mcp-messages"),
    ]


def peer_of(scope: Scope) -> Peer:
    """Who makes an HTTP request.

    Raises:
        InvalidArguments, Refused: where it goes is said twice, or malformed.
    """
    state = scope["state"]
    headers = headers_of(scope)
    query = query_of(scope)
    query.pop("session_id", None)
    origin = state.get("origin")
    if origin is None:
        client, agent = scope.get("client"), headers.get(b"user-agent")
        origin = Origin(
            "mcp",
            None if client is None else client[0],
            None if agent is None else agent.decode("utf-8", "replace"),
            state.get("request_id"),
        )
    return Peer(state["caller"], place_of(query, headers), replace(origin, surface="mcp"))


class Streamable:
    """Streamable HTTP; each request stands alone, so that any replica can answer it."""

    def __init__(self, projection: Projection, most: int) -> None:
        self._projection = projection
        self._server = server(projection, lambda request: request.scope["state"][_PEER])
        self._most = most

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Wait at the end for the changes that were begun."""
        try:
            yield
        finally:
            await self._projection.settle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        if scope["method"] != "POST":
            error = Refused(405, "method_not_allowed", "there are no sessions here: use POST")
            await refuse(scope, send, error)
            return
        # Not every server takes off the blanks that may stand around a header's value.
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        try:
            scope["state"][_PEER] = peer_of(scope)
        except (MemkitError, Refused) as error:
            await refuse(scope, send, error)
            return
        # One for each request: what it holds for sessions is not wanted, and ends with it.
        manager = StreamableHTTPSessionManager(
            self._server, json_response=True, stateless=True, max_request_body_size=self._most
        )
        async with manager.run():
            await manager.handle_request(scope, receive, send)


class Stream:
    """The stream of legacy SSE: what the server says, while it lasts."""

    def __init__(self, projection: Projection, transport: Any, most: int) -> None:
        self._projection = projection
        self._most = most
        self._transport = transport
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold a stream open until its client goes."""
        try:
            opener = peer_of(scope)
            if self._open >= self._most:
                raise Refused(503, "too_many_streams", "too many streams are open: try later")
        except (MemkitError, Refused) as error:
            await refuse(scope, send, error)
            return
        session = Session()

        def peer(request: Any) -> Peer:
            # The caller is that of the very message; where it goes, the stream's address said.
            told = peer_of(request.scope)
            return replace(told, place=opener.place, session=session)

        made = server(self._projection, peer)
        _own(scope)
        self._open += 1
        try:
            async with self._transport.connect_sse(scope, receive, send) as (reading, writing):
                await made.run(reading, writing, initialization(made))
        finally:
            self._open -= 1


class Messages:
    """The messages of legacy SSE: what a client says, each in a request of its own."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a message for the stream that its sender opened."""
        try:
            peer_of(scope)
        except (MemkitError, Refused) as error:
            await refuse(scope, send, error)
            return
        _own(scope)
        await self._transport.handle_post_message(scope, receive, send)


def _own(scope: Scope) -> None:
    """Tell the library whose request it is: it keeps streams for those who opened them."""
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
    from mcp.server.auth.provider import AccessToken

    author = scope["state"]["caller"].author
    if author is not None:
        scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=author, scopes=[]))
