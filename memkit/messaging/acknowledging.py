"""Acknowledging messages, and counting those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memkit.messaging.boxes import load
from memkit.messaging.desks import OPEN_MAX, Desk, GivingWay, boxes_of
from memkit.messaging.intake import Box, Reading
from memkit.messaging.names import channels_of
from memkit.scope import Scope

if TYPE_CHECKING:
    from memkit.engine import Engine


async def ack(
    engine: Engine, scope: Scope, ids: Sequence[str], channel: str | None, consumer: str
) -> int:
    """Acknowledge messages: this consumer does not get them again; how many that were."""
    engine.require_open()
    wanted = set(ids)
    if channel is None:
        found = await engine.visible(scope, list(wanted))
        channels = {name for item in found.values() for name in channels_of(item.record)}
    else:
        channels = {channel}
    boxes = [box for name in sorted(channels) for box in boxes_of(scope, consumer, name)]
    done: set[str] = set()
    for box in boxes:
        done |= await _dropped(engine, box, wanted)
    for box in boxes:
        # Not given out yet, but known by other means: taken in first, then let go.
        if left := wanted - done:
            done |= await _dropped(engine, box, left, ahead=True)
    return len(done)


async def _dropped(engine: Engine, box: Box, ids: set[str], *, ahead: bool = False) -> set[str]:
    turn = GivingWay()
    while True:
        (loaded,) = await load(engine, [box])
        if not ahead and loaded.state is None:
            return set()
        reading = Reading(engine, box.scope.namespace)
        if ahead:
            desk = await Desk.opened(engine, loaded, reading, OPEN_MAX)
        else:
            desk = Desk(engine, loaded, reading, 0)
        found = desk.drop(ids)
        if not found or await desk.stored():
            return found
        await turn.wait()


async def unread(engine: Engine, scope: Scope, consumer: str, channel: str) -> int:
    """How many messages on a channel a consumer has not acknowledged."""
    total = 0
    for loaded in await load(engine, boxes_of(scope, consumer, channel)):
        total += await Desk(engine, loaded, Reading(engine, scope.namespace), 0).count()
    return total
