"""The inbox: messages are given out, again until they are acknowledged, the oldest first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from memkit.errors import StoreError
from memkit.messaging.boxes import load
from memkit.messaging.channels import channel_names
from memkit.messaging.desks import Desk, boxes_of
from memkit.messaging.intake import Reading
from memkit.scope import Scope
from memkit.types import Delivery, MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

LEASE_MAX = timedelta(days=7)
_POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Request:
    """What an inbox is asked for; ``lease`` in microseconds, ``wait`` in seconds."""

    channel: str | None
    consumer: str
    limit: int
    lease: int | None
    wait: float


async def inbox(engine: Engine, scope: Scope, request: Request) -> list[Delivery]:
    """Messages that the consumer has not acknowledged, oldest first.

    Raises:
        StoreError: a lease is asked for, and the store cannot compare and set.
    """
    engine.require_open()
    if request.lease is not None and not engine.backend.capabilities.compare_and_set:
        raise StoreError(
            f"{engine.info.location} cannot compare and set, so nobody can lease a message "
            "there: leave lease out, or use a store that can"
        )
    deadline = time.monotonic() + request.wait
    pulse = engine.pulse
    while True:
        engine.require_open()
        heard = pulse.bell.rung
        position = 0 if pulse.feed is None else await pulse.feed.position()
        found, lapses = await _once(engine, scope, request)
        left = deadline - time.monotonic()
        if found or left <= 0:
            return found
        if lapses is not None:
            left = min(left, max(0.0, lapses / 1_000_000))
        await pulse.wait(heard, position, left, _POLL_SECONDS)


async def _once(
    engine: Engine, scope: Scope, request: Request
) -> tuple[list[Delivery], int | None]:
    """What can be given out now, and after how many microseconds a lease ends."""
    channels = await channel_names(engine, scope) if request.channel is None else [request.channel]
    boxes = [box for name in channels for box in boxes_of(scope, request.consumer, name)]
    reading = Reading(engine, scope.namespace)
    waiting = [
        await Desk.opened(engine, loaded, reading, request.limit)
        for loaded in await load(engine, boxes)
    ]
    counts = _shares([desk.ready for desk in waiting], request.limit)
    given: list[list[Delivery]] = []
    for desk, count in zip(waiting, counts, strict=True):
        given.append(await desk.give(count, request.lease) if count else [])
        if not count:
            await desk.leave()
    # One that is on several channels is given out once.
    once: dict[str, Delivery] = {}
    for index in _merged([[each.record for each in part] for part in given]):
        delivery = given[index].pop(0)
        once.setdefault(delivery.record.id, delivery)
    return list(once.values()), min((d.lapses for d in waiting if d.lapses), default=None)


def _merged(parts: Sequence[Sequence[MemoryRecord]]) -> list[int]:
    """From which part the next message comes, each time: the oldest of those in front."""
    at = [0] * len(parts)
    order = []
    while fronts := [
        (parts[n][at[n]].created_at, n) for n in range(len(parts)) if at[n] < len(parts[n])
    ]:
        _, n = min(fronts)
        at[n] += 1
        order.append(n)
    return order


def _shares(parts: Sequence[Sequence[MemoryRecord]], limit: int) -> list[int]:
    """How many of the first ``limit`` messages come from each part."""
    order = _merged(parts)[:limit]
    return [order.count(n) for n in range(len(parts))]
