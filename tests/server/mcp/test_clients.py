"""The official client of the installed major does a full round over every transport."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.server.mcp.clients import GENERATIONS, full_round, over_http, over_sse, over_stdio
from tests.server.mcp.serving import served


@pytest.mark.parametrize("generation", GENERATIONS)
def test_over_stdio(tmp_path: Path, generation: str) -> None:
    async def main() -> None:
        async with over_stdio(
            tmp_path / "m.db", "--embedder", "none", generation=generation
        ) as client:
            await full_round(client)

    asyncio.run(main())


@pytest.mark.parametrize("generation", GENERATIONS)
def test_over_streamable_http(tmp_path: Path, generation: str) -> None:
    async def main(url: str) -> None:
        async with over_http(url + "/mcp", generation=generation) as client:
            await full_round(client)

    with served(tmp_path / "m.db") as server:
        asyncio.run(main(server.url))


def test_over_legacy_sse(tmp_path: Path) -> None:
    async def main(url: str) -> None:
        async with over_sse(url + "/sse") as client:
            await full_round(client)

    with served(tmp_path / "m.db") as server:
        asyncio.run(main(server.url))


def test_over_stdio_on_a_server(tmp_path: Path) -> None:
    async def main(url: str, token: str) -> None:
        async with over_stdio(url, MEMKIT_TOKEN=token) as client:
            await full_round(client)
            made = await client.done("remember", content="whose is this?")
            assert made["record"]["author"] == "ann"

    with served(tmp_path / "m.db", "ann") as server:
        asyncio.run(main(server.url, server.tokens["ann"]))
