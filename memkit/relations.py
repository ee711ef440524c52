"""Traversal of links: breadth first, bounded, never out of what the scope shows."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from memkit.clock import utc_now
from memkit.errors import InvalidInput
from memkit.filters import And, ContainsAny, Eq
from memkit.scope import Scope
from memkit.selection import living
from memkit.types import Link, MemoryRecord, Related, State

if TYPE_CHECKING:
    from memkit.engine import Engine

DEPTH_MAX = 6
DIRECTIONS = ("out", "in", "both")


async def related(
    engine: Engine,
    scope: Scope,
    id_: str,
    *,
    types: Collection[str] | None,
    depth: int,
    direction: str,
    limit: int,
) -> list[Related]:
    """The records reached from one over links, nearest first, each once.

    A path leads only over records that the scope shows; cycles end it.
    """
    if direction not in DIRECTIONS:
        raise InvalidInput(f"direction is one of {', '.join(DIRECTIONS)}")
    start = (await engine.one(scope, id_)).record
    reached: dict[str, Related] = {}
    frontier: dict[str, tuple[MemoryRecord, tuple[Link, ...]]] = {id_: (start, ())}
    for level in range(1, depth + 1):
        steps: list[tuple[str, tuple[Link, ...]]] = []
        if direction != "in":
            steps += [
                (edge.target, (*path, edge))
                for record, path in frontier.values()
                for edge in record.links
                if types is None or edge.type in types
            ]
        if direction != "out":
            steps += await _incoming(engine, scope, frontier, types, limit)
        fresh: dict[str, tuple[Link, ...]] = {}
        for target, path in steps:
            if target != id_ and target not in reached:
                fresh.setdefault(target, path)
        found = await engine.visible(scope, fresh)
        frontier = {}
        for target, path in fresh.items():
            item = found.get(target)
            if item is None or item.record.state != State.ACTIVE:
                continue
            reached[target] = Related(item.record, level, path)
            frontier[target] = (item.record, path)
            if len(reached) == limit:
                return list(reached.values())
        if not frontier:
            break
    return list(reached.values())


async def _incoming(
    engine: Engine,
    scope: Scope,
    frontier: dict[str, tuple[MemoryRecord, tuple[Link, ...]]],
    types: Collection[str] | None,
    limit: int,
) -> list[tuple[str, tuple[Link, ...]]]:
    wanted = And(
        (
            scope.accessible(),
            Eq("state", State.ACTIVE.value),
            living(utc_now()),
            ContainsAny("link_to", tuple(frontier)),
        )
    )
    steps: list[tuple[str, tuple[Link, ...]]] = []
    cursor: str | None = None
    while True:
        page = await engine.backend.scan(scope.namespace, wanted, cursor=cursor, limit=200)
        steps += [
            (item.record.id, (*frontier[edge.target][1], edge))
            for item in page.items
            for edge in item.record.links
            if edge.target in frontier and (types is None or edge.type in types)
        ]
        cursor = page.cursor
        if cursor is None or len(steps) > 10 * limit:
            return steps
