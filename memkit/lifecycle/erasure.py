"""Erasure: a record, its history and every trace of them, removed and read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from memkit.clock import new_id, utc_now
from memkit.errors import RecordNotFound, StoreError, VersionConflict
from memkit.filters import EVERYTHING, ContainsAny, In
from memkit.hints import UNSEEN, erasure_hint
from memkit.lifecycle.lending import lent_anew
from memkit.protocols import (
    Delete,
    DenseLeg,
    IndexData,
    LexicalLeg,
    Maintenance,
    Operation,
    Patch,
    SearchLeg,
    Stored,
)
from memkit.retrieval.analysis import analyze
from memkit.retrieval.text import index_text
from memkit.scope import Scope
from memkit.types import ErasureReceipt, Link, MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

_ATTEMPTS = 16
_PAGE = 500


async def erase(engine: Engine, scope: Scope, ids: Sequence[str]) -> ErasureReceipt:
    """Erase records with their older versions and the texts merged into them.

    Raises:
        RecordNotFound: the scope shows one of them not; nothing was erased.
        StoreError: reading back still found a trace.
    """
    doomed = await _with_history(engine, scope, ids)
    gone = tuple(sorted(doomed))
    records = [item.record for item in doomed.values()]
    removed = await _delete(engine, scope, gone, records)
    engine.usage.drop(scope.namespace, gone)
    engine.vectorizer.forget([index_text(item.record) for item in doomed.values()])
    checks = await _read_back(engine, scope, doomed)
    backend = engine.backend
    purged = await backend.purge() if isinstance(backend, Maintenance) else False
    return ErasureReceipt(
        id=new_id(),
        erased=gone,
        links_removed=removed,
        erased_at=utc_now(),
        backend=engine.info.location,
        checks=checks,
        purged=purged,
    )


async def erase_found(engine: Engine, scope: Scope, records: Sequence[MemoryRecord]) -> None:
    """Erase records that were found to be the scope's, without older versions or a receipt.

    What runs made of them goes too. For many: what they leave is read back by id alone.

    Raises:
        StoreError: one of them can still be read.
    """
    made = await made_of(engine, scope, [record.id for record in records])
    known = {record.id for record in records}
    records = [*records, *(record for record in made if record.id not in known)]
    gone = tuple(record.id for record in records)
    await _delete(engine, scope, gone, records)
    engine.usage.drop(scope.namespace, gone)
    engine.vectorizer.forget([index_text(record) for record in records])
    if await engine.backend.get(scope.namespace, gone):
        raise StoreError("records that were erased can still be read: run memkit doctor")


async def _with_history(engine: Engine, scope: Scope, ids: Sequence[str]) -> dict[str, Stored]:
    found = await engine.visible(scope, ids, vectors=True)
    missing = [id_ for id_ in ids if id_ not in found]
    if missing:
        raise RecordNotFound(
            f"no record {missing[0]} is visible from this scope: nothing was erased"
        )
    doomed = dict(found)
    frontier = list(found)
    while frontier:
        pointing = await _all(engine, scope, In("superseded_by", tuple(frontier)))
        # A fact that another ended is no older version of it: it was true in its time.
        older = [
            item
            for item in pointing
            if item.record.subject is None or item.record.retracted_at is not None
        ]
        older += await _made_of(engine, scope, frontier)
        frontier = [item.record.id for item in older if item.record.id not in doomed]
        doomed.update((item.record.id, item) for item in older)
    return doomed


async def made_of(engine: Engine, scope: Scope, ids: Sequence[str]) -> list[MemoryRecord]:
    """What runs made of these records, and of what they made: each says what they said."""
    made: dict[str, MemoryRecord] = {}
    frontier = list(ids)
    while frontier:
        found = [item.record for item in await _made_of(engine, scope, frontier)]
        frontier = [record.id for record in found if record.id not in made]
        made.update((record.id, record) for record in found)
    return list(made.values())


async def _made_of(engine: Engine, scope: Scope, ids: Sequence[str]) -> list[Stored]:
    """What runs made of these records themselves."""
    return [
        item
        for item in await _all(engine, scope, ContainsAny("link_to", tuple(ids)))
        if item.record.run is not None
        and any(edge.type == "derived_from" and edge.target in ids for edge in item.record.links)
    ]


async def _all(engine: Engine, scope: Scope, wanted: In | ContainsAny) -> list[Stored]:
    # Whatever the state, the expiry or the place: a trace is a trace.
    items: list[Stored] = []
    cursor: str | None = None
    while True:
        page = await engine.backend.scan(
            scope.namespace, wanted, cursor=cursor, limit=_PAGE, vectors=True
        )
        items += page.items
        cursor = page.cursor
        if cursor is None:
            return items


async def _delete(
    engine: Engine, scope: Scope, gone: tuple[str, ...], doomed: Sequence[MemoryRecord]
) -> int:
    """Delete the records and what other records say of them; how many links that was."""
    for _ in range(_ATTEMPTS):
        batch: list[Operation] = []
        removed = 0
        pointing = {
            item.record.id: item.record
            for item in await _all(engine, scope, ContainsAny("link_to", gone))
        }
        successors = await _successors(engine, scope, gone)
        marked = {
            item.record.id: item.record
            for item in await _all(engine, scope, In("summarized_by", gone))
        }
        # The words that they lent are traces too.
        lent = {patch.record.id: patch for patch in await lent_anew(engine, doomed, without=gone)}
        for record in {**marked, **pointing, **successors}.values():
            if record.id in gone:
                continue
            links = tuple(edge for edge in record.links if edge.target not in gone)
            removed += len(record.links) - len(links)
            taken = lent.pop(record.id, None)
            batch.append(_detached(record, links, gone, None if taken is None else taken.index))
        batch += lent.values()
        batch += [
            Delete(scope.namespace, record.id, about=erasure_hint(record)) for record in doomed
        ]
        try:
            await engine.write(batch)
        except (VersionConflict, RecordNotFound):
            continue
        return removed
    raise VersionConflict("records that link to the erased ones keep changing: try again")


async def _successors(
    engine: Engine, scope: Scope, gone: tuple[str, ...]
) -> dict[str, MemoryRecord]:
    """The records that took the place of erased ones: they name them in ``supersedes``."""
    stored = await engine.backend.get(scope.namespace, gone)
    ids = {item.record.superseded_by for item in stored.values()} - {None, *gone}
    found = await engine.backend.get(scope.namespace, [id_ for id_ in ids if id_ is not None])
    return {id_: item.record for id_, item in found.items() if item.record.supersedes in gone}


def _detached(
    record: MemoryRecord, links: tuple[Link, ...], gone: Sequence[str], index: IndexData | None
) -> Patch:
    changed = replace(
        record,
        links=links,
        supersedes=None if record.supersedes in gone else record.supersedes,
        summarized_by=None if record.summarized_by in gone else record.summarized_by,
    )
    if (changed.links, changed.supersedes) == (record.links, record.supersedes):
        # No more than a mark, which is not what the record says.
        return Patch(changed, record.version, index, about=UNSEEN)
    changed = replace(changed, updated_at=utc_now(), version=record.version + 1)
    return Patch(changed, record.version, index)


async def _read_back(engine: Engine, scope: Scope, doomed: dict[str, Stored]) -> tuple[str, ...]:
    namespace, backend = scope.namespace, engine.backend
    gone = tuple(doomed)
    checks = ["get by id", "scan by id", "scan by link", "scan by summary"]
    traces = set(await backend.get(namespace, gone))
    for wanted in (In("id", gone), ContainsAny("link_to", gone), In("summarized_by", gone)):
        traces |= {item.record.id for item in (await backend.scan(namespace, wanted)).items}
    for item in doomed.values():
        legs: list[SearchLeg] = []
        if item.vector is not None:
            legs.append(DenseLeg(item.vector))
        terms = analyze(index_text(item.record))
        if terms:
            legs.append(LexicalLeg(terms))
        result = await backend.search(namespace, legs, EVERYTHING, 10)
        traces |= {hit.id for leg in result.legs for hit in leg if hit.id in doomed}
    checks.append("search by its own text and vector")
    if traces:
        raise StoreError(
            f"erasure is not complete, {len(traces)} records can still be found: run "
            "memkit doctor, then erase again"
        )
    return tuple(checks)
