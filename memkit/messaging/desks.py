"""A consumer's box, opened: what can be given out of it now, claimed by compare-and-set."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from memkit.backing.times import micros, moment
from memkit.clock import utc_now
from memkit.errors import StoreUnavailable
from memkit.messaging.boxes import Loaded, keep, load, remember
from memkit.messaging.intake import Box, Intake, Reading
from memkit.messaging.states import BoxState, Held
from memkit.scope import Scope
from memkit.types import Delivery, MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

#: A consumer has at most so many messages on a channel that it has not acknowledged.
OPEN_MAX = 1000
# As long is another process given way to before it is called an error.
_GIVE_UP_SECONDS = 30.0


def boxes_of(scope: Scope, consumer: str, channel: str) -> list[Box]:
    """The boxes in which a consumer's messages on a channel are."""
    shared = scope.agent is not None and scope.agent != consumer
    own = [Box(scope, consumer, channel, scope.agent)] if shared else []
    return [Box(scope, consumer, channel), *own]


class GivingWay:
    """Waits a little longer each time that another one was first, but not for ever."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + _GIVE_UP_SECONDS
        self._attempt = 0

    async def wait(self) -> None:
        """Give way once more.

        Raises:
            StoreUnavailable: it has been done for too long.
        """
        if time.monotonic() > self._deadline:
            raise StoreUnavailable("this consumer's messages are in great demand: try again")
        self._attempt += 1
        await asyncio.sleep(random.uniform(0, min(0.1, 0.002 * self._attempt)))


class Desk:
    """One box, opened: what of it can be given out now."""

    def __init__(self, engine: Engine, loaded: Loaded, reading: Reading, want: int) -> None:
        self._engine = engine
        self._loaded = loaded
        self._reading = reading
        self._want = want
        self._stored: tuple[list[Held], bool] = ([], True)
        #: The messages that can be given out, in order.
        self.ready: list[MemoryRecord] = []
        #: In how many microseconds a lease ends; 0: there is none.
        self.lapses = 0

    @classmethod
    async def opened(cls, engine: Engine, loaded: Loaded, reading: Reading, want: int) -> Desk:
        """A box into which messages were taken until there are as many as are wanted."""
        desk = cls(engine, loaded, reading, want)
        await desk._open()
        return desk

    @property
    def state(self) -> BoxState:
        """What is known of the box now."""
        assert self._loaded.state is not None
        return self._loaded.state

    async def _intake(self) -> Intake:
        intake = Intake(self._engine, self._loaded.box, self._reading)
        if self._loaded.state is None:
            self._loaded.state = await intake.first()
        self._stored = (list(self.state.open), self.state.scanning)
        await intake.recover(self.state)
        return intake

    async def _open(self) -> None:
        box, intake = self._loaded.box, await self._intake()
        known: dict[str, MemoryRecord] = {}
        while True:
            await self._look(known)
            short = self._want - len(self.ready)
            if short <= 0:
                return
            room = OPEN_MAX - len(self.state.open)
            if room <= 0:
                if self.lapses or box.own or not self._drop_unclaimed(known):
                    return
                continue
            if not await intake.extend(self.state, min(short, room)):
                await self._look(known)
                return

    async def _look(self, known: dict[str, MemoryRecord]) -> None:
        """See what of the box is there still, and who may have it."""
        box, state = self._loaded.box, self.state
        missing = [held.id for held in state.open if held.id not in known]
        if missing:
            found = await self._engine.backend.get(box.scope.namespace, missing)
            known.update((id_, item.record) for id_, item in found.items())
        fits = box.gate()
        # What was erased, forgotten, replaced or has expired is no message any more.
        state.open = [each for each in state.open if each.id in known and fits(known[each.id])]
        now = micros(utc_now())
        leased = [each for each in state.open if each.leased(now)]
        self.lapses = min((each.until - now for each in leased), default=0)
        self.ready = [
            known[each.id]
            for each in state.open
            if not each.leased(now) and box.gives(known[each.id])
        ]

    def _drop_unclaimed(self, known: dict[str, MemoryRecord]) -> bool:
        """Let the oldest of one's own messages go that no other member of a group has taken."""
        gives, state = self._loaded.box.gives, self.state
        own = [each.id for each in state.open if not gives(known[each.id])]
        gone = set(own[: max(1, len(own) // 2)])
        state.open = [each for each in state.open if each.id not in gone]
        return bool(own)

    async def count(self) -> int:
        """How many messages the handle has before it; of no other use afterwards."""
        intake, total, more = await self._intake(), 0, True
        while True:
            await self._look({})
            now = micros(utc_now())
            total += len(self.ready) + sum(each.leased(now) for each in self.state.open)
            if not more:
                return total
            self.state.open.clear()
            more = await intake.extend(self.state, OPEN_MAX)

    async def give(self, count: int, lease: int | None) -> list[Delivery]:
        """Give the first messages out; the box is stored before anyone gets them."""

        def claim(desk: Desk) -> list[Delivery]:
            return desk.claim(count, lease)

        return await _settled(self, claim)

    def claim(self, count: int, lease: int | None) -> list[Delivery]:
        """Mark the first of what is ready as given out; nothing is stored yet."""
        state, channel = self.state, self._loaded.box.channel
        now = micros(utc_now())
        until = 0 if lease is None else now + lease
        given = {record.id: record for record in self.ready[:count]}
        deliveries = {}
        for at, held in enumerate(state.open):
            if held.id in given:
                claimed = replace(
                    held, deliveries=held.deliveries + 1, until=until, length=lease or 0
                )
                state.open[at] = claimed
                deliveries[held.id] = Delivery(
                    given[held.id],
                    channel,
                    claimed.deliveries,
                    None if lease is None else moment(until),
                )
        return [deliveries[id_] for id_ in given]

    async def leave(self) -> None:
        """Go without having given anything out."""
        nothing = self._loaded.record is None and not self.state.open
        if nothing or (self.state.open, self.state.scanning) == self._stored:
            await remember(self._engine, self._loaded)
        else:
            # Overtaken: then it is as another one has left it.
            await keep(self._engine, self._loaded)

    async def anew(self) -> Desk:
        """The same box, as somebody else has left it meanwhile."""
        (loaded,) = await load(self._engine, [self._loaded.box])
        reading = Reading(self._engine, loaded.box.scope.namespace)
        return await Desk.opened(self._engine, loaded, reading, self._want)

    async def stored(self) -> bool:
        """Store the box; false if somebody else was first."""
        return await keep(self._engine, self._loaded)

    def drop(self, ids: set[str]) -> set[str]:
        """Take messages out of the box for good; those that were in it."""
        found = {held.id for held in self.state.open if held.id in ids}
        self.state.open = [held for held in self.state.open if held.id not in ids]
        return found


async def _settled(desk: Desk, change: Callable[[Desk], list[Delivery]]) -> list[Delivery]:
    """Change a box and store it, again on what others have made of it."""
    turn = GivingWay()
    while True:
        given = change(desk)
        if not given or await desk.stored():
            return given
        await turn.wait()
        desk = await desk.anew()
