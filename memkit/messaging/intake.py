"""Taking messages in: from a scan of what is there, then from the change feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memkit.backing.times import micros, moment
from memkit.clock import utc_now
from memkit.filters import And, ContainsAny, Eq, Filter, Gte, predicate
from memkit.hints import newly_on
from memkit.messaging.names import addressed, channel_tag
from memkit.messaging.states import BoxState
from memkit.protocols import Change, ChangeFeed, Order
from memkit.scope import Reach, Scope
from memkit.selection import living
from memkit.types import MemoryRecord, State

if TYPE_CHECKING:
    from memkit.engine import Engine

# By so much the clock of a sender may be behind where there is no feed, and so far a scan goes
# back when changes were dropped unread.
_OVERLAP = 3600 * 1_000_000
# Messages taken in lately that are remembered, with a feed and without one.
_LATE = 300
_LATE_UNFED = 1000
_PAGE = 500
_SCANNED_MAX = 1000
_LAG_SECONDS, _LAG_LOOKS = 0.1, 30
_OLDEST_FIRST = Order("created_at", descending=False)


@dataclass(frozen=True, slots=True)
class Box:
    """A consumer's messages on one channel, seen from a scope.

    A consumer that is not the handle's agent may be shared by several agents: it has a box for
    what is for all of them, and ``agent`` is set on that of what names one of them alone.
    """

    scope: Scope
    consumer: str
    channel: str
    agent: str | None = None

    @property
    def own(self) -> bool:
        """Whether one agent alone reads from it."""
        return self.agent is not None or self.scope.agent in (None, self.consumer)

    @property
    def wanted(self) -> Filter:
        """The filter of the channel's messages that the scope shows now."""
        return And(
            (
                self.scope.readable(Reach.ANCESTORS),
                ContainsAny("tags", (channel_tag(self.channel),)),
                Eq("state", State.ACTIVE.value),
                living(utc_now()),
            )
        )

    def gate(self) -> Callable[[MemoryRecord], bool]:
        """Whether a message belongs into this box now."""
        test = predicate(self.wanted)
        namespace = self.scope.namespace
        return lambda record: (
            record.namespace == namespace and test(record.value_of) and self._takes(record)
        )

    def _takes(self, record: MemoryRecord) -> bool:
        to = addressed(record)
        if self.agent is not None:
            return self.agent in to and self.consumer not in to
        if to:
            return self.consumer in to
        return not self.own or record.agent != self.consumer

    def gives(self, record: MemoryRecord) -> bool:
        """Whether a message in it is for the handle that asks: one's own are not."""
        agent = self.scope.agent
        return agent is None or record.agent != agent or agent in addressed(record)


class Reading:
    """What one call reads of the change feed, once for all boxes."""

    def __init__(self, engine: Engine, namespace: str) -> None:
        self._engine = engine
        self._namespace = namespace
        self._pages: dict[int, tuple[Sequence[Change], dict[str, MemoryRecord]]] = {}
        self._newest: int | None = None

    @property
    def feed(self) -> ChangeFeed | None:
        """The feed, where the store has one."""
        return self._engine.pulse.feed

    async def newest(self) -> int:
        """The newest position when this call first looked."""
        assert self.feed is not None
        if self._newest is None:
            self._newest = await self.feed.position()
        return self._newest

    async def lost(self, state: BoxState) -> bool:
        """Whether changes from the state's mark on may have been missed."""
        assert self.feed is not None
        if state.store != self._engine.info.identity:
            return True
        for _ in range(_LAG_LOOKS):
            newest = await self.newest()
            if state.mark <= newest:
                return state.mark < newest and await self.feed.oldest() > state.mark
            # Another process was here meanwhile, or a standby is behind; else the store was
            # put back to what it was some time ago.
            self._newest = None
            self._pages.clear()
            if await self.newest() < state.mark:
                await asyncio.sleep(_LAG_SECONDS)
        return True

    async def page(self, after: int) -> tuple[Sequence[Change], dict[str, MemoryRecord]]:
        """The next changes, and the records that are there of those that may be messages."""
        assert self.feed is not None
        if after not in self._pages:
            changes = await self.feed.changes(self._namespace, after, _PAGE)
            ids = dict.fromkeys(
                each.id
                for each in changes
                if each.op == "put" or (each.op == "patch" and each.about is not None)
            )
            found = await self._engine.backend.get(self._namespace, list(ids))
            self._pages[after] = changes, {id_: item.record for id_, item in found.items()}
        return self._pages[after]


