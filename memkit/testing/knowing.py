"""The theme of entities and links: the same answers whatever the store counts and scans with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from memkit.errors import InvalidInput, RecordNotFound
from memkit.protocols import Patch
from memkit.testing.suite import Suite, on_memory

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory


class KnowledgeTests(Suite):
    """Whom records name, and how records hang together."""

    @on_memory
    async def test_entities_are_counted_under_all_their_names(self, memory: AsyncMemory) -> None:
        texts = ("I flew to New York", "the NYC office", "Ann is in New York", "new york, says Bob")
        ids = [(await memory.remember(text)).id for text in texts]
        await memory.at(project="p").remember("we left New York and Zelda")
        await memory.at(agent="ann").remember("I met Zelda in New York", private=True)
        assert (await memory.get(ids[2])).entities == ("Ann", "New York")
        done = await memory.alias("New York", "nyc")
        (city,) = await memory.entities("nyc")
        assert (city.name, city.aliases, city.records) == ("New York", ("NYC",), 3)
        assert [each.name for each in await memory.entities("Nwe York")] == ["New York"]
        assert await memory.entities("Zelda") == []
        await memory.forget(ids[0])
        dossier = await memory.dossier("new york")
        assert (dossier.name, dossier.records) == ("New York", 2)
        assert {record.id for record in dossier.memories} == {ids[1], ids[2]}
        assert [each.name for each in dossier.related] == ["Ann"]
        await memory.undo(done.record.id)
        assert {each.name: each.records for each in await memory.entities()} == {
            "Ann": 1, "Bob": 1, "NYC": 1, "New York": 1,
        }  # fmt: skip

    @on_memory
    async def test_names_are_noted_without_a_new_version(self, memory: AsyncMemory) -> None:
        records = [(await memory.remember(f"I met Bob number {n}")).record for n in range(5)]
        bare = [Patch(replace(each, entities=()), each.version) for each in records]
        await memory._engine.backend.write(bare)
        assert await memory.entities() == []
        first = await memory.note_entities(limit=2)
        assert (first.looked, first.stamped) == (2, 2)
        rest = await memory.note_entities()
        assert (rest.looked, rest.stamped, rest.cursor) == (3, 3, None)
        found = await memory.get_many(each.id for each in records)
        assert found == {each.id: each for each in records}

    @on_memory
    async def test_links_are_followed_both_ways_nearest_first(self, memory: AsyncMemory) -> None:
        a, b, c, d = [(await memory.remember(text)).id for text in ("ape", "bee", "cat", "dog")]
        await memory.link(a, b, "causes")
        await memory.link(b, c, "causes")
        await memory.link(c, a, "causes")
        await memory.link(d, c)
        assert (await memory.link(c, d)).id == d

        async def reached(start: str, **asked: object) -> list[tuple[str, int]]:
            found = await memory.related(start, **asked)  # type: ignore[arg-type]
            return [(each.record.id, each.depth) for each in found]

        assert await reached(a, depth=6, direction="out") == [(b, 1), (c, 2), (d, 3)]
        assert await reached(a, depth=2, types="caused_by") == [(c, 1), (b, 2)]
        assert await reached(a, depth=6, limit=2, direction="out") == [(b, 1), (c, 2)]
        (_, beside, *_) = await memory.related(a, depth=2, types=["caused_by", "related"])
        assert beside.record.id == d
        assert [(step.name, step.direction, step.source, step.target) for step in beside.path] == [
            ("caused_by", "in", c, a), ("related", "in", d, c),
        ]  # fmt: skip
        await memory.link(b, a, "supersedes")
        with pytest.raises(InvalidInput):
            await memory.link(a, b, "supersedes")

    @on_memory
    async def test_no_path_leads_over_what_a_reader_may_not_see(self, memory: AsyncMemory) -> None:
        ann, bob = memory.at(project="p", agent="ann"), memory.at(project="p", agent="bob")
        start, end = [(await ann.remember(text)).id for text in ("start", "end")]
        secret = (await ann.remember("secret", private=True)).id
        shown = (await ann.remember("shown")).id
        elsewhere = (await memory.at(project="q").remember("elsewhere")).id
        for one, other in ((start, secret), (secret, end), (end, shown)):
            await ann.link(one, other, "causes")
        with pytest.raises(RecordNotFound):
            await ann.link(end, elsewhere)
        assert await bob.related(start, depth=6) == []
        assert [each.record.id for each in await bob.related(end, depth=6)] == [shown]
        assert {each.record.id for each in await ann.related(start, depth=6)} == {
            secret, end, shown,
        }  # fmt: skip
        await ann.forget(secret)
        assert await ann.related(start, depth=6) == []

    @on_memory
    async def test_erasing_a_record_erases_the_links_to_it(self, memory: AsyncMemory) -> None:
        hub = (await memory.remember("hub")).id
        ids = [each.id for each in await memory.remember_many(f"spoke {n}" for n in range(30))]
        for id_ in ids:
            await memory.link(id_, hub, "follows")
        near = await memory.related(hub, types="followed_by", limit=10)
        assert [each.depth for each in near] == [1] * 10
        assert (await memory.erase(hub)).links_removed == 30
        assert all(not record.links for record in (await memory.get_many(ids)).values())
        assert await memory.related(ids[0], depth=6) == []
