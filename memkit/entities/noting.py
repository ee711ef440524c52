"""Stamping records that were stored before names were looked for, or with another finder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from memkit.errors import RecordNotFound, VersionConflict
from memkit.filters import And, Exists, Filter, Gt, In, Not
from memkit.hints import UNSEEN
from memkit.protocols import Order, Patch
from memkit.scope import Reach, Scope
from memkit.types import State

if TYPE_CHECKING:
    from memkit.engine import Engine

Progress = Callable[[int, int | None], None]

_BATCH: Final = 200
_STATES: Final = tuple(state.value for state in State)


@dataclass(frozen=True, slots=True)
class Noted:
    """What a pass over records did.

    Attributes:
        looked: how many records were looked at.
        stamped: how many have other names than before.
        cursor: where to go on if ``limit`` was reached; ``None``: all were looked at.
    """

    looked: int
    stamped: int
    cursor: str | None


async def note_entities(
    engine: Engine,
    scope: Scope,
    *,
    again: bool = False,
    after: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Noted:
    """Stamp records of a scope and below with their names; see ``AsyncMemory.note_entities``."""
    engine.require_open()
    parts: list[Filter] = [In("state", _STATES)]
    place = scope.place(Reach.SUBTREE)
    if place is not None:
        parts.append(place)
    if not again:
        parts.append(Not(Exists("entities")))
    total = (await engine.backend.count(scope.namespace, _after(parts, after))).get("", 0)
    total = total if limit is None else min(limit, total)
    looked = stamped = 0
    while limit is None or looked < limit:
        # By id from the last one on: what is stamped leaves the selection under way.
        page = await engine.backend.scan(
            scope.namespace,
            _after(parts, after),
            order=Order("id", descending=False),
            limit=_BATCH if limit is None else min(_BATCH, limit - looked),
        )
        records = [item.record for item in page.items]
        if not records:
            return Noted(looked, stamped, None)
        for record, new in zip(records, await engine.named(records), strict=True):
            if new.entities == record.entities:
                continue
            try:
                # A mark that was derived: neither a new version nor an event.
                await engine.write((Patch(new, record.version, about=UNSEEN),))
                stamped += 1
            except (VersionConflict, RecordNotFound):
                # Whoever changed it meanwhile has given it its names.
                continue
        looked += len(records)
        after = records[-1].id
        if progress is not None:
            progress(looked, max(total, looked))
    return Noted(looked, stamped, after)


def _after(parts: list[Filter], after: str | None) -> Filter:
    return And(tuple(parts) if after is None else (*parts, Gt("id", after)))
