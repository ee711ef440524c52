"""Migration: every record of a store into another one, on any two backends.

Records travel whole: all fields and states, their versions and times, unique keys and
vectors. Terms are analysed anew, since they follow from the record. A migration that was
interrupted is simply repeated: what is there already, and the same, is passed over. At the
end both stores are read side by side and compared.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from memkit.backing.packing import canonical_record
from memkit.errors import InvalidInput, StoreError
from memkit.filters import EVERYTHING
from memkit.indexing import index_terms
from memkit.protocols import (
    Backend,
    Delete,
    Duplicate,
    IndexData,
    Operation,
    Order,
    Put,
    ScanPage,
    Stored,
    StoreSpec,
)
from memkit.registry import backend_from_url
from memkit.retrieval.analysis import ANALYZER
from memkit.scope import SYSTEM_NAMESPACE

if TYPE_CHECKING:
    from memkit.engine import Progress

_CHUNK = 500
_BY_ID = Order("id", descending=False)
# A store may keep vectors in fewer bits; this much of their direction is always left.
_SAME_DIRECTION = 0.999
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did: so many records were written, the others were there already."""

    records: int
    written: int


@dataclass(frozen=True, slots=True)
class Verified:
    """What both stores were found to hold: the same records, and the digest of them all."""

    records: int
    digest: str


@asynccontextmanager
async def both_open(source: str, destination: str) -> AsyncIterator[tuple[Backend, Backend]]:
    """The backends of two stores' URLs: the first open for reading, the second made if need be.

    The destination takes on the embedder's fingerprint that the source has.

    Raises:
        InvalidInput: both are the same store.
        StoreError, ConfigurationError: one of them cannot be opened.
    """
    origin, target = backend_from_url(source), backend_from_url(destination)
    same = InvalidInput("the source and the destination are the same store: name another one")
    if source == destination:
        raise same
    # Any fingerprint will do: the source's own is what is asked for.
    info = await origin.open(StoreSpec(None, ANALYZER, migrating=True, read_only=True))
    try:
        made = await target.open(StoreSpec(info.fingerprint, ANALYZER))
        try:
            if made.location == info.location:
                raise same
            yield origin, target
        finally:
            await target.close()
    finally:
        await origin.close()


async def copy(source: Backend, destination: Backend, progress: Progress | None = None) -> Copied:
    """Copy every record of every namespace; what is there already, and the same, stays.

    A record that changed at the source since an earlier copy is replaced.

    Raises:
        InvalidInput: the destination holds records that the source does not.
    """
    wanted, held = await _holding(source), await _holding(destination)
    if any(count > wanted.get(name, 0) for name, count in held.items()):
        raise InvalidInput(
            "the destination holds records of its own: name an empty store, or the one that an "
            "interrupted migration from this source has begun"
        )
    total, done, written = sum(wanted.values()), 0, 0
    for namespace in sorted(wanted):
        late: list[str] = []
        async for items in _pages(source, namespace):
            known = await _known(destination, namespace, items) if namespace in held else {}
            result = await _write(source, destination, items, known)
            written += result.written
            late += result.refused
            done += len(items)
            if progress is not None:
                progress(done, total)
        # Refused, since a record that came later in order still held their unique key: it
        # has been replaced by now.
        for start in range(0, len(late), _CHUNK):
            ids = late[start : start + _CHUNK]
            again = await source.get(namespace, ids, vectors=True)
            known = await destination.get(namespace, ids, vectors=True)
            written += (await _write(source, destination, list(again.values()), known)).written
    return Copied(done, written)


async def verify(
    source: Backend, destination: Backend, progress: Progress | None = None
) -> Verified:
    """Read both stores side by side and see that they hold the same.

    Raises:
        StoreError: they do not; the message counts the differences and names some ids.
    """
    counts = await _holding(source)
    total, done = sum(counts.values()), 0
    found, digest = _Differences(), blake2b(digest_size=16)
    for namespace in sorted(counts.keys() | (await _holding(destination)).keys()):
        ours, theirs = _Walk(source, namespace), _Walk(destination, namespace)
        async with contextlib.aclosing(ours.items), contextlib.aclosing(theirs.items):
            here, there = await ours.next(), await theirs.next()
            while here is not None or there is not None:
                if there is None or (here is not None and here.record.id < there.record.id):
                    assert here is not None
                    found.missing.append(here.record.id)
                    here = await ours.next()
                    done += 1
                elif here is None or there.record.id < here.record.id:
                    found.foreign.append(there.record.id)
                    there = await theirs.next()
                else:
                    if not _same(here, there):
                        found.different.append(here.record.id)
                    digest.update(_content(here))
                    here, there = await ours.next(), await theirs.next()
                    done += 1
                if progress is not None and done % _CHUNK == 0:
                    progress(done, total)
    if found:
        raise StoreError(str(found))
    if progress is not None:
        progress(done, done)
    return Verified(done, digest.hexdigest())


