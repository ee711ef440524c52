"""Reading facts: what was true on a day, and what was believed on a day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from memkit.clock import utc_now
from memkit.errors import InvalidInput
from memkit.facts.asserting import KEPT, KIND, OBJECT_MAX, SUBJECT_MAX, name_of
from memkit.facts.deriving import Segment, known, segments, strength
from memkit.facts.predicates import DEFAULTS, Predicate, declared, predicate_name
from memkit.filters import And, Eq, Exists, Filter, In, Or
from memkit.places import place_of
from memkit.retrieval.gating import gate
from memkit.scope import Reach, Scope
from memkit.selection import living
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

#: The most facts that one question goes through.
MOST = 100_000


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact over a stretch of time in which it held.

    Attributes:
        record: the record that says it.
        valid_from, valid_to: when it held, ``[valid_from, valid_to)``; ``None``: without end.
        known_from, known_to: when it was believed: from when it was stored until it was withdrawn.
        ended_by: the id of the fact that took its place, if one did.
        reason: why it ended, in words; ``None`` while it has not.
    """

    record: MemoryRecord
    valid_from: datetime
    valid_to: datetime | None
    known_from: datetime
    known_to: datetime | None
    ended_by: str | None = None
    reason: str | None = None

    @property
    def id(self) -> str:
        """The id of the record that says it."""
        return self.record.id

    @property
    def subject(self) -> str:
        """Whom it is about."""
        return self.record.subject or ""

    @property
    def predicate(self) -> str:
        """What is said of them."""
        return self.record.predicate or ""

    @property
    def object(self) -> str:
        """The value."""
        return self.record.object or ""


async def facts(
    engine: Engine,
    scope: Scope,
    *,
    subject: str | None,
    predicate: str | None,
    object: str | None,
    as_of: datetime | None,
    known_at: datetime | None,
    history: bool,
    reach: Reach,
    limit: int,
) -> list[Fact]:
    """The facts that hold at a moment, as was known at another; see ``AsyncMemory.facts``."""
    rules = {**DEFAULTS, **await declared(engine, scope.namespace)}
    groups = await _groups(engine, scope, reach, rules, subject, predicate, object)
    moment = as_of or known_at or utc_now()
    found: list[Fact] = []
    for records in groups:
        name = records[0].predicate or ""
        rule = rules.get(name) or Predicate(name)
        for segment in segments(known(records, known_at), single=rule.single):
            if object is not None and not _about(segment.record, subject, object, rule):
                continue
            if history or segment.covers(moment):
                found.append(_fact(segment))
    found.sort(key=lambda fact: (fact.valid_from, strength(fact.record)), reverse=not history)
    return found[:limit]


def _about(record: MemoryRecord, subject: str | None, value: str, rule: Predicate) -> bool:
    wanted = name_of(value, "object", OBJECT_MAX)
    return record.object == wanted or (rule.symmetric and record.subject == wanted)


def _fact(segment: Segment) -> Fact:
    record = segment.record
    reason = None
    if segment.by is not None:
        by = segment.by
        reason = f"{by.subject} {by.predicate} {by.object} from {segment.end:%Y-%m-%d}"
    elif segment.end is not None:
        reason = "it was said to end then"
    return Fact(
        record,
        segment.start,
        segment.end,
        record.created_at,
        record.retracted_at,
        None if segment.by is None else segment.by.id,
        reason,
    )


async def _groups(
    engine: Engine,
    scope: Scope,
    reach: Reach,
    rules: dict[str, Predicate],
    subject: str | None,
    predicate: str | None,
    object_: str | None,
) -> list[list[MemoryRecord]]:
    """Whole groups of assertions in which the answer lies."""
    asked: list[Filter] = []
    if predicate is not None:
        asked.append(Eq("predicate", predicate_name(predicate)))
    mirrored = tuple(name for name, rule in rules.items() if rule.symmetric)
    if subject is not None:
        name = name_of(subject, "subject", SUBJECT_MAX)
        both = And((Eq("object", name), In("predicate", mirrored)))
        asked.append(Or((Eq("subject", name), both)))
    elif object_ is not None:
        value = name_of(object_, "object", OBJECT_MAX)
        either = And((Eq("subject", value), In("predicate", mirrored)))
        hits = await _scanned(engine, scope, reach, [*asked, Or((Eq("object", value), either))])
        subjects = tuple({record.subject for record in hits if record.subject is not None})
        if not subjects:
            return []
        asked.append(In("subject", subjects))
    gathered: defaultdict[tuple[str, str, str], list[MemoryRecord]] = defaultdict(list)
    for record in await _scanned(engine, scope, reach, asked):
        gathered[place_of(record), record.subject or "", record.predicate or ""].append(record)
    return list(gathered.values())


async def _scanned(
    engine: Engine, scope: Scope, reach: Reach, asked: Sequence[Filter]
) -> list[MemoryRecord]:
    engine.require_open()
    visible = And(
        (
            *asked,
            Eq("kind", KIND),
            Exists("subject"),
            In("state", KEPT),
            scope.readable(reach),
            living(utc_now()),
        )
    )
    allowed = gate(scope, visible)
    found: list[MemoryRecord] = []
    cursor: str | None = None
    while True:
        page = await engine.backend.scan(scope.namespace, visible, cursor=cursor, limit=1000)
        found += [item.record for item in page.items if allowed(item.record)]
        if len(found) > MOST:
            raise InvalidInput(f"more than {MOST:,} facts: name the subject or the predicate")
        cursor = page.cursor
        if cursor is None:
            return found


def timeline(found: Iterable[Fact], since: datetime | None, until: datetime | None) -> list[Fact]:
    """Of facts over time those that began or ended between two moments, in order."""
    return [
        fact
        for fact in found
        if (until is None or fact.valid_from < until)
        and (since is None or fact.valid_to is None or fact.valid_to > since)
    ]
