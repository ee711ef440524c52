"""The entities of a scope: whom and what its records name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memkit.clock import utc_now
from memkit.entities.aliases import Names, aliases, key_of
from memkit.entities.searching import like
from memkit.filters import And, ContainsAny, Eq, Filter, Ne
from memkit.naming import ALSO_KNOWN_AS
from memkit.scope import Reach, Scope
from memkit.selection import living
from memkit.types import State

if TYPE_CHECKING:
    from memkit.engine import Engine


@dataclass(frozen=True, slots=True)
class Entity:
    """Somebody or something that records name.

    Attributes:
        name: what it is called; of several names the one that its aliases were said of.
        aliases: its other names.
        records: how many active records name it, by any of its names.
        likeness: how like it is to what was looked for, 0 to 1; 1 where nothing was.
    """

    name: str
    aliases: tuple[str, ...]
    records: int
    likeness: float = 1.0


def naming(scope: Scope, reach: Reach, *parts: Filter) -> Filter:
    """The filter of the active records of a scope that are what ``parts`` say, aliases apart."""
    active = Eq("state", State.ACTIVE.value)
    told = Ne("predicate", ALSO_KNOWN_AS)
    return And((scope.readable(reach), active, told, living(utc_now()), *parts))


async def known_names(engine: Engine, scope: Scope, reach: Reach) -> Names:
    """The names that records of a scope bear, and which of them are one entity's."""
    engine.require_open()
    counts = await engine.backend.count(scope.namespace, naming(scope, reach), by="entities")
    return Names(await aliases(engine, scope, reach), counts)


async def entities(
    engine: Engine, scope: Scope, query: str | None, *, reach: Reach, limit: int
) -> list[Entity]:
    """The entities that records of a scope name; see ``AsyncMemory.entities``."""
    names = await known_names(engine, scope, reach)
    if query is None:
        ordered = sorted(names.keys(), key=lambda key: (-names.count(key), key))
        scored = [(key, 1.0) for key in ordered]
    else:
        # Several names may be one entity's.
        scored = like(key_of(query), names.keys(), 4 * limit)
    groups: dict[tuple[str, ...], float] = {}
    for key, score in scored:
        group = names.group(key)
        groups[group] = max(score, groups.get(group, 0.0))
        if query is not None and len(groups) == limit:
            break
    ranked = list(groups.items())
    if query is None:
        # By all names together; what they share is counted twice until the best are known.
        ranked.sort(key=lambda each: -sum(names.count(key) for key in each[0]))
    found = []
    for group, score in ranked[:limit]:
        found.append(await _entity(engine, scope, reach, names, group, score))
    found.sort(key=lambda each: (-each.likeness, -each.records))
    return found


async def _entity(
    engine: Engine,
    scope: Scope,
    reach: Reach,
    names: Names,
    group: tuple[str, ...],
    score: float,
) -> Entity:
    written = names.spellings(group)
    count = sum(names.count(key) for key in group)
    if sum(names.written(each) > 0 for each in written) > 1:
        # Whoever bears two of them counts once.
        one = naming(scope, reach, ContainsAny("entities", written))
        count = (await engine.backend.count(scope.namespace, one)).get("", 0)
    first, *others = [names.spelt(key) for key in group]
    return Entity(first, tuple(others), count, score)
