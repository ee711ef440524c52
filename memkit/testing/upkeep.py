"""The theme of upkeep: a sound store is called sound, and what was deleted leaves no trace."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from memkit.filters import EVERYTHING
from memkit.protocols import Backend, Delete, DenseLeg, IndexData, Maintenance, Patch, Touch
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id
from memkit.testing.suite import Suite, ids_of, on_store, require_protocol, scan_all

SECRET = "the-word-that-must-vanish"


class UpkeepTests(Suite):
    """Only for backends that implement :class:`~memkit.protocols.Maintenance`."""

    @on_store()
    async def test_a_sound_store_has_no_problems(self, backend: Backend) -> None:
        require_protocol(backend, Maintenance)
        assert isinstance(backend, Maintenance)
        assert await backend.check() == []
        records = [build_record(n, tags=("x",), metadata={"n": n}) for n in range(60)]
        await backend.write(
            [
                build_put(r, self.vector(n) if n % 3 else None, unique=(f"{n}",))
                for n, r in enumerate(records)
            ]
        )
        await backend.write([build_put(build_record(1, namespace="another"))])
        for n, record in enumerate(records[:20]):
            index = IndexData(self.vector(n + 100), ("new",)) if n % 2 else None
            await backend.write([Patch(replace(record, version=2), 1, index, unique=())])
            await backend.write([Touch(NAMESPACE, record.id, uses=1)])
        await backend.write([Delete(NAMESPACE, record.id) for record in records[40:]])
        assert await backend.check() == []

    def test_compacting_keeps_what_is_there_and_no_trace_of_what_is_not(
        self, tmp_path: Path
    ) -> None:
        async def run() -> None:
            async with self.opened(tmp_path / "store") as backend:
                require_protocol(backend, Maintenance)
                assert isinstance(backend, Maintenance)
                await self.delete_secrets(backend)
                await backend.compact()
                assert not self.traces(tmp_path)
                await self.assert_others_kept(backend)
                assert await backend.check() == []

        asyncio.run(run())

    def test_a_whole_purge_leaves_no_trace(self, tmp_path: Path) -> None:
        async def run() -> None:
            async with self.opened(tmp_path / "store") as backend:
                require_protocol(backend, Maintenance)
                assert isinstance(backend, Maintenance)
                await self.delete_secrets(backend)
                if await backend.purge():
                    assert not self.traces(tmp_path)
                await self.assert_others_kept(backend)
            async with self.opened(tmp_path / "store") as backend:
                await self.assert_others_kept(backend)

        asyncio.run(run())

    async def delete_secrets(self, backend: Backend) -> None:
        """Store 100 records, every second with the secret all over it, and delete those."""
        puts = []
        for n in range(100):
            word = SECRET if n % 2 else "kept"
            record = build_record(
                n,
                content=f"{word} {n}",
                project=f"{word} {n}",
                tags=(f"{word} {n}",),
                metadata={f"{word} {n}": f"{word} {n}"},
                source=f"{word} {n}",
            )
            puts.append(
                build_put(
                    record,
                    self.vector(n),
                    [f"{word}{n}", "word"],
                    signature=(f"{word} {n}",),
                    unique=(f"{word} {n}",),
                )
            )
        await backend.write(puts)
        await backend.write([Delete(NAMESPACE, record_id(n)) for n in range(1, 100, 2)])

    async def assert_others_kept(self, backend: Backend) -> None:
        """Fail unless the records without the secret are there and found."""
        wanted = {record_id(n) for n in range(0, 100, 2)}
        assert set(ids_of(await scan_all(backend))) == wanted
        found = await backend.search(NAMESPACE, [DenseLeg(self.vector(2))], EVERYTHING, 100)
        assert {each.id for each in found.legs[0]} == wanted
        assert found.legs[0][0].id == record_id(2)

    def traces(self, folder: Path) -> list[Path]:
        """The files, of those that the store keeps in ``folder``, that hold the secret."""
        encodings = [SECRET.encode(), SECRET.encode("utf-16-le")]
        return [
            path
            for path in folder.rglob("*")
            if path.is_file() and any(secret in path.read_bytes() for secret in encodings)
        ]
