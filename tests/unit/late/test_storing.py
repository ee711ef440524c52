"""Token vectors live and die with their records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import apsw
import pytest

from memkit import AsyncMemory, Memory
from memkit.backfill import fill
from memkit.config import load_settings
from memkit.errors import ConfigurationError, EmbedderUnavailable, StoreCorrupt
from memkit.filters import EVERYTHING, Eq
from memkit.opening import open_engine
from memkit.protocols import Delete, Fingerprint, IndexData, Patch, Put, Role, StoreSpec, Tokens
from memkit.reembedding import reembed
from memkit.retrieval.late import pack
from memkit.testing.embedders import ToyEmbedder
from memkit.testing.records import NAMESPACE, build_record, record_id, unit_vector
from memkit_sqlite import SqliteBackend
from memkit_sqlite.schema import SCHEMA_VERSION
from tests.unit.late.conftest import ToyTokens

if TYPE_CHECKING:
    from memkit.protocols import Vector

Work: TypeAlias = Callable[[Any], Coroutine[Any, Any, Any]]
VERSION_1 = Path(__file__).with_name("version1.sql")
SPEC_1 = StoreSpec(Fingerprint("toy", 8), "memkit-words/2")
SPEC = StoreSpec(Fingerprint("toy", 8), "words 1")
SECRET = b"swordfish-tokens"


def files(store: Path) -> bytes:
    parts = [store, *(store.with_name(store.name + end) for end in ("-wal", "-journal"))]
    return b"".join(part.read_bytes() for part in parts if part.exists())


def on_file(store: Path, sql: str) -> list[Any]:
    """What a statement answers, through the driver of the store: another would take its locks."""
    connection = apsw.Connection(str(store))
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def kept(store: Path) -> dict[str, bytes]:
    """What the file holds of each record's tokens, by its text."""
    sql = "SELECT r.content, t.vectors FROM records r JOIN tokens t ON t.seq = r.seq"
    return dict(on_file(store, sql))


def packed(text: str) -> bytes:
    return pack(ToyTokens().embed_tokens([text])[1][0])


def opened(store: Path, embedder: ToyTokens, tokens: str = "on") -> Memory:
    return Memory.open(str(store), embedder=embedder, token_vectors=tokens)


def test_they_are_kept_with_what_is_remembered_from_one_run(
    store: Path, embedder: ToyTokens
) -> None:
    texts = ["Ann keeps bees in the garden", "Bob bakes rye bread", "Cid sells honey"]
    with opened(store, embedder) as memory:
        memory.warm_up()
        memory.remember_many(texts)
        assert embedder.runs == 1
    assert kept(store) == {text: packed(text) for text in texts}


def test_nothing_is_kept_unless_it_is_asked_for(store: Path, embedder: ToyTokens) -> None:
    with opened(store, embedder, "off") as memory:
        memory.remember("Ann keeps bees")
    assert kept(store) == {}


def test_an_embedder_that_tells_no_tokens_is_no_error(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder(), token_vectors="on") as memory:
        memory.remember_many(["Ann keeps bees", "Bob bakes bread"])
        hits = memory.recall("bees", profile="best")
        assert hits[0].record.content == "Ann keeps bees"
        assert "late" not in hits[0].why.legs
        assert hits.notices == ()
    assert kept(store) == {}


@pytest.mark.parametrize("value", [True, "yes", 1])
def test_the_setting_is_off_or_on(value: object) -> None:
    with pytest.raises(ConfigurationError, match="token_vectors"):
        load_settings(token_vectors=value)


def test_they_follow_the_text(store: Path, embedder: ToyTokens) -> None:
    with opened(store, embedder) as memory:
        one = memory.remember("Ann keeps bees").record.id
        memory.update(one, content="Ann keeps goats", tags=["farm"])
        memory.update(one, confidence=0.9)
        memory.pin(one)
    assert kept(store) == {"Ann keeps goats": packed("Ann keeps goats")}
    assert len(kept(store)) == 1


def test_a_text_that_changes_while_no_tokens_are_kept_takes_them_along(
    store: Path, embedder: ToyTokens
) -> None:
    with opened(store, embedder) as memory:
        one = memory.remember("Ann keeps bees").record.id
        two = memory.remember("Bob bakes bread").record.id
    with opened(store, embedder, "off") as memory:
        memory.update(one, content="Ann keeps goats")
        memory.update(two, tags=["food"])
    assert list(kept(store)) == ["Bob bakes bread"]


