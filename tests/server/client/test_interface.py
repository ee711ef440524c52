"""A client is a memory: the same methods, none of which reaches an engine of its own."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from memkit import AsyncMemory, Memory
from memkit.client import AsyncClient, Client
from memkit.errors import ConfigurationError, InvalidScope
from memkit.scope import Scope
from memkit.testing.embedders import ToyEmbedder
from tests.server.client.serving import Serving


def _public(cls: type, package: str = "memkit") -> dict[str, Any]:
    """What a class and those of a package that it is made of have for everybody."""
    return {
        name: member
        for each in reversed(cls.__mro__)
        if each.__module__.startswith(package)
        for name, member in vars(each).items()
        if not name.startswith("_")
    }


#: What a client takes over as it is: opening finds the client, a scope is a scope, and what a key
#: stands for is computed.
_INHERITED = {"id_of", "open", "scope"}


def test_every_method_is_the_clients_own_with_the_same_signature() -> None:
    expected = _public(AsyncMemory)
    assert set(expected) - _INHERITED <= set(_public(AsyncClient, "memkit.client"))
    for name in set(expected) - _INHERITED:
        if isinstance(expected[name], property):
            continue
        theirs = inspect.signature(expected[name]).parameters
        ours = inspect.signature(getattr(AsyncClient, name)).parameters
        assert [(p.name, p.kind, p.default) for p in ours.values()] == [
            (p.name, p.kind, p.default) for p in theirs.values()
        ], name


def test_no_method_of_a_client_names_an_engine() -> None:
    for member in _public(AsyncClient, "memkit.client").values():
        function = member.fget if isinstance(member, property) else member
        if isinstance(function, staticmethod | classmethod):
            function = function.__func__
        if inspect.isfunction(function):
            assert "_engine" not in function.__code__.co_names


def test_opening_a_servers_url_gives_clients(server: Serving) -> None:
    with Memory.open(server.url, namespace="team") as memory:
        assert isinstance(memory, Client)
        assert isinstance(memory.at(project="p"), Client)
        assert memory.at(project="p").remember("over there").record.namespace == "team"
        with pytest.raises(InvalidScope, match="another namespace"):
            memory.at(namespace="other")


async def _opened(url: str) -> AsyncMemory:
    async with AsyncMemory.open(url) as memory:
        await memory.remember("over there")
        assert await memory.count() == 1
        return memory


def test_opening_it_asynchronously_too(server: Serving) -> None:
    import asyncio

    assert isinstance(asyncio.run(_opened(server.url)), AsyncClient)


def test_labels_and_ids_of_any_letters_arrive(memory: Memory) -> None:
    handle = memory.at(namespace="équipe/42?&=%", project="プロジェクト 🚀", agent="a b+c")
    record = handle.remember("labels", tags=["c++", "a&b=c", "🚀"]).record
    assert (record.namespace, record.project, record.agent) == (
        "équipe/42?&=%",
        "プロジェクト 🚀",
        "a b+c",
    )
    assert [each.id for each in handle.list(tags=["a&b=c", "🚀"])] == [record.id]
    assert handle.tags()["c++"] == 1


def test_a_server_scope_is_no_clients(memory: Memory) -> None:
    client: Any = memory
    with pytest.raises(ConfigurationError, match="server alone"):
        client.asynchronous.within(Scope(author="eve"))


def test_an_embedder_object_is_refused_and_named_settings_are_kept(server: Serving) -> None:
    with pytest.raises(ConfigurationError, match="embeds"):
        Memory.open(server.url, embedder=ToyEmbedder())
    with Memory.open(server.url, embedder="none", deduplicate="off", recall_limit=1) as memory:
        assert [memory.remember("the same").status for _ in range(2)] == ["stored", "stored"]
        assert len(memory.recall("the same", diverse=False)) == 1


def test_many_memories_go_in_chunks_and_tell_how_far_they_are(memory: Memory) -> None:
    told: list[tuple[int, int | None]] = []
    texts = [f"note {n}" for n in range(1200)]
    results = memory.remember_many(texts, progress=lambda *done: told.append(done))
    assert [each.record.content for each in results] == texts
    assert told == [(500, 1200), (1000, 1200), (1200, 1200)]
    assert memory.remember_many([]) == []


@pytest.mark.parametrize(
    "use",
    [
        lambda memory: memory.remember("no"),
        lambda memory: memory.send("c", "no"),
        lambda memory: memory.import_("nowhere.jsonl"),
    ],
)
def test_a_read_only_client_writes_nothing(server: Serving, use: Callable[[Memory], Any]) -> None:
    from memkit.errors import StoreReadOnly

    with Memory.open(server.url, read_only=True) as memory:
        with pytest.raises(StoreReadOnly):
            use(memory)
        assert memory.count() == 0


def test_without_its_packages_the_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['httpx'] = None\n"
        "from memkit import Memory\n"
        "Memory.open('http://127.0.0.1:1')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert 'pip install "agent-memkit[client]"' in done.stderr
