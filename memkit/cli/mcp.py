"""The command that serves one client over standard input and output."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from memkit.cli.handles import Place, placed
from memkit.errors import MissingDependency

if TYPE_CHECKING:
    from memkit import AsyncMemory

#: How long what is left of the process may take to end, seconds.
_END_SECONDS = 5.0


@placed
def mcp(
    place: Place,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Offer what leaves everything as it is.")
    ] = False,
) -> None:
    """Serve one client over stdio (Model Context Protocol)."""
    from memkit.server.mcp.wire import standard

    wire = standard()
    if wire is None:
        raise MissingDependency("memkit mcp needs mcp: pip install 'agent-memkit[mcp]'")
    _log_to_stderr()

    async def opened() -> AsyncMemory:
        from memkit import AsyncMemory

        return await AsyncMemory.open(**place, read_only=read_only)

    from memkit.server.mcp.stdio import serve

    asyncio.run(serve(wire, opened, read_only=read_only))
    _end_soon()


def _log_to_stderr() -> None:
    """Log what memkit warns of; libraries quote what they are handed, so they stay silent."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("memkit: %(message)s"))
    logger = logging.getLogger("memkit")
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    logging.getLogger().addHandler(logging.NullHandler())


def _end_soon() -> None:
    """End even if a thread still waits for a client that does not read."""
    timer = threading.Timer(_END_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()


COMMANDS = {"mcp": mcp}