def test_what_a_turn_lends_to_the_next_leaves_the_nexts_tokens(
    store: Path, embedder: ToyTokens
) -> None:
    with opened(store, embedder) as memory:
        first = memory.remember("Shall we plant roses?", conversation_id="c", sequence=1)
        memory.remember("Yes, gladly", conversation_id="c", sequence=2)
        before = kept(store)["Yes, gladly"]
        memory.update(first.record.id, content="Shall we plant tulips?")
        assert kept(store)["Yes, gladly"] == before


def test_a_correction_keeps_both_and_an_erasure_neither(store: Path, embedder: ToyTokens) -> None:
    with opened(store, embedder) as memory:
        # Others around it, so that pages are split and rebuilt.
        memory.remember_many([f"note {n} about bees, goats and bread" for n in range(60)])
        one = memory.remember("Ann keeps quokkas").record.id
        new = memory.correct(one, "Ann keeps wombats").record.id
        # The last token of each is like no other's.
        traces = [packed(text)[-8:] for text in ("keeps quokkas", "keeps wombats")]
        held = kept(store)
        assert held["Ann keeps quokkas"] == packed("Ann keeps quokkas")
        assert held["Ann keeps wombats"] == packed("Ann keeps wombats")
        assert all(trace in files(store) for trace in traces)
        assert memory.erase(new).purged
        assert not any(trace in files(store) for trace in traces)
        assert len(kept(store)) == 60
        assert memory.check() == []


class DownTokens(ToyTokens):
    """Cannot answer while ``down``."""

    down = True

    def embed_tokens(
        self, texts: Sequence[str], role: Role = "document", *, most: int = 256
    ) -> tuple[Vector, list[Tokens]]:
        if self.down:
            raise EmbedderUnavailable("down")
        return super().embed_tokens(texts, role, most=most)


def test_vectors_that_come_later_bring_them(store: Path) -> None:
    embedder = DownTokens()

    async def scenario() -> None:
        settings = load_settings(url=str(store), token_vectors="on").settings
        async with AsyncMemory.open(str(store), embedder=embedder, token_vectors="on") as memory:
            stored = await memory.remember("Ann keeps bees")
            assert stored.notices
        assert kept(store) == {}
        embedder.down = False
        engine = await open_engine(settings, embedder)
        await engine.vectorizer.wait_ready()
        assert await fill(engine) == 1
        await engine.close()

    asyncio.run(scenario())
    assert kept(store) == {"Ann keeps bees": packed("Ann keeps bees")}


def on_engine(store: Path, embedder: ToyTokens, work: Work, tokens: str) -> None:
    async def scenario() -> None:
        settings = load_settings(url=str(store), token_vectors=tokens).settings
        engine = await open_engine(settings, embedder, migrating=True)
        try:
            await work(engine)
        finally:
            await engine.close()

    asyncio.run(scenario())


def test_re_embedding_adds_them_to_what_is_there_and_takes_them_away(
    store: Path, embedder: ToyTokens
) -> None:
    with opened(store, embedder, "off") as memory:
        memory.remember_many(["Ann keeps bees", "Bob bakes bread"])
    on_engine(store, embedder, reembed, "on")
    assert kept(store) == {text: packed(text) for text in ("Ann keeps bees", "Bob bakes bread")}
    with opened(store, embedder) as memory:
        assert memory.check() == []
        assert "late" in memory.recall("bees", profile="best")[0].why.legs
    on_engine(store, embedder, reembed, "off")
    assert kept(store) == {}


