"""The protocol's library: where its two majors differ, and nowhere else.

Both carry the protocol; the answers are :mod:`memkit.server.mcp.projection`'s, as JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from memkit.server.mcp.facts import (
    CAPABILITIES,
    INFORMATION,
    INSTRUCTIONS,
    KEEP_MS,
    speaks_envelopes,
)
from memkit.server.mcp.projection import METHODS, Peer, Projection, Refused

#: Who makes a request, of the HTTP request that carried it; ``None`` over stdio.
PeerOf = Callable[[Any], Peer]


def server(projection: Projection, peer_of: PeerOf) -> Any:
    """A server of the installed library that answers with a projection."""
    return _second(projection, peer_of) if speaks_envelopes() else _first(projection, peer_of)


def initialization(server: Any) -> Any:
    """What a server says when a session begins."""
    from mcp.server.models import InitializationOptions

    if speaks_envelopes():
        from mcp_types import ServerCapabilities
    else:
        from mcp.types import ServerCapabilities
    return InitializationOptions(
        server_name=INFORMATION["name"],
        server_version=INFORMATION["version"],
        capabilities=ServerCapabilities.model_validate(CAPABILITIES),
        instructions=INSTRUCTIONS,
    )


def _second(projection: Projection, peer_of: PeerOf) -> Any:
    import mcp_types as types
    from mcp.server.caching import CacheHint
    from mcp.server.lowlevel import Server
    from mcp.shared.exceptions import MCPError

    params_of = {
        "tools/call": types.CallToolRequestParams,
        "resources/read": types.ReadResourceRequestParams,
        "prompts/get": types.GetPromptRequestParams,
    }
    same = CacheHint(ttl_ms=KEEP_MS, scope="public")
    own = CacheHint(ttl_ms=0, scope="private")
    alike = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")
    hints: Any = {
        **dict.fromkeys((*alike, "server/discover"), same),
        "resources/read": own,
    }
    made: Any = Server(
        INFORMATION["name"],
        version=INFORMATION["version"],
        instructions=INSTRUCTIONS,
        cache_hints=hints,
    )

    async def handle(context: Any, _: Any) -> dict[str, Any]:
        try:
            told = await projection.answer(
                context.method, context.params or {}, peer_of(context.request)
            )
        except Refused as refusal:
            raise MCPError(code=refusal.code, message=refusal.message) from None
        # The library leaves it out for the versions that do not know it.
        return {"resultType": "complete", **told}

    for method in METHODS:
        made.add_request_handler(
            method, params_of.get(method, types.PaginatedRequestParams), handle
        )
    return made


def _first(projection: Projection, peer_of: PeerOf) -> Any:
    # Names of the first major alone: what is checked is the second.
    types: Any = import_module("mcp.types")
    lowlevel: Any = import_module("mcp.server.lowlevel.server")
    exceptions: Any = import_module("mcp.shared.exceptions")

    kinds: dict[str, tuple[Any, Any]] = {
        "tools/list": (types.ListToolsRequest, types.ListToolsResult),
        "tools/call": (types.CallToolRequest, types.CallToolResult),
        "resources/list": (types.ListResourcesRequest, types.ListResourcesResult),
        "resources/templates/list": (
            types.ListResourceTemplatesRequest,
            types.ListResourceTemplatesResult,
        ),
        "resources/read": (types.ReadResourceRequest, types.ReadResourceResult),
        "prompts/list": (types.ListPromptsRequest, types.ListPromptsResult),
        "prompts/get": (types.GetPromptRequest, types.GetPromptResult),
    }
    made = lowlevel.Server(
        INFORMATION["name"], version=INFORMATION["version"], instructions=INSTRUCTIONS
    )

    def handler(method: str, result: Any) -> Any:
        async def handle(request: Any) -> Any:
            params = {} if request.params is None else dict(request.params)
            try:
                told = await projection.answer(
                    method, params, peer_of(lowlevel.request_ctx.get().request)
                )
            except Refused as refusal:
                error = types.ErrorData(code=refusal.code, message=refusal.message)
                raise exceptions.McpError(error) from None
            return types.ServerResult(result.model_validate(told))

        return handle

    for method in METHODS:
        asked, result = kinds[method]
        made.request_handlers[asked] = handler(method, result)
    return made