class Intake:
    """Takes messages into one box."""

    def __init__(self, engine: Engine, box: Box, reading: Reading) -> None:
        self._engine = engine
        self._box = box
        self._tag = channel_tag(box.channel)
        self._reading = reading
        self._takes = box.gate()

    async def first(self) -> BoxState:
        """The state of a consumer that was never here: all that is on the channel is new."""
        state = BoxState(self._engine.info.identity)
        if self._reading.feed is not None:
            state.mark = await self._reading.newest()
        return state

    async def recover(self, state: BoxState) -> None:
        """Scan again where changes were dropped unread, or the store is another one."""
        if self._reading.feed is None or not await self._reading.lost(state):
            return
        state.store = self._engine.info.identity
        state.mark = await self._reading.newest()
        state.scanning, state.until, state.late = True, 0, []
        state.since = max(0, state.since - _OVERLAP)

    async def extend(self, state: BoxState, count: int) -> bool:
        """Take in up to ``count`` messages more; false if there are no more for now."""
        more = len(state.open) + count
        if not state.scanning:
            return await self._feed(state, more)
        if self._reading.feed is None:
            return await self._scan(state, count, _LATE_UNFED)
        while await self._feed(state, more):
            if len(state.open) >= more:
                return True
        if await self._scan(state, count, _LATE):
            return True
        state.scanning = False
        state.until = await self._reading.feed.position()
        return False

    async def _feed(self, state: BoxState, more: int) -> bool:
        newest = await self._reading.newest()
        if state.mark >= newest:
            if state.mark >= state.until and not state.scanning:
                state.late.clear()
            return False
        changes, records = await self._reading.page(state.mark)
        for change in changes:
            if len(state.open) >= more:
                return True
            state.mark = change.position
            state.skipped += 1
            record = records.get(change.id)
            if record is None or not self._is_new(change) or not self._takes(record):
                continue
            made = micros(record.created_at)
            if state.scanning:
                if made > state.since or not state.take(record.id):
                    continue
                # The scan will not come by what it has left behind.
                if made >= self._window(state, _LATE):
                    state.late.append((made, record.id))
            elif state.take(record.id):
                state.since = max(state.since, made)
        if len(changes) < _PAGE:
            state.mark = max(state.mark, newest)
        return True

    def _is_new(self, change: Change) -> bool:
        return change.op == "put" or (change.op == "patch" and newly_on(change.about, self._tag))

    async def _scan(self, state: BoxState, count: int, late_max: int) -> bool:
        """Take in the next messages in the order of creation; false at the end."""
        since = self._window(state, late_max)
        wanted = And((self._box.wanted, Gte("created_at", moment(since))))
        # All that is passed over must fit into a page, or it would never be passed.
        limit = min(_SCANNED_MAX, count) + len(state.late) + 1
        page = await self._engine.backend.scan(
            self._box.scope.namespace, wanted, order=_OLDEST_FIRST, limit=limit
        )
        now = micros(utc_now())
        more = len(state.open) + count
        known = {id_ for _, id_ in state.late}
        for item in page.items:
            record = item.record
            made = micros(record.created_at)
            if len(state.open) >= more:
                break
            # A sender whose clock is ahead must not hide the others.
            state.since = max(state.since, min(made, now))
            if record.id in known:
                continue
            if self._takes(record):
                state.take(record.id)
            state.late.append((made, record.id))
        else:
            state.late = self._kept(state, late_max)
            return page.cursor is not None
        state.late = self._kept(state, late_max)
        return True

    @staticmethod
    def _kept(state: BoxState, late_max: int) -> list[tuple[int, str]]:
        ordered = sorted(state.late)[-late_max:]
        return [each for each in ordered if each[0] >= state.since - _OVERLAP]

    @staticmethod
    def _window(state: BoxState, late_max: int) -> int:
        """From when on the scan looks: what it passes over must be known."""
        since = max(0, state.since - _OVERLAP)
        return max(since, state.late[0][0]) if len(state.late) >= late_max else since
