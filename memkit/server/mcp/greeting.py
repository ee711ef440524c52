"""Greeting: the answer to a client's first request, ready before the protocol's library is.

Importing that library takes longer than a client should have to wait for a sign of life. So
``initialize`` and ``server/discover`` are answered from :mod:`memkit.server.mcp.facts` the moment
they come; the library gets the same request later, and its answer, which says the same, is
dropped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from memkit.server.mcp.facts import (
    CAPABILITIES,
    ENVELOPED,
    HANDSHAKES,
    INFORMATION,
    INSTRUCTIONS,
    KEEP_MS,
)

_META = "io.modelcontextprotocol/"


def greeting(line: bytes, *, enveloped: bool, first: bool) -> tuple[Any, bytes] | None:
    """The answer to a message that can be answered at once: the request's id, and a line.

    Args:
        line: what the client sent.
        enveloped: whether the library speaks the version without a handshake.
        first: whether this is the client's first request.

    Returns:
        ``None`` for what only the library can answer, malformed messages among it.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match message:
        case {"jsonrpc": "2.0", "id": str() | int() as id_, "method": str() as method} if (
            not isinstance(id_, bool) and not message.keys() - {"jsonrpc", "id", "method", "params"}
        ):
            result = _result(method, message.get("params"), enveloped=enveloped, first=first)
        case _:
            return None
    if result is None:
        return None
    answer = {"jsonrpc": "2.0", "id": id_, "result": result}
    return id_, json.dumps(answer, separators=(",", ":")).encode() + b"\n"


def _result(method: str, params: Any, *, enveloped: bool, first: bool) -> dict[str, Any] | None:
    if first and method == "initialize":
        return _initialize(params)
    if first and method == "server/discover" and enveloped:
        return _discover(params)
    return None


def _initialize(params: Any) -> dict[str, Any] | None:
    match params:
        case {
            "protocolVersion": str() as version,
            "clientInfo": {"name": str(), "version": str()},
            "capabilities": {},
        } if version in HANDSHAKES and not _enveloped(params):
            return {
                "protocolVersion": version,
                "capabilities": CAPABILITIES,
                "serverInfo": INFORMATION,
                "instructions": INSTRUCTIONS,
            }
    return None


def _discover(params: Any) -> dict[str, Any] | None:
    if not isinstance(params, Mapping) or params.keys() != {"_meta"} or not _enveloped(params):
        return None
    meta = params["_meta"]
    if not isinstance(meta.get(_META + "clientCapabilities"), dict):
        return None
    match meta.get(_META + "clientInfo"):
        case None | {"name": str(), "version": str()}:
            pass
        case _:
            return None
    return {
        "_meta": {_META + "serverInfo": INFORMATION},
        "cacheScope": "public",
        "capabilities": CAPABILITIES,
        "instructions": INSTRUCTIONS,
        "resultType": "complete",
        "supportedVersions": [ENVELOPED],
        "ttlMs": KEEP_MS,
    }


def _enveloped(params: Mapping[str, Any]) -> bool:
    meta = params.get("_meta")
    return isinstance(meta, Mapping) and meta.get(_META + "protocolVersion") == ENVELOPED
