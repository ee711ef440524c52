"""The theme of the change feed, for backends that implement it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memkit.errors import VersionConflict
from memkit.protocols import Backend, ChangeFeed, Delete, Patch
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id
from memkit.testing.suite import Suite, on_store, require, require_protocol


class ChangeFeedTests(Suite):
    """Only for backends that implement :class:`~memkit.protocols.ChangeFeed`."""

    @on_store()
    async def test_a_declared_change_feed_is_there(self, backend: Backend) -> None:
        assert isinstance(backend, ChangeFeed) or not backend.capabilities.change_feed

    @on_store()
    async def test_changes_come_in_the_order_of_commit(self, backend: Backend) -> None:
        require_protocol(backend, ChangeFeed)
        assert isinstance(backend, ChangeFeed)
        require(backend, "change_feed")
        assert await backend.position() == 0
        assert await backend.changes(NAMESPACE) == []
        record = build_record(1)
        before = datetime.now(UTC) - timedelta(seconds=2)
        await backend.write([build_put(record), build_put(build_record(2))])
        await backend.write([build_put(build_record(1, namespace="foreign"))])
        await backend.write([Patch(replace(record, version=2), 1)])
        await backend.write([Delete(NAMESPACE, record.id), build_put(build_record(3))])
        changes = await backend.changes(NAMESPACE)
        assert [(each.op, each.id) for each in changes] == [
            ("put", record_id(1)),
            ("put", record_id(2)),
            ("patch", record_id(1)),
            ("delete", record_id(1)),
            ("put", record_id(3)),
        ]
        positions = [each.position for each in changes]
        assert positions == sorted(set(positions))
        assert positions[-1] == await backend.position()
        assert {each.namespace for each in changes} == {NAMESPACE}
        assert all(before <= each.at <= datetime.now(UTC) + timedelta(seconds=2)
                   for each in changes)  # fmt: skip
        assert all(each.at.utcoffset() == timedelta(0) for each in changes)
        assert [each.id for each in await backend.changes("foreign")] == [record_id(1)]
        assert await backend.changes("nobody's") == []

    @on_store()
    async def test_changes_are_read_on_from_a_position(self, backend: Backend) -> None:
        require_protocol(backend, ChangeFeed)
        assert isinstance(backend, ChangeFeed)
        require(backend, "change_feed")
        await backend.write([build_put(build_record(n)) for n in range(25)])
        seen: list[str] = []
        after = 0
        while batch := await backend.changes(NAMESPACE, after, 10):
            assert len(batch) <= 10
            seen += [each.id for each in batch]
            after = batch[-1].position
        assert seen == [record_id(n) for n in range(25)]
        assert await backend.changes(NAMESPACE, await backend.position()) == []

    @on_store("atomic_batch")
    async def test_what_was_not_written_is_no_change(self, backend: Backend) -> None:
        require_protocol(backend, ChangeFeed)
        assert isinstance(backend, ChangeFeed)
        require(backend, "change_feed")
        record = build_record(1)
        await backend.write([build_put(record, unique=("key",))])
        position = await backend.position()
        await backend.write([build_put(build_record(2), unique=("key",))])
        with pytest.raises(VersionConflict):
            await backend.write([build_put(build_record(3)), Patch(replace(record, version=9), 8)])
        assert await backend.changes(NAMESPACE, position) == []

    def test_changes_are_there_after_reopening(self, tmp_path: Path) -> None:
        async def run() -> None:
            place = tmp_path / "store"
            async with self.opened(place) as backend:
                require_protocol(backend, ChangeFeed)
                assert isinstance(backend, ChangeFeed)
                require(backend, "change_feed")
                await backend.write([build_put(build_record(1)), Delete(NAMESPACE, record_id(1))])
                changes = await backend.changes(NAMESPACE)
                position = await backend.position()
            async with self.opened(place) as backend:
                assert isinstance(backend, ChangeFeed)
                assert await backend.changes(NAMESPACE) == changes
                assert await backend.position() == position
                await backend.write([build_put(build_record(1))])
                assert await backend.position() > position

        asyncio.run(run())

    @on_store()
    async def test_a_change_keeps_what_it_was_about(self, backend: Backend) -> None:
        require_protocol(backend, ChangeFeed)
        assert isinstance(backend, ChangeFeed)
        require(backend, "change_feed")
        await backend.write([build_put(build_record(n)) for n in range(3)])
        about = '{"tags":["caf\u00e9","\U0001f600"],"project":null}'
        await backend.write([Delete(NAMESPACE, record_id(0), about=about)])
        await backend.write([Delete(NAMESPACE, record_id(1)), Delete(NAMESPACE, "absent", about)])
        patched = replace(build_record(2), version=2)
        await backend.write([Patch(patched, 1, about=about)])
        index = build_put(patched).index
        await backend.write([Patch(replace(patched, version=3), 2, index, about=about)])
        await backend.write([Patch(replace(patched, version=4), 3, index)])
        changes = await backend.changes(NAMESPACE)
        assert [(each.op, each.about) for each in changes] == [
            *[("put", None)] * 3,
            ("delete", about),
            ("delete", None),
            ("patch", about),
            ("patch", about),
            ("patch", None),
        ]

    @on_store()
    async def test_nothing_was_dropped_of_a_young_feed(self, backend: Backend) -> None:
        require_protocol(backend, ChangeFeed)
        assert isinstance(backend, ChangeFeed)
        require(backend, "change_feed")
        assert await backend.oldest() == 0
        for n in range(20):
            await backend.write([build_put(build_record(n))])
        assert await backend.oldest() == 0
        assert len(await backend.changes(NAMESPACE)) == 20

    def test_a_store_with_a_feed_has_an_identity_of_its_own(self, tmp_path: Path) -> None:
        async def identity(name: str) -> str | None:
            backend = self.make_backend(tmp_path / name)
            info = await backend.open(self.spec())
            try:
                require_protocol(backend, ChangeFeed)
                require(backend, "change_feed")
            finally:
                await backend.close()
            return info.identity

        async def run() -> None:
            first = await identity("one")
            assert first
            assert await identity("one") == first
            assert await identity("other") not in (first, None)

        asyncio.run(run())
