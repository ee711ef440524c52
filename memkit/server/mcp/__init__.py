"""MCP: the operations as tools, resources and prompts, over stdio and HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from memkit.config import Settings
    from memkit.service import Service

__all__ = ["mount"]


def mount(service: Service | Callable[[], Service], settings: Settings) -> list[BaseRoute]:
    """The routes of MCP over HTTP; see :func:`memkit.server.mcp.http.routes`."""
    # What speaks over stdio needs no web framework.
    from memkit.server.mcp.http import routes

    return routes(service, settings)
