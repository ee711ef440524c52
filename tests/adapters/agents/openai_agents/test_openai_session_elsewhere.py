"""Sessions on PostgreSQL and on a server do what they do on SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memkit import Memory
from memkit.testing.embedders import ToyEmbedder
from memkit.types import State
from memkit_agents.openai_agents import MemkitSession
from tests.adapters.agents.openai_agents.test_openai_session import ITEMS
from tests.engines.postgres import database_at
from tests.server.client.serving import serving


@pytest.fixture(params=["postgresql", "server"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory]:
    if request.param == "postgresql":
        with Memory.open(database_at(tmp_path), embedder=ToyEmbedder()) as memory:
            yield memory.at(namespace="acme", project="apollo")
    else:
        store = str(tmp_path / "memory.db")
        with (
            serving(store, embedder=ToyEmbedder()) as server,
            Memory.open(server.url) as memory,
        ):
            yield memory.at(namespace="acme", project="apollo")


def test_items_come_back_in_order_are_popped_and_cleared(lab: Memory) -> None:
    async def talk() -> None:
        session = MemkitSession("chat", lab)
        await session.add_items(ITEMS[:8])
        await session.add_items(ITEMS[8:])
        assert await session.get_items() == ITEMS
        assert await session.get_items(9) == ITEMS[-9:]
        assert await session.pop_item() == ITEMS[-1]
        assert await session.get_items(3) == ITEMS[-4:-1]
        await session.clear_session()
        assert await session.pop_item() is None

    asyncio.run(talk())
    assert lab.count(states=tuple(State)) == 0


def test_eight_threads_lose_nothing_and_pop_nothing_twice(lab: Memory) -> None:
    session = MemkitSession("chat", lab, forgets=True)

    def add(n: int) -> None:
        asyncio.run(session.add_items([{"role": "user", "content": str(n)}]))

    def pop(n: int) -> Any:
        return asyncio.run(session.pop_item())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(8)))
        popped = [item["content"] for item in threads.map(pop, range(8))]
    assert sorted(popped) == [str(n) for n in range(8)]
    assert lab.count(states="forgotten") == 8
