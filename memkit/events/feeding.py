"""Events from a change feed: nothing is missed, whoever wrote it and whenever it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from memkit.clock import utc_now
from memkit.events.cursors import Mark, cursor_text
from memkit.events.selecting import Selection
from memkit.hints import erased_fields, hinted_event, is_message
from memkit.protocols import Change, ChangeFeed
from memkit.types import Event, EventType, MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

#: Changes that are read at once; so many events at most wait for their reader.
BATCH = 200
# A standby may be behind what its primary has told: so long it is waited for.
_LAG_SECONDS = 5.0
_LAG_STEP = 0.1


class FeedSource:
    """Reads a change feed on from a mark."""

    def __init__(self, engine: Engine, selected: Selection, after: Mark | None) -> None:
        feed = engine.pulse.feed
        assert feed is not None
        self._engine = engine
        self._feed: ChangeFeed = feed
        self._store = engine.info.identity
        self._selected = selected
        self._after = after
        self._reset = False
        self.position = 0

    def cursor(self) -> str:
        """Where to go on after everything that was read."""
        return self._cursor(self.position)

    def _cursor(self, position: int) -> str:
        return cursor_text(Mark(self._store, position))

    async def start(self) -> None:
        """Find the place to read from."""
        newest = await self._feed.position()
        after = self._after
        if after is None:
            self.position = newest
            return
        for _ in range(round(_LAG_SECONDS / _LAG_STEP)):
            if after.store != self._store or after.at <= newest:
                break
            await asyncio.sleep(_LAG_STEP)
            newest = await self._feed.position()
        self._reset = after.store != self._store or after.at > newest
        self.position = newest if self._reset else after.at

    async def read(self) -> Sequence[Event]:
        """The next events, up to :data:`BATCH`, or none if there are none yet.

        It goes on only when it is done: a cancelled call is repeated as it was.
        """
        while True:
            newest = await self._feed.position()
            if self._reset:
                return self._begin_anew(newest)
            if newest <= self.position:
                return ()
            changes = await self._feed.changes(self._selected.scope.namespace, self.position, BATCH)
            if await self._feed.oldest() > self.position:
                return self._begin_anew(newest)
            events = await self._events(changes)
            if len(changes) == BATCH:
                self.position = changes[-1].position
            else:
                # What was committed after ``newest`` was looked at may be among them.
                self.position = max(newest, *(each.position for each in changes), 0)
            if events:
                return events

    def _begin_anew(self, newest: int) -> Sequence[Event]:
        self._reset = False
        self.position = newest
        return [Event(self._cursor(newest), EventType.RESET.value, "", utc_now())]

    async def _events(self, changes: Sequence[Change]) -> Sequence[Event]:
        if not changes:
            return ()
        ids = dict.fromkeys(each.id for each in changes if each.op != "delete")
        found = await self._engine.backend.get(self._selected.scope.namespace, list(ids))
        shown = self._selected.gate()
        records = {id_: item.record for id_, item in found.items() if shown(item.record)}
        events = []
        for change in changes:
            event = self._event(change, records.get(change.id))
            if event is not None and event.type in self._selected.kinds:
                events.append(event)
        return events

    def _event(self, change: Change, record: MemoryRecord | None) -> Event | None:
        cursor = self._cursor(change.position)
        if change.op == "delete":
            fields = erased_fields(change.about)
            if fields is None or not self._selected.tells_erased(change.id, change.at, fields):
                return None
            fields.pop("visibility")
            return Event(cursor, EventType.ERASED.value, change.id, change.at, None, **fields)
        if record is None:
            return None
        type_: EventType | None
        if change.op == "put":
            type_ = EventType.MESSAGE if is_message(record.tags) else EventType.CREATED
        else:
            type_ = hinted_event(change.about, EventType.UPDATED)
        return None if type_ is None else event_of(cursor, type_, change.at, record)


def event_of(cursor: str, type_: EventType, at: datetime, record: MemoryRecord) -> Event:
    """An event of a record that is there."""
    return Event(
        cursor,
        type_.value,
        record.id,
        at,
        record,
        record.project,
        record.task,
        record.agent,
        record.tags,
    )
