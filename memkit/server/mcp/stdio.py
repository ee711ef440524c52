"""MCP over stdio: one client, one process, any number of processes on a store."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from memkit.errors import MemkitError
from memkit.server.mcp.projection import Peer, Projection, Session
from memkit.server.mcp.sdk import initialization, server
from memkit.service.calling import Embedded, Origin, Place, Service

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory
    from memkit.server.mcp.wire import Wire

logger = logging.getLogger(__name__)

Opening = Callable[[], Awaitable["AsyncMemory"]]


class Store:
    """A store that is opened in the background, and again by a call if that failed."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._lock = asyncio.Lock()
        self._service: Service | None = None

    async def service(self) -> Service:
        """What carries operations out.

        Raises:
            MemkitError: the store cannot be opened; the next call tries again.
        """
        async with self._lock:
            if self._service is None:
                self._service = Service(await self._opening())
            return self._service

    async def open(self) -> None:
        """Open it, before anything is asked."""
        try:
            await self.service()
        except MemkitError as error:
            # Each call says so to the client, who can see it.
            logger.error("the store cannot be opened: %s", error)

    async def close(self) -> None:
        """Close it, once what is being opened is open."""
        async with self._lock:
            if self._service is not None:
                await self._service.memory.close()


async def serve(wire: Wire, opening: Opening, *, read_only: bool = False) -> None:
    """Serve a client until its input closes or the process is told to end.

    What was asked by then is answered, and what was to be stored is stored.

    Args:
        wire: lines from and to the client.
        opening: opens the memory.
        read_only: offer what leaves everything as it is, and nothing else.
    """
    from mcp.server.stdio import stdio_server

    store = Store(opening)
    projection = Projection(store.service, read_only=read_only)
    peer = Peer(Embedded(), Place(), Origin("mcp"), Session())
    made: Any = server(projection, lambda _: peer)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, wire.close)
    opened = asyncio.create_task(store.open())
    try:
        # It reads and writes files; a wire has what it uses of one.
        async with stdio_server(_Lines(wire), wire) as (reading, writing):  # type: ignore[arg-type]
            await made.run(reading, writing, initialization(made))
    finally:
        await projection.settle()
        await opened
        await store.close()


class _Lines:
    """A wire's lines, as a file gives them."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def __aiter__(self) -> Any:
        return self._wire.lines()
