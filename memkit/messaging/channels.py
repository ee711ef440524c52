"""Which channels there are for a scope."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from memkit.clock import utc_now
from memkit.filters import And, ContainsAny, Eq, Filter
from memkit.messaging.names import channel_of, channel_tag
from memkit.protocols import Order
from memkit.scope import Reach, Scope
from memkit.selection import living
from memkit.types import Channel, State

if TYPE_CHECKING:
    from memkit.engine import Engine

_REMEMBERED = 1000


def _shown(scope: Scope) -> Filter:
    parts = (scope.readable(Reach.ANCESTORS), Eq("state", State.ACTIVE.value), living(utc_now()))
    return And(parts)


async def channel_counts(engine: Engine, scope: Scope) -> dict[str, int]:
    """How many messages each channel holds that the scope shows, by name."""
    tags = await engine.backend.count(scope.namespace, _shown(scope), "tags")
    named = ((channel_of(tag), count) for tag, count in tags.items())
    return dict(sorted((name, count) for name, count in named if name is not None))


class _Names:
    """The channels of scopes, as of a position of the change feed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[Scope, tuple[int, list[str]]] = OrderedDict()

    def at(self, scope: Scope, position: int) -> list[str] | None:
        """Those of a scope, if nothing has happened since."""
        with self._lock:
            held = self._held.get(scope)
        return list(held[1]) if held is not None and held[0] == position else None

    def note(self, scope: Scope, position: int, names: list[str]) -> None:
        """Keep those of a scope."""
        with self._lock:
            self._held[scope] = (position, list(names))
            self._held.move_to_end(scope)
            while len(self._held) > _REMEMBERED:
                self._held.popitem(last=False)


_names: WeakKeyDictionary[Engine, _Names] = WeakKeyDictionary()


async def channel_names(engine: Engine, scope: Scope) -> list[str]:
    """The channels on which there are messages that the scope shows.

    Counting the tags of a large store takes a while, so it is not done while nothing happens.
    """
    feed = engine.pulse.feed
    if feed is None:
        return list(await channel_counts(engine, scope))
    kept = _names.setdefault(engine, _Names())
    position = await feed.position()
    names = kept.at(scope, position)
    if names is None:
        names = list(await channel_counts(engine, scope))
        kept.note(scope, position, names)
    return names


async def channels(engine: Engine, scope: Scope, consumer: str | None) -> list[Channel]:
    """The channels with messages that the scope shows, by name."""
    from memkit.messaging.acknowledging import unread

    engine.require_open()
    found = []
    for name, count in (await channel_counts(engine, scope)).items():
        page = await engine.backend.scan(
            scope.namespace,
            And((_shown(scope), ContainsAny("tags", (channel_tag(name),)))),
            order=Order("created_at"),
            limit=1,
        )
        if page.items:
            new = None if consumer is None else await unread(engine, scope, consumer, name)
            found.append(Channel(name, count, page.items[0].record.created_at, new))
    return found