async def migrate(source: str, destination: str, progress: Progress | None = None) -> Verified:
    """Copy the store at one URL to another one, then verify the copy.

    Args:
        source: the URL of the store that is read; nothing in it changes.
        destination: an empty or new store, or one that an interrupted migration has begun.
        progress: called with the records copied so far and how many there are.

    Raises:
        InvalidInput: the destination holds records of its own, or is the source.
        StoreError: a store fails, or both differ at the end.
    """
    async with both_open(source, destination) as (origin, target):
        await copy(origin, target, progress)
        return await verify(origin, target)


# Reading.


async def _holding(backend: Backend) -> dict[str, int]:
    """What a store's namespaces hold; memkit's own records belong to the store and stay there."""
    held = await backend.namespaces()
    return {name: count for name, count in held.items() if name != SYSTEM_NAMESPACE}


async def _pages(backend: Backend, namespace: str) -> AsyncGenerator[Sequence[Stored], None]:
    """All of a namespace by id, an order that no change alters; one page is read ahead."""

    def read(cursor: str | None) -> asyncio.Task[ScanPage]:
        return asyncio.ensure_future(
            backend.scan(
                namespace, EVERYTHING, order=_BY_ID, cursor=cursor, limit=_CHUNK, vectors=True
            )
        )

    ahead: asyncio.Task[ScanPage] | None = read(None)
    try:
        while ahead is not None:
            page = await ahead
            ahead = None if page.cursor is None else read(page.cursor)
            if page.items:
                yield page.items
    finally:
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)


class _Walk:
    """One namespace's records, one by one."""

    def __init__(self, backend: Backend, namespace: str) -> None:
        self.items = self._each(backend, namespace)

    async def next(self) -> Stored | None:
        """The next record; ``None`` after the last."""
        return await anext(self.items, None)

    @staticmethod
    async def _each(backend: Backend, namespace: str) -> AsyncGenerator[Stored, None]:
        async with contextlib.aclosing(_pages(backend, namespace)) as pages:
            async for items in pages:
                for item in items:
                    yield item


async def _known(
    destination: Backend, namespace: str, items: Iterable[Stored]
) -> Mapping[str, Stored]:
    return await destination.get(namespace, [item.record.id for item in items], vectors=True)


# Writing.


@dataclass(frozen=True, slots=True)
class _Written:
    written: int
    refused: list[str]


async def _write(
    source: Backend, destination: Backend, items: Sequence[Stored], known: Mapping[str, Stored]
) -> _Written:
    changed = [
        item
        for item in items
        if (there := known.get(item.record.id)) is None or not _same(item, there)
    ]
    if not changed:
        return _Written(0, [])
    puts = await _puts(source, changed)
    batch: list[Operation] = []
    for put in puts:
        if put.record.id in known:
            batch.append(Delete(put.record.namespace, put.record.id))
        batch.append(put)
    results = zip(batch, await destination.write(batch), strict=True)
    refused = [
        operation.record.id
        for operation, result in results
        if isinstance(operation, Put) and isinstance(result, Duplicate)
    ]
    return _Written(len(changed) - len(refused), refused)


async def _puts(source: Backend, items: Sequence[Stored]) -> list[Put]:
    terms, signatures = await index_terms(source, [item.record for item in items])
    return [
        Put(item.record, IndexData(item.vector, words, keys), item.unique)
        for item, words, keys in zip(items, terms, signatures, strict=True)
    ]


# Comparing.


def _content(item: Stored) -> bytes:
    parts = [canonical_record(item.record), *(key.encode() for key in sorted(item.unique))]
    return b"\0".join([*parts, b"\1" if item.vector is not None else b"\0"]) + b"\n"


def _same(ours: Stored, theirs: Stored) -> bool:
    if _content(ours) != _content(theirs):
        return False
    if ours.vector is None or theirs.vector is None:
        return True
    return len(ours.vector) == len(theirs.vector) and (
        float(ours.vector @ theirs.vector) >= _SAME_DIRECTION
    )


@dataclass(slots=True)
class _Differences:
    """The ids of records that are at the source only, at the destination only, or differ."""

    missing: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.missing or self.foreign or self.different)

    def __str__(self) -> str:
        some = ", ".join((self.missing + self.different + self.foreign)[:_NAMED])
        return (
            f"the copy is not the same: {len(self.missing)} records are missing, "
            f"{len(self.different)} differ, {len(self.foreign)} are at the destination only "
            f"({some}, ...): stop what writes to either store and migrate again; if it persists, "
            "to an empty destination"
        )
