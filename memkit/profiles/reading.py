"""Reading what a profile is made of: a few listings, each kept while nothing of its sort changes.

Nothing is embedded or searched for. Of each kind the newest records are looked at; what is pinned
or was added by hand is found beyond them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from memkit.clock import utc_now
from memkit.facts.asking import Asked, Fact, facts, rule_in
from memkit.facts.deriving import Segment, begins, known, segments
from memkit.facts.predicates import DEFAULTS, Predicate, declared
from memkit.facts.settling import Group, circle_of, is_fact, scanned
from memkit.filters import And, ContainsAny, Eq, Filter, In
from memkit.profiles.keeping import Made, Sort, kept
from memkit.profiles.shape import KINDS, TAG, Section, section_of
from memkit.protocols import Order
from memkit.recalling import standing_at
from memkit.retrieval.gating import gate
from memkit.scope import Scope
from memkit.types import MemoryRecord, State

if TYPE_CHECKING:
    from memkit.engine import Engine

#: The predicate that says under what other name somebody is known.
ALIAS: Final = "also_known_as"
#: Facts about one subject that are gone through, at most.
MOST: Final = 10_000
#: Of each kind so many of the newest are looked at.
NEWEST: Final = 60
_NEWEST_FIRST = Order("created_at", descending=True)
_PINNED = Eq("pinned", True)
_MANUAL = ContainsAny("tags", (TAG,))
_FACT = KINDS[Section.FACTS]
_FACTS = Sort("facts", lambda record: record.kind == _FACT)
_HELD = Sort("held", lambda record: record.pinned or TAG in record.tags)


async def held(engine: Engine, scope: Scope) -> Sequence[MemoryRecord]:
    """What is pinned or was added by hand, but constraints and facts."""
    found = await _marked(engine, scope)
    return [each for each in found if section_of(each) not in (Section.CONSTRAINTS, Section.FACTS)]


async def _marked(engine: Engine, scope: Scope) -> Sequence[MemoryRecord]:
    async def read() -> Made[Sequence[MemoryRecord]]:
        pinned = await _newest(engine, scope, _PINNED)
        return _made([*pinned, *await _newest(engine, scope, _MANUAL)])

    return await kept(engine, scope.namespace, _HELD, scope, read)


async def newest(engine: Engine, scope: Scope, section: Section) -> Sequence[MemoryRecord]:
    """The newest records of a section's kind."""
    kind = KINDS[section]

    async def read() -> Made[Sequence[MemoryRecord]]:
        return _made(await _newest(engine, scope, Eq("kind", kind)))

    return await kept(
        engine, scope.namespace, Sort(kind, lambda record: record.kind == kind), scope, read
    )


async def holding(engine: Engine, scope: Scope, subject: str | None) -> Sequence[MemoryRecord]:
    """The facts that hold now; those about a subject by any of its names."""
    rules = {**DEFAULTS, **await declared(engine, scope.namespace)}

    async def read() -> Made[Sequence[MemoryRecord]]:
        now = utc_now()
        found = await (
            _listed(engine, scope, rules) if subject is None else _about(engine, scope, subject)
        )
        holds = {each.record.id: each.record for each in found if each.covers(now)}
        moments = [
            moment
            for each in found
            for moment in (each.start, each.end, each.record.expires_at)
            if moment is not None and now < moment
        ]
        records = [each.record for each in found]
        return Made(list(holds.values()), records, min(moments, default=None))

    said = frozenset(rule for rule in rules.values() if rule.declared)
    return await kept(engine, scope.namespace, _FACTS, (scope, subject, said), read)


async def _about(engine: Engine, scope: Scope, subject: str) -> list[Segment]:
    """When the facts about a subject hold."""
    found: list[Segment] = []
    for name in await _names(engine, scope, subject):
        asked = Asked(subject=name, history=True)
        for each in await facts(engine, scope, asked, MOST):
            if each.predicate == ALIAS or each.record.state != State.ACTIVE:
                continue
            found.append(Segment(each.record, each.valid_from, each.valid_to))
    return found


async def _names(engine: Engine, scope: Scope, subject: str) -> list[str]:
    """The names of a subject, the one that was given first."""
    asked = Asked(predicate=ALIAS)
    others: list[Fact] = await facts(engine, scope, replace(asked, subject=subject), NEWEST)
    others += await facts(engine, scope, replace(asked, object=subject), NEWEST)
    return list(
        dict.fromkeys((subject, *(name for each in others for name in (each.subject, each.object))))
    )


async def _listed(engine: Engine, scope: Scope, rules: Mapping[str, Predicate]) -> list[Segment]:
    """When the newest facts hold, and those that are pinned or were added by hand."""
    newest = await _newest(engine, scope, Eq("kind", _FACT))
    marked = [each for each in await _marked(engine, scope) if each.kind == _FACT]
    found: list[Segment] = []
    groups: defaultdict[tuple[str, ...], list[MemoryRecord]] = defaultdict(list)
    subjects: set[str] = set()
    predicates: set[str] = set()
    for record in {each.id: each for each in (*newest, *marked)}.values():
        rule = rule_in(rules, record)
        if not is_fact(record) or not rule.single:
            found.append(Segment(record, begins(record), record.valid_to))
        elif rule.symmetric:
            # Whoever is joined to it by others decides too.
            group = (await Group.of(engine, record, rule)).records
            shown = segments(known(group, None), single=True, symmetric=True)
            found += [each for each in shown if each.record.id == record.id]
        else:
            groups[_group(record)].append(record)
            subjects.add(record.subject or "")
            predicates.add(record.predicate or "")
    if groups:
        # A state may be off, because time passed or a writer was stopped: all that may hold are
        # looked at together.
        rivals = And(
            (
                In("subject", tuple(sorted(subjects))),
                In("predicate", tuple(sorted(predicates))),
                *_active(scope, Eq("kind", _FACT)).parts,
            )
        )
        allowed = gate(scope, rivals)
        async for record in scanned(engine, scope.namespace, rivals):
            key = _group(record)
            if key in groups and allowed(record):
                groups[key].append(record)
    for records in groups.values():
        alone = {record.id: record for record in records}
        found += segments(known(alone.values(), None), single=True)
    return found


def _group(record: MemoryRecord) -> tuple[str, ...]:
    return circle_of(record), record.predicate or "", record.subject or ""


async def _newest(engine: Engine, scope: Scope, *wanted: Filter) -> list[MemoryRecord]:
    visible = _active(scope, *wanted)
    page = await engine.backend.scan(scope.namespace, visible, order=_NEWEST_FIRST, limit=NEWEST)
    allowed = gate(scope, visible)
    return [item.record for item in page.items if allowed(item.record)]


def _active(scope: Scope, *wanted: Filter) -> And:
    return And((*wanted, standing_at(None, utc_now()), scope.readable()))


def _made(records: Sequence[MemoryRecord]) -> Made[Sequence[MemoryRecord]]:
    ends = (each.expires_at for each in records if each.expires_at is not None)
    return Made(records, records, min(ends, default=None))
