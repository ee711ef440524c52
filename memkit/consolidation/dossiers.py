"""Dossiers: what is known of an entity that several records tell of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from memkit.clock import utc_now
from memkit.consolidation.extracting import moment_of
from memkit.consolidation.groups import DOSSIER, Group, name_of
from memkit.consolidation.homes import Window, scanned
from memkit.consolidation.steps import Step
from memkit.filters import And, ContainsAny, Eq, Exists, Filter, Gt, Or
from memkit.hints import is_message
from memkit.protocols import Order
from memkit.types import MemoryRecord, State

if TYPE_CHECKING:
    from memkit.engine import Engine

# Some hundreds at most: each is linked to, so that erasing it finds what quotes it.
#: A dossier is made of the newest records that tell of its entity, so many at most.
MEMBERS_MAX: Final = 250
#: So many facts at most.
FACTS_MAX: Final = 40
# Entities of one step.
_BATCH: Final = 20

NAMED: Final[Filter] = Exists("entities")


async def dossiers(
    engine: Engine, window: Window, min_size: int, after: str | None
) -> AsyncIterator[Step]:
    """The dossiers of a place's entities that are new, or no longer say what is known.

    Args:
        engine: the store's.
        window: which records; also those that have a summary.
        min_size: an entity that fewer records tell of has none.
        after: the last entity that was looked at.
    """
    scope, home = window.scope, window.home
    all_here = home.filter(scope)
    counted = await engine.backend.count(scope.namespace, And((all_here, NAMED)), by="entities")
    names = [
        name
        for name, count in sorted(counted.items())
        if count >= min_size and (after is None or name > after)
    ]
    if not names:
        return
    before = await _before(engine, window)
    for start in range(0, len(names), _BATCH):
        some = names[start : start + _BATCH]
        groups = []
        for name in some:
            wanted = And((all_here, ContainsAny("entities", (name,))))
            held = before.get(name, [])
            if await _still(engine, window, name, wanted, held, counted[name]):
                continue
            group = await _dossier(engine, window, name, wanted, min_size, held, counted[name])
            if group is not None:
                groups.append(group)
        yield Step(tuple(groups), len(some), after=some[-1])


async def _before(engine: Engine, window: Window) -> dict[str, list[MemoryRecord]]:
    """The dossiers that are there, by entity."""
    found: defaultdict[str, list[MemoryRecord]] = defaultdict(list)
    async for record in scanned(
        engine, window.scope.namespace, window.home.made(window.scope, DOSSIER)
    ):
        found[str(record.metadata.get("entity"))].append(record)
    return found


async def _still(
    engine: Engine,
    window: Window,
    name: str,
    wanted: Filter,
    held: list[MemoryRecord],
    count: int,
) -> bool:
    """Whether the dossier that is there was made of what there is now, and not by this run."""
    if len(held) != 1 or held[0].metadata.get("known") != count or held[0].id in window.own:
        return False
    either = Or((wanted, _told_of(window, name)))
    since = And((either, Gt("updated_at", held[0].created_at)))
    return not (await engine.backend.count(window.scope.namespace, since)).get("", 0)


async def _dossier(
    engine: Engine,
    window: Window,
    name: str,
    wanted: Filter,
    min_size: int,
    held: list[MemoryRecord],
    count: int,
) -> Group | None:
    members: list[MemoryRecord] = []
    newest = Order("created_at", descending=True)
    async for record in scanned(engine, window.scope.namespace, wanted, newest, MEMBERS_MAX):
        if not is_message(record.tags):
            members.append(record)
        if len(members) == MEMBERS_MAX:
            break
    if len(members) < min_size:
        return None
    members.sort(key=lambda record: (moment_of(record), record.id))
    facts = await _facts(engine, window, name)
    parts = sorted(f"{record.id} {record.version}" for record in (*members, *facts))
    key = name_of(DOSSIER, name, *parts)
    group = Group(
        DOSSIER,
        window.home,
        key,
        tuple(members),
        about=name,
        facts=tuple(facts),
        metadata={"entity": name, "known": count},
    )
    id_ = group.id(window.scope)
    others = tuple(record for record in held if record.id != id_)
    if len(others) < len(held) and id_ not in window.own:
        # It says this already.
        return None
    return replace(group, replaces=others)


async def _facts(engine: Engine, window: Window, name: str) -> list[MemoryRecord]:
    """What holds now of an entity, the newest first."""
    now = utc_now()
    wanted = And((_told_of(window, name), Eq("state", State.ACTIVE.value)))
    found: list[MemoryRecord] = []
    newest = Order("created_at", descending=True)
    async for record in scanned(engine, window.scope.namespace, wanted, newest, MEMBERS_MAX):
        begun = record.valid_from is None or record.valid_from <= now
        over = record.valid_to is not None and record.valid_to <= now
        if begun and not over and record.expires_at is None and not is_message(record.tags):
            found.append(record)
        if len(found) == FACTS_MAX:
            break
    return found


def _told_of(window: Window, name: str) -> Filter:
    """The filter of the facts about an entity, whatever became of them."""
    return And((window.home.visible(window.scope), Eq("kind", "fact"), Eq("subject", name)))
