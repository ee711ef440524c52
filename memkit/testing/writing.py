"""The theme of writing: batches, unique keys, versions and counters."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from memkit.errors import RecordNotFound, VersionConflict
from memkit.filters import EVERYTHING, Eq
from memkit.protocols import (
    Applied,
    Backend,
    Delete,
    DenseLeg,
    Duplicate,
    IndexData,
    LexicalLeg,
    Operation,
    Patch,
    Touch,
)
from memkit.testing.records import EPOCH, NAMESPACE, build_put, build_record, record_id
from memkit.testing.storage import EVERY_FIELD
from memkit.testing.suite import (
    Suite,
    assert_same_record,
    get_one,
    ids_of,
    on_store,
    scan_all,
)


class WritingTests(Suite):
    """Each operation does its own work and no other."""

    @on_store()
    async def test_an_empty_batch_has_no_results(self, backend: Backend) -> None:
        assert await backend.write([]) == []

    @on_store()
    async def test_an_id_that_is_there_is_a_duplicate(self, backend: Backend) -> None:
        first = build_record(1, content="first")
        await backend.write([build_put(first)])
        again = await backend.write([build_put(replace(first, content="second"))])
        assert again == [Duplicate(first.id, first.id)]
        assert (await get_one(backend, first)).record.content == "first"

    @on_store()
    async def test_a_unique_key_is_held_once_in_a_namespace(self, backend: Backend) -> None:
        results = await backend.write(
            [
                build_put(build_record(1), unique=("key", "other")),
                build_put(build_record(2), unique=("free", "key")),
                build_put(build_record(3), unique=("free",)),
                build_put(build_record(1, namespace="another"), unique=("key",)),
                build_put(build_record(4), unique=("KEY", "key ", "ke\u0301y")),
            ]
        )
        assert results == [
            Applied(),
            Duplicate(record_id(1), "key"),
            Applied(),
            Applied(),
            Applied(),
        ]
        later = await backend.write([build_put(build_record(5), unique=("other",))])
        assert later == [Duplicate(record_id(1), "other")]
        assert sorted(ids_of(await scan_all(backend))) == [record_id(n) for n in (1, 3, 4)]

    @on_store()
    async def test_a_deleted_record_frees_its_keys_and_its_id(self, backend: Backend) -> None:
        record = build_record(1)
        await backend.write([build_put(record, unique=("key",))])
        results = await backend.write(
            [Delete(NAMESPACE, record.id), build_put(record, unique=("key",))]
        )
        assert results == [Applied(), Applied()]
        assert (await get_one(backend, record)).record == record

    @on_store()
    async def test_a_patch_keeps_replaces_or_frees_unique_keys(self, backend: Backend) -> None:
        record, other = build_record(1), build_record(2)
        await backend.write(
            [build_put(record, unique=("one",)), build_put(other, unique=("other",))]
        )
        kept = replace(record, version=2)
        assert await backend.write([Patch(kept, 1)]) == [Applied()]
        assert (await get_one(backend, record)).unique == ("one",)
        taken = replace(record, version=3, content="taken")
        results = await backend.write([Patch(taken, 2, unique=("other",))])
        assert results == [Duplicate(other.id, "other")]
        stored = await get_one(backend, record)
        assert (stored.record.version, stored.record.content) == (2, record.content)
        assert stored.unique == ("one",)
        moved = replace(record, version=3)
        assert await backend.write([Patch(moved, 2, unique=("two",))]) == [Applied()]
        assert await backend.write([build_put(build_record(3), unique=("one",))]) == [Applied()]
        assert await backend.write([Patch(replace(record, version=4), 3, unique=())]) == [Applied()]
        assert await backend.write([build_put(build_record(4), unique=("two",))]) == [Applied()]

    @on_store()
    async def test_a_patch_replaces_every_field_but_the_counters(self, backend: Backend) -> None:
        await backend.write([build_put(build_record(1, uses=5, useful=6))])
        changed = build_record(1, **{**EVERY_FIELD, "version": 2})
        await backend.write([Patch(changed, 1)])
        held = (await get_one(backend, changed)).record
        expected = replace(changed, uses=5, used_at=None, useful=6, useless=0)
        assert_same_record(held, expected)
        cleared = build_record(1, version=3)
        await backend.write([Patch(cleared, 2)])
        assert_same_record(
            (await get_one(backend, cleared)).record, replace(cleared, uses=5, useful=6)
        )

    @on_store()
    async def test_a_patch_of_another_version_is_a_conflict(self, backend: Backend) -> None:
        record = build_record(1)
        await backend.write([build_put(record)])
        for wrong in (0, 2, 2**40):
            with pytest.raises(VersionConflict):
                await backend.write([Patch(replace(record, content="new", version=9), wrong)])
        assert_same_record((await get_one(backend, record)).record, record)

    @on_store()
    async def test_a_patch_need_not_change_the_version(self, backend: Backend) -> None:
        record = build_record(1, version=3)
        await backend.write([build_put(record, self.vector(1))])
        marked = replace(record, entities=("Rome",), summarized_by=record_id(2))
        assert await backend.write([Patch(marked, 3)]) == [Applied()]
        assert_same_record((await get_one(backend, record)).record, marked)
        # Twice in one batch, and whoever has seen the record before the mark is not late.
        cleared = replace(marked, entities=())
        changed = replace(record, version=4, content="changed")
        results = await backend.write([Patch(cleared, 3), Patch(changed, 3)])
        assert results == [Applied(), Applied()]
        assert_same_record((await get_one(backend, record)).record, changed)
        with pytest.raises(VersionConflict):
            await backend.write([Patch(marked, 3)])

    @on_store()
    async def test_a_patch_of_a_missing_record_is_not_found(self, backend: Backend) -> None:
        await backend.write([build_put(build_record(1))])
        with pytest.raises(RecordNotFound):
            await backend.write([Patch(build_record(2, version=2), 1)])
        assert ids_of(await scan_all(backend)) == [record_id(1)]

    @on_store("atomic_batch")
    async def test_a_failed_batch_leaves_nothing(self, backend: Backend) -> None:
        held, doomed = build_record(1), build_record(2)
        await backend.write(
            [build_put(held, self.vector(1), unique=("held",)), build_put(doomed, self.vector(2))]
        )
        failing = {
            VersionConflict: Patch(replace(held, version=2), 7),
            RecordNotFound: Patch(build_record(99, version=2), 1),
        }
        for n, (error, last) in enumerate(failing.items()):
            with pytest.raises(error):
                await backend.write(
                    [
                        build_put(build_record(10 + n), self.vector(10 + n), unique=("new",)),
                        Patch(replace(held, content="changed", version=2), 1, unique=("moved",)),
                        Touch(NAMESPACE, held.id, uses=1),
                        Delete(NAMESPACE, doomed.id),
                        last,
                    ]
                )
            assert sorted(ids_of(await scan_all(backend))) == [held.id, doomed.id]
            stored = await get_one(backend, held)
            assert_same_record(stored.record, held)
            assert stored.unique == ("held",)
        found = await backend.search(NAMESPACE, [DenseLeg(self.vector(10))], EVERYTHING, 10)
        assert {each.id for each in found.legs[0]} == {held.id, doomed.id}
        assert await backend.write([build_put(build_record(20), unique=("new",))]) == [Applied()]

    @on_store("atomic_batch")
    async def test_a_namespace_that_a_failed_batch_began_is_begun_again(
        self, backend: Backend
    ) -> None:
        failing: list[list[Operation]] = [
            [
                build_put(build_record(n, namespace=f"new {n % 3}"), self.vector(n)),
                Patch(build_record(99, namespace=f"new {n % 3}", version=2), 1),
            ]
            for n in range(6)
        ]
        fine: list[list[Operation]] = [
            [build_put(build_record(n, namespace="old"))] for n in range(6)
        ]
        outcomes = await asyncio.gather(
            *(backend.write(each) for pair in zip(failing, fine, strict=True) for each in pair),
            return_exceptions=True,
        )
        assert all(isinstance(each, RecordNotFound) for each in outcomes[::2])
        assert outcomes[1::2] == [[Applied()]] * 6
        assert await backend.namespaces() == {"old": 6}
        for n in range(3):
            record = build_record(n, namespace=f"new {n}")
            assert await backend.write([build_put(record, self.vector(n))]) == [Applied()]
            assert_same_record((await get_one(backend, record)).record, record)
            found = await backend.search(
                record.namespace, [DenseLeg(self.vector(n))], EVERYTHING, 5
            )
            assert [each.id for each in found.legs[0]] == [record.id]
        assert await backend.namespaces() == {"old": 6, "new 0": 1, "new 1": 1, "new 2": 1}

    @on_store()
    async def test_operations_of_a_batch_are_carried_out_in_order(self, backend: Backend) -> None:
        record = build_record(1)
        results = await backend.write(
            [
                build_put(record, unique=("key",)),
                Touch(NAMESPACE, record.id, uses=2),
                Patch(replace(record, content="second", version=2), 1),
                Patch(replace(record, content="third", version=3), 2),
                build_put(build_record(2), unique=("key",)),
                build_put(build_record(3)),
                Delete(NAMESPACE, record_id(3)),
            ]
        )
        assert results == [*[Applied()] * 4, Duplicate(record.id, "key"), *[Applied()] * 2]
        (stored,) = await scan_all(backend)
        assert (stored.record.content, stored.record.version) == ("third", 3)
        assert stored.record.uses == 2

    @on_store()
    async def test_a_touch_adds_to_the_counters_alone(self, backend: Backend) -> None:
        record = build_record(1, uses=1, useless=5)
        await backend.write([build_put(record)])
        used = EPOCH + timedelta(days=1, microseconds=7)
        await backend.write(
            [
                Touch(NAMESPACE, record.id, uses=2, used_at=used),
                Touch(NAMESPACE, record.id, useful=1),
                Touch(NAMESPACE, record.id, useless=3),
                Touch(NAMESPACE, record.id),
                Touch(NAMESPACE, record_id(2), uses=1, used_at=used),
            ]
        )
        expected = replace(record, uses=3, used_at=used, useful=1, useless=8)
        assert_same_record((await get_one(backend, record)).record, expected)
        assert len(await scan_all(backend)) == 1
        # The version has not moved: a patch that expects it is carried out.
        assert await backend.write([Patch(replace(record, version=2), 1)]) == [Applied()]

    @on_store()
    async def test_deletions_of_what_is_missing_are_carried_out(self, backend: Backend) -> None:
        record = build_record(1)
        await backend.write([build_put(record, self.vector(1))])
        deletions = [Delete(NAMESPACE, record_id(2)), Delete("nobody's", record.id)]
        assert await backend.write(deletions) == [Applied()] * 2
        assert await backend.write([Delete(NAMESPACE, record.id)] * 2) == [Applied()] * 2
        assert await backend.get(NAMESPACE, [record.id]) == {}
        assert await scan_all(backend) == []
        assert await backend.count(NAMESPACE, EVERYTHING) == {"": 0}

    @on_store()
    async def test_an_embedded_record_keeps_its_vector_through_a_patch(
        self, backend: Backend
    ) -> None:
        record = build_record(1)
        await backend.write([build_put(record, self.vector(1), signature=("s1",))])
        await backend.write([Patch(replace(record, version=2), 1)])
        self.assert_vector((await get_one(backend, record)).vector, self.vector(1))
        assert len(await scan_all(backend, Eq("embedded", True))) == 1
        await backend.write(
            [Patch(replace(record, version=3), 2, IndexData(self.vector(2), ("new",)))]
        )
        self.assert_vector((await get_one(backend, record)).vector, self.vector(2))
        await backend.write([Patch(replace(record, version=4), 3, IndexData(None, ("new",)))])
        assert (await get_one(backend, record)).vector is None
        assert len(await scan_all(backend, Eq("embedded", False))) == 1

    @on_store("lexical")
    async def test_terms_are_kept_through_a_patch_without_index_data(
        self, backend: Backend
    ) -> None:
        record = build_record(1)
        await backend.write([build_put(record, terms=["kept"])])
        await backend.write([Patch(replace(record, content="other words", version=2), 1)])
        found = await backend.search(NAMESPACE, [LexicalLeg(("kept",))], EVERYTHING, 5)
        assert [each.id for each in found.legs[0]] == [record.id]
