"""What happened, in order: to an entity by the facts about it, or in a scope by its records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from memkit.clock import utc_now
from memkit.errors import InvalidInput
from memkit.facts.asking import MOST, Asked, Fact, facts
from memkit.facts.settling import scanned
from memkit.filters import And, Eq, Exists, Filter, Gte, Lt, Not, Or
from memkit.retrieval.gating import gate
from memkit.scope import Reach, Scope
from memkit.selection import living
from memkit.types import MemoryRecord, State

if TYPE_CHECKING:
    from memkit.engine import Engine


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened.

    Attributes:
        at: when.
        what: ``begins`` or ``ends``, of a fact; ``record``: what a record tells of.
        record: the record that says it.
        fact: the fact; ``None`` where it is none.
    """

    at: datetime
    what: str
    record: MemoryRecord
    fact: Fact | None = None


async def timeline(
    engine: Engine,
    scope: Scope,
    entity: str | None,
    *,
    since: datetime | None,
    until: datetime | None,
    reach: Reach,
    limit: int,
) -> list[Moment]:
    """What happened between two moments, in order; see ``AsyncMemory.timeline``."""
    engine.require_open()
    if since is not None and until is not None and until <= since:
        raise InvalidInput("until must be after since")
    if entity is None:
        found = await _told(engine, scope, since, until, reach)
    else:
        found = await _facts_about(engine, scope, entity, reach)
    found = [
        moment
        for moment in found
        if (since is None or since <= moment.at) and (until is None or moment.at < until)
    ]
    # On one day something ends before its successor begins.
    found.sort(key=lambda each: (each.at, each.what == "begins", each.record.id))
    return found[:limit]


async def _facts_about(engine: Engine, scope: Scope, entity: str, reach: Reach) -> list[Moment]:
    about = Asked(subject=entity, history=True, reach=reach)
    naming = Asked(object=entity, history=True, reach=reach)
    # What is said of both sides is found from either, and told once.
    stretches: dict[tuple[str, datetime], Fact] = {}
    for asked in (about, naming):
        for fact in await facts(engine, scope, asked, MOST):
            stretches.setdefault((fact.id, fact.valid_from), fact)
    found = []
    for fact in stretches.values():
        found.append(Moment(fact.valid_from, "begins", fact.record, fact))
        if fact.valid_to is not None:
            found.append(Moment(fact.valid_to, "ends", fact.record, fact))
    return found


async def _told(
    engine: Engine, scope: Scope, since: datetime | None, until: datetime | None, reach: Reach
) -> list[Moment]:
    """What the active records of a scope tell of, or when they were stored if they do not say."""
    told = And((Exists("occurred_at"), *_between("occurred_at", since, until)))
    stored = And((Not(Exists("occurred_at")), *_between("created_at", since, until)))
    visible = And(
        (
            Or((told, stored)),
            Eq("state", State.ACTIVE.value),
            scope.readable(reach),
            living(utc_now()),
        )
    )
    allowed = gate(scope, visible)
    found: list[Moment] = []
    async for record in scanned(engine, scope.namespace, visible):
        if allowed(record):
            found.append(Moment(record.occurred_at or record.created_at, "record", record))
        if len(found) > MOST:
            raise InvalidInput(f"more than {MOST:,} records: say since when and until when")
    return found


def _between(name: str, since: datetime | None, until: datetime | None) -> list[Filter]:
    parts: list[Filter] = []
    if since is not None:
        parts.append(Gte(name, since))
    if until is not None:
        parts.append(Lt(name, until))
    return parts
