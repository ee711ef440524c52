"""Reading contradictions: what is kept, shown with the evidence as it is now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from memkit.contradictions.asserted import stand
from memkit.contradictions.evidence import LISTED, confidence
from memkit.contradictions.keeping import (
    OPEN,
    Kept,
    held,
    kept_in,
)
from memkit.contradictions.pairs import Rules, judged, spoken
from memkit.contradictions.results import CLOSED, Contradiction
from memkit.errors import RecordNotFound
from memkit.facts.predicates import DEFAULTS, declared
from memkit.protocols import Stored
from memkit.scope import Reach, Scope

if TYPE_CHECKING:
    from memkit.engine import Engine

_BATCH: Final = 50


async def contradictions(
    engine: Engine,
    scope: Scope,
    *,
    ids: Sequence[str] | None,
    states: Sequence[str],
    reach: Reach,
    limit: int,
) -> list[Contradiction]:
    """What is kept and visible, the latest first; see ``AsyncMemory.contradictions``."""
    engine.require_open()
    stored = {OPEN if state == CLOSED else state for state in states}
    rules = await rules_of(engine, scope.namespace)
    found: list[Contradiction] = []
    batch: list[Kept] = []
    async for kept in kept_in(engine, scope, reach, statuses=sorted(stored), ids=ids):
        batch.append(kept)
        if len(batch) == _BATCH:
            found += await _wanted(engine, scope, batch, rules, states)
            batch.clear()
            if len(found) >= limit:
                break
    found += await _wanted(engine, scope, batch, rules, states)
    return found[:limit]


async def one(engine: Engine, scope: Scope, id_: str) -> tuple[Kept, Contradiction]:
    """A contradiction that a scope shows.

    Raises:
        RecordNotFound: it does not, or shows one of its records not.
    """
    engine.require_open()
    kept = (await held(engine, scope.namespace, (id_,))).get(id_)
    if kept is not None:
        rules = await rules_of(engine, scope.namespace)
        for each in await shown(engine, scope, [kept], rules):
            return kept, each
    raise RecordNotFound(f"no contradiction {id_} is visible from this scope")


async def rules_of(engine: Engine, namespace: str) -> Rules:
    """What goes for predicates in a namespace, by name."""
    return {**DEFAULTS, **await declared(engine, namespace)}


async def shown(
    engine: Engine, scope: Scope, kept: Sequence[Kept], rules: Rules
) -> list[Contradiction]:
    """Those of which the scope shows both records."""
    ids = {id_ for each in kept for id_ in (each.newer, each.older)}
    records = await engine.visible(scope, ids, vectors=True) if ids else {}
    return [
        _told(each, records, rules)
        for each in kept
        if each.newer in records and each.older in records
    ]


async def _wanted(
    engine: Engine, scope: Scope, kept: Sequence[Kept], rules: Rules, states: Sequence[str]
) -> list[Contradiction]:
    return [each for each in await shown(engine, scope, kept, rules) if each.status in states]


def _told(kept: Kept, records: Mapping[str, Stored], rules: Rules) -> Contradiction:
    newer, older = records[kept.newer], records[kept.older]
    found = judged(older, newer, rules)
    versions = (newer.record.version, older.record.version)
    evidence = (
        *found.evidence,
        *(
            spoken(each.kind, each.strength, older.record, newer.record)
            for each in kept.told
            if each.versions == versions or kept.status != OPEN
        ),
    )
    sure = confidence(evidence)
    status = kept.status
    standing = stand(newer.record, older.record)
    if status == OPEN and not (standing and sure >= LISTED):
        status = CLOSED
    return Contradiction(
        id=kept.id,
        newer=newer.record,
        older=older.record,
        evidence=evidence,
        similarity=found.similarity,
        confidence=sure,
        status=status,
        found_at=kept.record.created_at,
        decisions=kept.decisions,
        run=kept.record.run,
    )
