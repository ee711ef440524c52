"""The embedded store: one process at a time, whole batches after a kill, files built anew."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import qdrant_edge as qe

from memkit.errors import InvalidInput, StoreError, StoreReadOnly, StoreUnavailable
from memkit.filters import EVERYTHING, And, ContainsAny, Eq
from memkit.protocols import Applied, Delete, DenseLeg, Fingerprint, LexicalLeg, Patch, StoreSpec
from memkit.testing.records import (
    EPOCH,
    NAMESPACE,
    build_put,
    build_record,
    record_id,
    unit_vector,
    unit_vectors,
)
from memkit_qdrant import QdrantEdgeBackend
from memkit_qdrant.edge_folder import STATE
from memkit_qdrant.edge_options import EdgeOptions
from memkit_qdrant.edge_shard import EdgeShard
from memkit_qdrant.names import Generation
from memkit_qdrant.payloads import FACTS

DIMENSION = 16
SPEC = StoreSpec(Fingerprint("model", DIMENSION), "words-1")

_HOLDER = """
import asyncio, sys
from memkit.protocols import Fingerprint, StoreSpec
from memkit.testing.records import build_put, build_record, unit_vector
from memkit_qdrant import QdrantEdgeBackend

async def main():
    backend = QdrantEdgeBackend(sys.argv[1])
    await backend.open(StoreSpec(Fingerprint("model", 16), "words-1"))
    await backend.write([build_put(build_record(n), unit_vector(n, 16), unique=(f"k{n}",))
                         for n in range(3)])
    print("written", flush=True)
    sys.stdin.readline()

asyncio.run(main())
"""


@asynccontextmanager
async def opened(
    place: Path, options: EdgeOptions | None = None, spec: StoreSpec = SPEC
) -> AsyncIterator[QdrantEdgeBackend]:
    backend = QdrantEdgeBackend(place, options=options)
    await backend.open(spec)
    try:
        yield backend
    finally:
        await backend.close()


def start_holder(place: Path) -> subprocess.Popen[str]:
    """Another process that has written three records and has the store open."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    async def run() -> None:
        backend = QdrantEdgeBackend(tmp_path)
        with pytest.raises(StoreUnavailable, match=r"qdrant://host.*SQLite"):
            await backend.open(SPEC)
        with pytest.raises(StoreUnavailable):
            await backend.open(replace(SPEC, read_only=True))

    process = start_holder(tmp_path)
    try:
        asyncio.run(run())
    finally:
        end(process)


def test_a_second_handle_of_the_same_process_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path):
            with pytest.raises(StoreUnavailable, match="another handle"):
                await QdrantEdgeBackend(tmp_path).open(SPEC)
        async with opened(tmp_path):
            pass

    asyncio.run(run())


def test_a_kill_frees_the_store_and_the_journal_has_what_was_acknowledged(tmp_path: Path) -> None:
    end(start_holder(tmp_path))
    assert (tmp_path / "journal").stat().st_size > 0

    async def run() -> None:
        async with opened(tmp_path) as backend:
            held = await backend.get(NAMESPACE, [record_id(n) for n in range(3)], vectors=True)
            assert [stored.unique for stored in held.values()] == [("k0",), ("k1",), ("k2",)]
            # It is in the engine's own files now.
            assert (tmp_path / "journal").stat().st_size == 0

    asyncio.run(run())


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_batch_that_a_kill_cut_short_is_not_there_in_part(tmp_path: Path, cut: int) -> None:
    end(start_holder(tmp_path))
    journal = tmp_path / "journal"
    journal.write_bytes(journal.read_bytes()[:-cut])

    async def run() -> None:
        async with opened(tmp_path) as backend:
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 0}
            assert await backend.write([build_put(build_record(7))]) == [Applied()]
        async with opened(tmp_path) as backend:
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 1}

    asyncio.run(run())


def test_a_damaged_entry_ends_the_journal(tmp_path: Path) -> None:
    end(start_holder(tmp_path))
    journal = tmp_path / "journal"
    entry = bytearray(journal.read_bytes())
    entry[len(entry) // 2] ^= 1
    journal.write_bytes(bytes(entry))

    async def run() -> None:
        async with opened(tmp_path) as backend:
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 0}
            assert await backend.check() == []

    asyncio.run(run())


def test_a_store_opened_read_only_after_a_kill_shows_all_and_takes_nothing(tmp_path: Path) -> None:
    end(start_holder(tmp_path))

    async def run() -> None:
        async with opened(tmp_path, spec=replace(SPEC, read_only=True)) as backend:
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 3}
            for call in (backend.write([build_put(build_record(9))]), backend.compact()):
                with pytest.raises(StoreReadOnly):
                    await call

    asyncio.run(run())


