"""A store of an older schema version is brought up to date where it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from memkit.errors import SchemaMismatch
from memkit.filters import And, Eq, Exists, In, Not
from memkit.protocols import Delete, Order, Patch
from memkit.testing.records import EPOCH, NAMESPACE, build_put, build_record, record_id
from memkit_pgvector.schema import SCHEMA_VERSION
from tests.unit.pgvector.stores import SPEC, WITHOUT_FACTS, backend_at, opened, run_sql

# What later versions added, taken away again.
_VERSION_1 = (
    WITHOUT_FACTS,
    "DROP TABLE memkit.tokens, memkit.staged_tokens",
    "ALTER TABLE memkit.records DROP COLUMN author",
    "ALTER TABLE memkit.changes DROP COLUMN about",
    "ALTER TABLE memkit.store DROP COLUMN identity, DROP COLUMN feed_start",
    "UPDATE memkit.store SET schema_version = 1",
)


def test_a_store_of_version_1_is_upgraded(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as backend:
            await backend.write([build_put(build_record(1))])
            before = await backend.position()
        for statement in _VERSION_1:
            run_sql(tmp_path, statement)
        with pytest.raises(SchemaMismatch, match="older"):
            await backend_at(tmp_path).open(replace(SPEC, read_only=True))
        backend = backend_at(tmp_path)
        info = await backend.open(SPEC)
        try:
            assert info.schema_version == SCHEMA_VERSION
            assert info.identity
            assert await backend.position() == before
            assert await backend.oldest() == 0
            (kept,) = (await backend.get(NAMESPACE, [record_id(1)])).values()
            assert kept.record == build_record(1)
            authored = build_record(2, author="ann")
            await backend.write(
                [build_put(authored), Delete(NAMESPACE, record_id(1), about="gone")]
            )
            found = await backend.scan(NAMESPACE, Eq("author", "ann"))
            assert [item.record for item in found.items] == [authored]
            assert [each.about for each in await backend.changes(NAMESPACE)] == [None, None, "gone"]
            assert await backend.check() == []
        finally:
            await backend.close()

    asyncio.run(run())


@pytest.mark.parametrize("partitions", [0, 2])
def test_a_store_of_version_3_takes_facts(tmp_path: Path, partitions: int) -> None:
    plain = build_record(1, tags=("x",))
    fact = build_record(
        2, subject="user", predicate="lives in", object="Rome", valid_from=EPOCH, valid_to=EPOCH
    )
    about = And((Eq("subject", "user"), In("predicate", ("lives in", "likes"))))

    async def run() -> None:
        async with opened(tmp_path, partitions=partitions) as backend:
            await backend.write([build_put(plain)])
        run_sql(tmp_path, f"{WITHOUT_FACTS}; UPDATE memkit.store SET schema_version = 3")
        # Several at once: one upgrades it.
        others = [backend_at(tmp_path, partitions=partitions) for _ in range(3)]
        await asyncio.gather(*(other.open(SPEC) for other in others))
        try:
            assert await others[0].count(NAMESPACE, Not(Exists("subject"))) == {"": 1}
            changed = replace(plain, version=2, subject="user", predicate="likes")
            await others[1].write([build_put(fact), Patch(changed, 1)])
            order = Order("valid_from", descending=False)
            found = await others[2].scan(NAMESPACE, about, order=order)
            assert [item.record for item in found.items] == [fact, changed]
            # What a fact no longer says, it is not found by.
            await others[1].write([Patch(replace(changed, version=3, subject="Ann"), 2)])
            found = await others[2].scan(NAMESPACE, about)
            assert [item.record for item in found.items] == [fact]
            assert await others[0].check() == []
        finally:
            for other in others:
                await other.close()

    asyncio.run(run())


def test_what_was_dropped_of_the_feed_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as backend:
            await backend.write([build_put(build_record(n)) for n in range(5)])
            positions = [each.position for each in await backend.changes(NAMESPACE)]
            run_sql(
                tmp_path,
                f"UPDATE memkit.store SET feed_start = {positions[2]}",
            )
            assert await backend.oldest() == positions[2]
            await backend.compact()
            assert await backend.oldest() == positions[2]

    asyncio.run(run())
