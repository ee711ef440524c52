"""What is recalled of facts: their states are looked at again before they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from memkit.clock import utc_now
from memkit.facts.asking import rule_in
from memkit.facts.predicates import DEFAULTS, declared
from memkit.facts.settling import Group, changes, groups_of, is_fact, settle
from memkit.scope import Scope
from memkit.types import MemoryRecord, RecallResult, State

if TYPE_CHECKING:
    from memkit.engine import Engine
    from memkit.recalling import Query

_AGAIN = 2
_DERIVED = (State.ACTIVE.value, State.SUPERSEDED.value)


async def recall(engine: Engine, scope: Scope, query: Query) -> RecallResult:
    """The records of a scope that answer a query best, of facts those that hold.

    Where a state is off it is set right, and what is asked is looked for again: something else
    may hold by now.
    """
    result, right = await _looked(engine, scope, query)
    for _ in range(_AGAIN):
        if not right:
            return result
        result, right = await _looked(engine, scope, query)
    # A store that is only read, or facts that keep changing: what is off is not shown.
    hits = [replace(hit, record=right.get(hit.record.id, hit.record)) for hit in result]
    return replace(result, hits=tuple(hit for hit in hits if hit.record.state in query.states))


async def _looked(
    engine: Engine, scope: Scope, query: Query
) -> tuple[RecallResult, dict[str, MemoryRecord]]:
    """What is found, and the records whose states had to be set right."""
    result = await engine.recall(scope, query)
    if query.as_of is not None:
        return result, {}
    return result, await _right(engine, scope, [hit.record for hit in result])


async def _right(
    engine: Engine, scope: Scope, shown: Iterable[MemoryRecord]
) -> dict[str, MemoryRecord]:
    """The records of groups of which a state was off, as they are once it is set right."""
    facts = [each for each in shown if is_fact(each) and each.state in _DERIVED]
    facts = [each for each in facts if each.retracted_at is None]
    if not facts:
        return {}
    rules = {**DEFAULTS, **await declared(engine, scope.namespace)}
    now = utc_now()
    alone: list[MemoryRecord] = []
    joined: list[MemoryRecord] = []
    groups: list[list[MemoryRecord]] = []
    for record in facts:
        rule = rule_in(rules, record)
        if not rule.single:
            # Of many values each stands for itself: no other need be read.
            groups.append([record])
        else:
            (joined if rule.symmetric else alone).append(record)
    groups += await groups_of(engine, alone)
    for record in joined:
        groups.append((await Group.of(engine, record, rule_in(rules, record))).records)
    right: dict[str, MemoryRecord] = {}
    for records in groups:
        if records and changes(records, now, rule_in(rules, records[0])):
            right |= await settle(engine, records[:1])
    return right
