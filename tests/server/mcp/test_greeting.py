"""The greeting says what the protocol's library says, to the letter."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from memkit.server.mcp.facts import HANDSHAKES, speaks_envelopes
from memkit.server.mcp.greeting import greeting
from memkit.server.mcp.projection import Peer, Projection
from memkit.server.mcp.sdk import initialization, server

CLIENT = {"name": "test", "version": "1"}
META = "io.modelcontextprotocol/"


def _initialize(version: str, **more: Any) -> dict[str, Any]:
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": CLIENT, **more}
    return {"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": params}


DISCOVER = {
    "jsonrpc": "2.0",
    "id": "a",
    "method": "server/discover",
    "params": {
        "_meta": {
            META + "protocolVersion": "2026-07-28",
            META + "clientInfo": CLIENT,
            META + "clientCapabilities": {},
        }
    },
}


@pytest.mark.parametrize("version", HANDSHAKES)
def test_a_handshake_is_answered_as_the_library_answers_it(version: str) -> None:
    request = _initialize(version)
    assert _greeted(request) == asyncio.run(_of_the_library(request))


def test_a_discovery_is_answered_as_the_library_answers_it() -> None:
    # The first major does not speak that version.
    expected = asyncio.run(_of_the_library(DISCOVER)) if speaks_envelopes() else None
    assert _greeted(DISCOVER) == expected


@pytest.mark.parametrize(
    "request_",
    [
        _initialize("1999-01-01"),
        _initialize("2025-11-25", clientInfo={"name": "x"}),
        _initialize("2025-11-25", capabilities=None),
        {**_initialize("2025-11-25"), "id": True},
        {**_initialize("2025-11-25"), "id": None},
        {**_initialize("2025-11-25"), "jsonrpc": "1.0"},
        {**_initialize("2025-11-25"), "params": None},
        {**DISCOVER, "params": {"_meta": {}}},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
        {"jsonrpc": "2.0", "method": "initialize"},
        [],
        "initialize",
    ],
)  # fmt: skip
def test_whatever_else_comes_is_the_librarys(request_: Any) -> None:
    assert _greeted(request_) is None


def test_what_is_no_json_is_the_librarys() -> None:
    assert greeting(b"\xff{", enveloped=True, first=True) is None


def test_only_the_first_request_is_greeted() -> None:
    line = json.dumps(_initialize("2025-11-25")).encode()
    assert greeting(line, enveloped=True, first=False) is None


def _greeted(request: Any) -> Any:
    told = greeting(json.dumps(request).encode(), enveloped=speaks_envelopes(), first=True)
    return None if told is None else json.loads(told[1])


async def _of_the_library(request: dict[str, Any]) -> Any:
    from mcp.server.stdio import stdio_server

    async def nothing() -> Any:
        raise AssertionError

    class Lines:
        async def __aiter__(self) -> Any:
            yield json.dumps(request)
            await answered.wait()

    class Writing:
        async def write(self, text: str) -> None:
            found.append(json.loads(text))
            answered.set()

        async def flush(self) -> None:
            pass

    found: list[Any] = []
    answered = asyncio.Event()
    made = server(Projection(nothing), lambda _: Peer(None, None, None))  # type: ignore[arg-type]
    async with stdio_server(Lines(), Writing()) as (reading, writing):  # type: ignore[arg-type]
        await made.run(reading, writing, initialization(made))
    (answer,) = found
    return answer
