"""Events of a store without a change feed: what was updated since, looked for again and again.

Clocks of writers differ, so each look goes back a while and passes over what was told already.
What leaves no record behind, an erasure, cannot be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from memkit.backing.times import micros, moment
from memkit.clock import utc_now
from memkit.events.cursors import Mark, cursor_text
from memkit.events.feeding import BATCH, event_of
from memkit.events.selecting import Selection
from memkit.filters import And, Filter, Gte
from memkit.hints import is_message
from memkit.protocols import Order
from memkit.types import Event, EventType, MemoryRecord, State

if TYPE_CHECKING:
    from memkit.engine import Engine

#: By so much the clocks of writers may differ without anything being missed.
OVERLAP = timedelta(seconds=60)
_ORDER = Order("updated_at", descending=False)
_STATES = {
    State.SUPERSEDED.value: EventType.SUPERSEDED,
    State.FORGOTTEN.value: EventType.FORGOTTEN,
}


class PollSource:
    """Looks for records by the time of their last change."""

    #: There is no feed, so there are no positions.
    position = 0

    def __init__(self, engine: Engine, selected: Selection, after: Mark | None) -> None:
        self._engine = engine
        self._selected = selected
        self._after = after
        self._since = utc_now()
        self._told: dict[str, tuple[int, datetime]] = {}

    def cursor(self) -> str:
        """Where to go on after everything that was read."""
        return cursor_text(Mark(None, micros(self._since)))

    async def start(self) -> None:
        """Find the place to read from: nothing before now is told, unless a cursor says so."""
        if self._after is not None and self._after.store is None:
            self._since = moment(min(self._after.at, micros(self._since)))
            return
        while records := await self._changed():
            self._take(records)

    async def read(self) -> Sequence[Event]:
        """The next events, or none if there are none yet."""
        shown = self._selected.gate()
        while records := await self._changed():
            self._take(records)
            events = [
                self._event(record)
                for record in records
                if shown(record) and _type(record) in self._selected.kinds
            ]
            if events:
                return events
        return ()

    def _event(self, record: MemoryRecord) -> Event:
        at = min(record.updated_at, self._since)
        cursor = cursor_text(Mark(None, micros(at)))
        return event_of(cursor, _type(record), record.updated_at, record)

    async def _changed(self) -> list[MemoryRecord]:
        """Records that changed since, and were not told as they are now."""
        wanted: Filter = And((self._selected.wanted, Gte("updated_at", self._since - OVERLAP)))
        cursor: str | None = None
        while True:
            page = await self._engine.backend.scan(
                self._selected.scope.namespace, wanted, order=_ORDER, cursor=cursor, limit=BATCH
            )
            records = [item.record for item in page.items]
            fresh = [
                record
                for record in records
                if self._told.get(record.id) != (record.version, record.updated_at)
            ]
            cursor = page.cursor
            if fresh or cursor is None:
                return fresh

    def _take(self, records: Sequence[MemoryRecord]) -> None:
        for record in records:
            self._told[record.id] = (record.version, record.updated_at)
        # A writer whose clock is ahead must not hide the others.
        newest = max(record.updated_at for record in records)
        self._since = max(self._since, min(newest, utc_now()))
        kept = self._since - OVERLAP
        self._told = {id_: each for id_, each in self._told.items() if each[1] >= kept}


def _type(record: MemoryRecord) -> EventType:
    if record.state in _STATES:
        return _STATES[record.state]
    if record.version > 1:
        return EventType.UPDATED
    return EventType.MESSAGE if is_message(record.tags) else EventType.CREATED
