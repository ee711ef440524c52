"""Dossiers: all that is known of one entity, as data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from memkit.clock import utc_now
from memkit.entities.aliases import NAMES_MOST, Names, key_of
from memkit.entities.listing import known_names, naming
from memkit.entities.searching import like
from memkit.facts.asking import MOST, Asked, Fact, facts
from memkit.facts.asserting import name_of
from memkit.facts.timeline import Moment, timeline
from memkit.filters import And, ContainsAny, Filter
from memkit.naming import ALSO_KNOWN_AS, NAME_MAX
from memkit.protocols import Order
from memkit.scope import Reach, Scope
from memkit.types import MemoryRecord, kind_defaults

if TYPE_CHECKING:
    from memkit.engine import Engine

#: The best records are chosen among so many of the newest.
_LOOKED: Final = 200
#: Names that are like the one asked for, where it is not known.
_NEAR: Final = 5


@dataclass(frozen=True, slots=True)
class Companion:
    """An entity that is named beside another, and in how many records."""

    name: str
    records: int


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is known of an entity.

    Attributes:
        name: what it is called; of several names the one that its aliases were said of.
        aliases: its other names.
        records: how many active records name it, by any of its names; ``kinds``: how many of each
            kind.
        first_seen, last_seen: when the oldest and the newest of them were stored.
        facts: what holds of it, as subject or as object, the newest first; aliases left out.
        memories: records that name it, the best first: pinned ones, then by confidence, age and
            feedback; facts that are told above left out.
        timeline: the last things that happened to it, in order of time.
        related: entities that are most often named beside it.
        near: where nothing is known of the name: names that are like it.
    """

    name: str
    aliases: tuple[str, ...] = ()
    records: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    facts: tuple[Fact, ...] = ()
    memories: tuple[MemoryRecord, ...] = ()
    timeline: tuple[Moment, ...] = ()
    related: tuple[Companion, ...] = ()
    near: tuple[str, ...] = ()


async def dossier(
    engine: Engine, scope: Scope, entity: str, *, reach: Reach, limit: int
) -> Dossier:
    """What is known of an entity; see ``AsyncMemory.dossier``."""
    asked = name_of(entity, "entity", NAME_MAX)
    names = await known_names(engine, scope, reach)
    group = names.group(asked)
    written = tuple(dict.fromkeys((*names.spellings(group), asked)))
    first, *others = [names.spelt(key) if names.spellings((key,)) else asked for key in group]
    named = naming(scope, reach, ContainsAny("entities", written))
    kinds = await engine.backend.count(scope.namespace, named, by="kind")
    told = await _facts(engine, scope, written, reach, limit)
    if not kinds and not told:
        near = [names.spelt(key) for key, _ in like(key_of(asked), names.keys(), _NEAR)]
        return Dossier(asked, near=tuple(near))
    shown = {fact.id for fact in told}
    newest = await _scan(engine, scope, named, _LOOKED, newest_first=True)
    oldest = await _scan(engine, scope, named, 1, newest_first=False)
    memories = [record for record in newest if record.id not in shown]
    now = utc_now()
    memories.sort(key=lambda record: _worth(record, now), reverse=True)
    return Dossier(
        name=first,
        aliases=tuple(others),
        records=sum(kinds.values()),
        kinds=dict(sorted(kinds.items(), key=lambda each: (-each[1], each[0]))),
        first_seen=oldest[0].created_at if oldest else None,
        last_seen=newest[0].created_at if newest else None,
        facts=told,
        memories=tuple(memories[:limit]),
        timeline=await _timeline(engine, scope, written, reach, limit),
        related=await _companions(engine, scope, named, names, group, limit),
    )


async def _facts(
    engine: Engine, scope: Scope, written: Sequence[str], reach: Reach, limit: int
) -> tuple[Fact, ...]:
    found: dict[str, Fact] = {}
    for name in written:
        for asked in (Asked(subject=name, reach=reach), Asked(object=name, reach=reach)):
            for fact in await facts(engine, scope, asked, limit + NAMES_MOST):
                if fact.predicate != ALSO_KNOWN_AS:
                    found.setdefault(fact.id, fact)
    newest = sorted(found.values(), key=lambda fact: (fact.valid_from, fact.id), reverse=True)
    return tuple(newest[:limit])


async def _timeline(
    engine: Engine, scope: Scope, written: Sequence[str], reach: Reach, limit: int
) -> tuple[Moment, ...]:
    found: dict[tuple[str, str, datetime], Moment] = {}
    for name in written:
        for moment in await timeline(
            engine, scope, name, since=None, until=None, reach=reach, limit=2 * MOST
        ):
            if moment.record.predicate != ALSO_KNOWN_AS:
                found[moment.record.id, moment.what, moment.at] = moment
    ordered = sorted(found.values(), key=lambda each: (each.at, each.what == "begins"))
    return tuple(ordered[-limit:])


async def _companions(
    engine: Engine,
    scope: Scope,
    named: Filter,
    names: Names,
    group: tuple[str, ...],
    limit: int,
) -> tuple[Companion, ...]:
    beside = await engine.backend.count(scope.namespace, named, by="entities")
    written: defaultdict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for name, count in beside.items():
        other = names.group(name)
        if other != group:
            written[other][name] = count
    ranked = sorted(written, key=lambda other: (-sum(written[other].values()), other))
    found = []
    for other in ranked[:limit]:
        count = sum(written[other].values())
        if len(written[other]) > 1:
            # Whoever bears two of its names counts once.
            both = And((named, ContainsAny("entities", tuple(written[other]))))
            count = (await engine.backend.count(scope.namespace, both))[""]
        found.append(Companion(names.spelt(other[0]), count))
    return tuple(sorted(found, key=lambda each: -each.records))


async def _scan(
    engine: Engine, scope: Scope, named: Filter, most: int, *, newest_first: bool
) -> list[MemoryRecord]:
    order = Order("created_at", descending=newest_first)
    page = await engine.backend.scan(scope.namespace, named, order=order, limit=most)
    return [item.record for item in page.items]


def _worth(record: MemoryRecord, now: datetime) -> tuple[bool, float, str]:
    """How much a record says of an entity now: pinned, then sure, fresh and found useful."""
    half_life = kind_defaults(record.kind).half_life_days
    age = max(0.0, (now - (record.occurred_at or record.created_at)).total_seconds() / 86_400)
    fresh = 1.0 if half_life is None else 0.5 + 0.5 * 0.5 ** (age / half_life)
    judged = (1 + record.useful) / (1 + record.useful + record.useless)
    return record.pinned, record.confidence * fresh * (0.5 + 0.5 * judged), record.id
