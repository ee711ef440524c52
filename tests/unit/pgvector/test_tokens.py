"""A store of an older schema gets the tables of token vectors when it is opened."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from memkit.errors import SchemaMismatch
from memkit.protocols import IndexData, Put, StoreSpec
from memkit.testing.records import NAMESPACE, build_record
from memkit_pgvector.schema import STAGED_TOKENS, TOKENS, migrations
from tests.unit.pgvector.stores import WITHOUT_FACTS, backend_at, run_sql

SPEC = StoreSpec(None, "words 1")
BEFORE = next(
    version
    for version, step in enumerate(migrations(0, "halfvec", "tsvector"))
    if any(f"@.{TOKENS} " in statement for statement in step)
)


@pytest.mark.parametrize("partitions", [0, 2])
def test_an_older_store_is_brought_up_to_date(tmp_path: Path, partitions: int) -> None:
    record = build_record(1)
    data = IndexData(None, ("word",), (), b"\x00tokens")

    async def run() -> None:
        backend = backend_at(tmp_path, partitions=partitions)
        await backend.open(SPEC)
        await backend.write([Put(record, IndexData(None, ("word",)))])
        await backend.close()
        run_sql(
            tmp_path,
            f"DROP TABLE memkit.{TOKENS}, memkit.{STAGED_TOKENS}; {WITHOUT_FACTS}; "
            f"UPDATE memkit.store SET schema_version = {BEFORE}",
        )
        with pytest.raises(SchemaMismatch, match="older"):
            await backend.open(StoreSpec(None, "words 1", read_only=True))
        await backend.open(SPEC)
        assert await backend.tokens(NAMESPACE, [record.id]) == {}
        await backend.write([Put(build_record(2), data)])
        found = await backend.tokens(NAMESPACE, [record.id, build_record(2).id])
        assert found == {build_record(2).id: b"\x00tokens"}
        assert await backend.check() == []
        await backend.close()

    asyncio.run(run())
