"""What is asked of the server rather than of a memory: index, health, readiness, metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from memkit import __version__
from memkit.errors import Forbidden, MemkitError, Unauthenticated
from memkit.server.asgi import Receive, Scope, Send, respond
from memkit.server.context import Context
from memkit.server.guarding import is_loopback
from memkit.server.problems import Refused, refuse

if TYPE_CHECKING:
    from starlette.routing import Route

# Whoever asks, the store is not asked more often.
_FRESH_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 5.0
_FORWARDED: Final = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")


def routes(context: Context) -> Iterator[Route]:
    """The routes of what is asked of the server itself."""
    from starlette.routing import Route

    yield Route("/", Index(), methods=["GET"], name="index")
    yield Route("/healthz", Alive(), methods=["GET"], name="healthz")
    yield Route("/readyz", Readiness(context), methods=["GET"], name="readyz")
    yield Route("/metrics", Exposition(context), methods=["GET"], name="metrics")
    yield Route("/openapi.json", Description(context), methods=["GET"], name="openapi")


class Index:
    """Says what this is, and where to go on."""

    _BODY = to_json(
        {
            "name": "memkit",
            "version": __version__,
            "api": "/api",
            "description": "/openapi.json",
            "mcp": "/mcp",
            "health": "/healthz",
            "readiness": "/readyz",
        }
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope["state"]["operation"] = "index"
        await respond(send, 200, self._BODY)


class Alive:
    """Says that the process answers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope["state"]["operation"] = "healthz"
        await respond(send, 200, b'{"status":"alive"}')


class Readiness:
    """Says whether the store is open and the embedder able, and if not, what is not.

    It names parts, never where they are or what their failures say: anybody may ask.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._looked = float("-inf")
        self._told: dict[str, str] = {}
        self._looking = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope["state"]["operation"] = "readyz"
        async with self._looking:
            if time.monotonic() - self._looked > _FRESH_SECONDS:
                self._told = await self._look()
                self._looked = time.monotonic()
        ready = all(said == "ready" for said in self._told.values())
        body = {"status": "ready" if ready else "not ready", **self._told}
        await respond(send, 200 if ready else 503, to_json(body))

    async def _look(self) -> dict[str, str]:
        if self._context.ending.is_set():
            return {"server": "ending"}
        told = {"store": "ready", "embedder": "ready"}
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                status = await self._context.service.memory.status()
                if status.embedder is not None and not status.embedder_ready:
                    told["embedder"] = "not available"
        except (MemkitError, TimeoutError):
            told = {"store": "not available", "embedder": "unknown"}
        if self._context.control is not None:
            told["control"] = "ready"
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._context.control.private_channels()
            except (MemkitError, TimeoutError):
                told["control"] = "not available"
        return told


class Exposition:
    """Shows the counters to administrators, and to this machine if that is set."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        from prometheus_client import CONTENT_TYPE_LATEST

        scope["state"]["operation"] = "metrics"
        caller = scope["state"].get("caller")
        if not self._is_local(scope) and (caller is None or not caller.is_administrator):
            needed: MemkitError = (
                Unauthenticated("the metrics need an administrator's token")
                if caller is None
                else Forbidden("the metrics are for administrators of the server")
            )
            await refuse(scope, send, needed)
            return
        body = self._context.metrics.text()
        await respond(send, 200, body, CONTENT_TYPE_LATEST.encode())

    def _is_local(self, scope: Scope) -> bool:
        return self._context.settings.server_metrics == "loopback" and is_direct(scope)


def is_direct(scope: Scope) -> bool:
    """Whether a request came from this machine, and through no proxy that says so."""
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        return False
    return not any(name in _FORWARDED for name, _ in scope["headers"])


class Description:
    """Describes the interface."""

    def __init__(self, context: Context) -> None:
        self._body: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope["state"]["operation"] = "openapi"
        if self._body is None:
            from memkit.server.openapi import document

            self._body = to_json(document())
        await respond(send, 200, self._body, cache=b"public, max-age=300")


def no_such(status: int, headers: Mapping[str, str]) -> Refused:
    """The refusal of a path that is none, or of a method that a path does not have."""
    if status == 405:
        allowed = headers.get("Allow", "")
        return Refused(405, "no_such_method", f"this path has {allowed}", {"allow": allowed})
    detail = "there is nothing here: /openapi.json lists the paths"
    return Refused(404, "no_such_path", detail)