def test_a_store_of_version_1_gets_the_indexes_of_facts(tmp_path: Path) -> None:
    place = tmp_path / "store"
    fact = build_record(2, subject="user", predicate="likes", object="tea", valid_to=EPOCH)
    about = And((Eq("subject", "user"), Eq("predicate", "likes")))

    def version() -> int:
        return int(json.loads((place / STATE).read_text(encoding="utf-8"))["schema"])

    async def scenario() -> None:
        async with opened(place) as backend:
            await backend.write([build_put(build_record(1), unit_vector(1, DIMENSION))])
        shard = EdgeShard.load(place / "shard-1")
        for name in FACTS:
            shard.update(qe.UpdateOperation.delete_field_index(name))
        shard.flush()
        shard.close()
        state = json.loads((place / STATE).read_text(encoding="utf-8"))
        (place / STATE).write_text(json.dumps({**state, "schema": 1}), encoding="utf-8")
        async with opened(place, spec=replace(SPEC, read_only=True)) as backend:
            assert (await backend.scan(NAMESPACE, about)).items == ()
            assert await backend.count(NAMESPACE, EVERYTHING, "subject") == {}
        assert version() == 1
        async with opened(place) as backend:
            await backend.write([build_put(fact, unit_vector(2, DIMENSION))])
            found = await backend.scan(NAMESPACE, about)
            assert [item.record for item in found.items] == [fact]
            assert await backend.count(NAMESPACE, EVERYTHING, "subject") == {"user": 1}
        assert version() == 2

    asyncio.run(scenario())


def test_graphs_are_built_beside_writes_and_nothing_is_lost(tmp_path: Path) -> None:
    dimension = 64
    spec = StoreSpec(Fingerprint("model", dimension), "words-1")
    count = 12_000
    vectors = unit_vectors(1, count, dimension)

    async def run() -> None:
        async with opened(tmp_path, EdgeOptions(index_after=8_000), spec) as backend:
            for start in range(0, count, 1_000):
                puts = [build_put(build_record(n, tags=("few",) if n % 7 == 0 else ()), vectors[n])
                        for n in range(start, start + 1_000)]  # fmt: skip
                await backend.write(puts)
            # While another process builds: these must be in what it has built, too.
            gone, changed = build_record(5), build_record(6)
            await backend.write(
                [
                    Delete(NAMESPACE, gone.id),
                    Patch(replace(changed, version=2, content="changed"), 1),
                    build_put(build_record(count), -vectors[6], ["new"]),
                ]
            )
            await backend.indexed()
            assert (tmp_path / "shard-2").is_dir()
            assert not (tmp_path / "shard-1").exists()
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": count}
            held = await backend.get(NAMESPACE, [gone.id, changed.id])
            assert [stored.record.content for stored in held.values()] == ["changed"]
            found = await backend.search(NAMESPACE, [LexicalLeg(("new",))], EVERYTHING, 5)
            assert [each.id for each in found.legs[0]] == [record_id(count)]
            assert await share_found(backend, vectors) >= 0.98
        async with opened(tmp_path, spec=spec) as backend:
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": count}
            assert await share_found(backend, vectors) >= 0.98

    asyncio.run(run())


async def share_found(backend: QdrantEdgeBackend, vectors: object) -> float:
    """The share of the true ten nearest that are found, of all and of those with a tag."""
    import numpy as np

    matrix = np.asarray(vectors)
    shares = []
    for query in unit_vectors(77, 20, matrix.shape[1]):
        for filter, step in ((EVERYTHING, 1), (ContainsAny("tags", ("few",)), 7)):
            rows = np.arange(0, len(matrix), step)
            rows = rows[rows != 5]
            order = rows[np.argsort(-(matrix[rows] @ query))][:10]
            found = await backend.search(NAMESPACE, [DenseLeg(query)], filter, 10)
            wanted = {record_id(int(n)) for n in order}
            shares.append(len(wanted & {each.id for each in found.legs[0]}) / 10)
    return float(np.mean(shares))


def test_a_large_store_is_compacted_by_another_process(tmp_path: Path) -> None:
    secret = "the-word-that-must-vanish"

    async def run() -> None:
        async with opened(tmp_path, EdgeOptions(index_after=0)) as backend:
            await backend.write([build_put(build_record(n)) for n in range(4_500)])
            await backend.write([build_put(build_record(9_000, content=secret))])
            await backend.write([Delete(NAMESPACE, record_id(9_000))])
            await backend.compact()
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 4_500}
            assert await backend.check() == []
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert not [path for path in files if secret.encode() in path.read_bytes()]

    asyncio.run(run())


def test_a_writer_that_failed_half_way_says_so_until_it_is_opened_anew(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as backend:
            await backend.write([build_put(build_record(1), unit_vector(1, DIMENSION))])
            assert backend._store is not None
            # The engine will refuse what is already in the journal.
            backend._store.shard.drop_dense(Generation(1))
            for _ in range(2):
                with pytest.raises(StoreError):
                    await backend.write([build_put(build_record(2), unit_vector(2, DIMENSION))])
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 1}
        async with opened(tmp_path) as backend:
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 2}

    asyncio.run(run())


def test_lone_surrogates_and_endless_numbers_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as backend:
            endless = unit_vector(1, DIMENSION)
            endless[3] = float("nan")
            for put in (
                build_put(build_record(1, content="\ud800")),
                build_put(build_record(1, tags=("\ud800",))),
                build_put(build_record(1), None, ["\ud800"]),
                build_put(build_record(1), unique=("\ud800",)),
                build_put(build_record(1), endless),
            ):
                with pytest.raises(InvalidInput):
                    await backend.write([build_put(build_record(2)), put])
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 0}
            with pytest.raises(InvalidInput):
                await backend.get(NAMESPACE, ["\ud800"])
            with pytest.raises(InvalidInput):
                await backend.count("\ud800", Eq("kind", "note"))

    asyncio.run(run())