def test_a_backend_keeps_them_under_their_namespace_and_id(store: Path) -> None:
    async def scenario() -> None:
        backend = SqliteBackend(store)
        await backend.open(SPEC)
        puts = [
            Put(build_record(n), IndexData(unit_vector(n, 8), ("w",), (), blob))
            for n, blob in enumerate((SECRET, b"two", None, b""))
        ]
        await backend.write(puts)
        ids = [record_id(n) for n in range(5)]
        assert await backend.tokens(NAMESPACE, ids) == {ids[0]: SECRET, ids[1]: b"two"}
        assert await backend.tokens("elsewhere", ids) == {}
        assert await backend.tokens(NAMESPACE, []) == {}
        same = IndexData(unit_vector(0, 8), ("other",))
        await backend.write([Patch(build_record(0, version=2), 1, same)])
        assert (await backend.tokens(NAMESPACE, ids))[ids[0]] == SECRET
        await backend.write([Patch(build_record(0, version=3), 2, IndexData(None, ("other",)))])
        await backend.write([Delete(NAMESPACE, ids[1])])
        assert await backend.tokens(NAMESPACE, ids) == {}
        assert await backend.purge()
        assert SECRET not in files(store)
        assert len((await backend.scan(NAMESPACE, EVERYTHING)).items) == 3
        await backend.close()

    asyncio.run(scenario())


def test_what_belongs_to_no_record_is_found(store: Path, embedder: ToyTokens) -> None:
    with opened(store, embedder) as memory:
        memory.remember("Ann keeps bees")
        on_file(store, "UPDATE tokens SET seq = seq + 7")
        assert [problem.what for problem in memory.check()] == [
            "1 token vectors belong to no record"
        ]


@pytest.fixture
def old(store: Path) -> Path:
    """A store of schema version 1."""
    on_file(store, VERSION_1.read_text(encoding="utf-8"))
    return store


def version(store: Path) -> int:
    return int(on_file(store, "PRAGMA user_version")[0][0])


def on_backend(store: Path, spec: StoreSpec, work: Work) -> None:
    async def scenario() -> None:
        backend = SqliteBackend(store)
        info = await backend.open(spec)
        assert info.schema_version == version(store)
        try:
            await work(backend)
        finally:
            await backend.close()

    asyncio.run(scenario())


def test_a_store_of_version_1_is_upgraded_where_it_is(old: Path) -> None:
    async def work(backend: SqliteBackend) -> None:
        assert await backend.check() == []
        (name,) = await backend.namespaces()
        items = (await backend.scan(name, EVERYTHING, vectors=True)).items
        assert {item.record.content for item in items} == {
            "Ann keeps bees on the roof",
            "Ann keeps bees in the garden",
            "Bob bakes rye bread on Sundays",
        }
        assert all(item.vector is not None for item in items)
        ids = [item.record.id for item in items]
        assert await backend.tokens(name, ids) == {}
        record = items[0].record
        index = IndexData(items[0].vector, ("w",), (), SECRET)
        await backend.write([Patch(record, record.version, index)])
        assert await backend.tokens(name, ids) == {record.id: SECRET}

    on_backend(old, SPEC_1, work)
    assert version(old) == SCHEMA_VERSION


def test_a_store_of_version_1_can_be_read_without_being_upgraded(old: Path) -> None:
    async def work(backend: SqliteBackend) -> None:
        assert await backend.check() == []
        (name,) = await backend.namespaces()
        items = (await backend.scan(name, EVERYTHING)).items
        assert len(items) == 3
        assert await backend.tokens(name, [item.record.id for item in items]) == {}

    on_backend(old, StoreSpec(SPEC_1.fingerprint, SPEC_1.analyzer, read_only=True), work)
    assert version(old) == 1


def test_a_store_of_version_0_is_no_whole_store(old: Path) -> None:
    on_file(old, "PRAGMA user_version = 0")
    with pytest.raises(StoreCorrupt):
        asyncio.run(SqliteBackend(old).open(SPEC_1))


def test_a_store_of_version_1_says_who_it_is_once_it_is_upgraded(old: Path) -> None:
    async def opened(*, read_only: bool) -> str | None:
        backend = SqliteBackend(old)
        spec = StoreSpec(SPEC_1.fingerprint, SPEC_1.analyzer, read_only=read_only)
        info = await backend.open(spec)
        try:
            (name,) = await backend.namespaces()
            changes = await backend.changes(name)
            assert [each.about for each in changes] == [None] * len(changes)
            assert await backend.oldest() == 0
            held = (await backend.scan(name, Eq("author", "ann"))).items
            assert held == ()
            if not read_only:
                assert await backend.check() == []
        finally:
            await backend.close()
        return info.identity

    assert asyncio.run(opened(read_only=True)) is None
    first = asyncio.run(opened(read_only=False))
    assert first
    assert asyncio.run(opened(read_only=True)) == first
