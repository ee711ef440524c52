"""Constraints: what applies in a scope whatever is asked, read beside every recall.

Which they are is kept, by their ids, so that a recall costs next to nothing more; the records are
read each time, and looked at again.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from memkit.clock import utc_now
from memkit.facts.checking import recall
from memkit.filters import And, Eq, Filter
from memkit.profiles.keeping import Made, Sort, kept
from memkit.protocols import Order
from memkit.recalling import Query, standing_at
from memkit.retrieval.gating import gate
from memkit.scope import Scope
from memkit.types import MemoryRecord, RecallResult

if TYPE_CHECKING:
    from memkit.engine import Engine

KIND: Final = "constraint"
_OF_KIND = Eq("kind", KIND)
_PINNED = Eq("pinned", True)
_NEWEST = Order("created_at", descending=True)
# Hardly anybody has more: all are read, and the pinned found among them.
_AT_ONCE = 250
_SORT = Sort("constraints", lambda record: record.kind == KIND)


async def recall_with_constraints(engine: Engine, scope: Scope, query: Query) -> RecallResult:
    """What a query finds, and the constraints that apply, read at the same time."""
    beside = asyncio.create_task(
        constraints(engine, scope, engine.settings.constraints_limit, query.as_of)
    )
    try:
        found = await recall(engine, scope, query)
    except BaseException:
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)
        raise
    return replace(found, constraints=await beside)


async def constraints(
    engine: Engine, scope: Scope, limit: int, as_of: datetime | None = None
) -> tuple[MemoryRecord, ...]:
    """The constraints that apply in a scope: its own, and those of the places above it.

    Args:
        engine, scope: where.
        limit: at most so many: pinned ones before others, of each the newest first.
        as_of: those of that time, as for a recall.
    """
    engine.require_open()
    if limit == 0:
        return ()
    if as_of is not None:
        return tuple(await _read(engine, scope, limit, as_of))

    async def listed() -> Made[tuple[str, ...]]:
        found = await _read(engine, scope, limit, None)
        ends = [record.expires_at for record in found if record.expires_at is not None]
        ids = tuple(record.id for record in found)
        return Made(ids, found, min(ends, default=None))

    ids = await kept(engine, scope.namespace, _SORT, (scope, limit), listed)
    return await _shown(engine, scope, ids) if ids else ()


async def _read(
    engine: Engine, scope: Scope, limit: int, as_of: datetime | None
) -> list[MemoryRecord]:
    """Read them from the store."""
    wanted = And((_OF_KIND, standing_at(as_of, utc_now()), scope.readable()))
    most = max(limit, _AT_ONCE)
    found = await _page(engine, scope, wanted, most)
    if len(found) >= most:
        # There may be more, older and pinned.
        held = await _page(engine, scope, And((_PINNED, wanted)), limit)
        found = list({record.id: record for record in (*held, *found)}.values())
    found.sort(key=lambda record: not record.pinned)
    return found[:limit]


async def _page(engine: Engine, scope: Scope, wanted: Filter, limit: int) -> list[MemoryRecord]:
    page = await engine.backend.scan(scope.namespace, wanted, order=_NEWEST, limit=limit)
    allowed = gate(scope, wanted)
    return [item.record for item in page.items if allowed(item.record)]


async def _shown(engine: Engine, scope: Scope, ids: tuple[str, ...]) -> tuple[MemoryRecord, ...]:
    """The records with these ids, as they are now and as far as they may be shown."""
    found = await engine.backend.get(scope.namespace, ids)
    allowed = gate(scope, And((_OF_KIND, standing_at(None, utc_now()), scope.readable())))
    records = (found[id_].record for id_ in ids if id_ in found)
    return tuple(record for record in records if allowed(record))
