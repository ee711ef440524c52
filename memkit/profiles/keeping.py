"""What was read of a store, kept until its change feed tells of a change that may matter.

The feed is asked each time, so what another process wrote shows at once. A store without a feed is
read each time.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from memkit.clock import utc_now
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

T = TypeVar("T")

# More changes than these are not gone through: what is kept is read anew.
_CHANGES_MAX = 128
# So much is kept of one sort in one namespace.
_KEPT_MAX = 128


@dataclass(frozen=True, slots=True)
class Made(Generic[T]):
    """Something that was read.

    Attributes:
        value: what is kept; nobody changes it.
        records: what it depends on, besides records that come to matter later.
        until: when it may be another one without any change; ``None``: never.
    """

    value: T
    records: Iterable[MemoryRecord] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of things that are kept: its name, and whether a changed record matters to them."""

    name: str
    matters: Callable[[MemoryRecord], bool]


async def kept(
    engine: Engine,
    namespace: str,
    sort: Sort,
    key: Hashable,
    make: Callable[[], Awaitable[Made[T]]],
) -> T:
    """What ``make`` read for this key, or reads now."""
    if engine.pulse.feed is None:
        return (await make()).value
    shelves = _shelves.setdefault(engine, _Shelves())
    position = await engine.pulse.position()
    shelf = await shelves.current(engine, namespace, sort, position)
    now = utc_now()
    held = shelf.items.get(key)
    # Of a clock that was put back nothing is believed.
    if held is not None and held.since <= now and (held.until is None or now < held.until):
        value: T = held.value
        return value
    made = await make()
    shelves.keep((namespace, sort.name), position, key, made, now)
    return made.value


@dataclass(frozen=True, slots=True)
class _Item:
    value: Any
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What is kept of one sort, as it is at a position of the feed, and the ids it hangs on."""

    position: int
    items: dict[Hashable, _Item] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)


class _Shelves:
    """What is kept of a store, by namespace and sort."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str], _Shelf] = {}

    async def current(self, engine: Engine, namespace: str, sort: Sort, position: int) -> _Shelf:
        """What is kept and goes for this position."""
        shelf = self._held.get((namespace, sort.name))
        if shelf is not None and shelf.position == position:
            return shelf
        if shelf is not None and await _unmoved(engine, namespace, sort, shelf, position):
            shelf = _Shelf(position, shelf.items, shelf.ids)
        else:
            shelf = _Shelf(position)
        with self._lock:
            self._held[namespace, sort.name] = shelf
        return shelf

    def keep(
        self, where: tuple[str, str], position: int, key: Hashable, made: Made[Any], now: datetime
    ) -> None:
        """Keep what was read no earlier than at this position."""
        ids = [record.id for record in made.records]
        with self._lock:
            shelf = self._held.get(where)
            # A shelf that is further on has not looked whether this has changed since.
            if shelf is None or shelf.position > position:
                return
            if len(shelf.items) >= _KEPT_MAX:
                shelf = self._held[where] = _Shelf(shelf.position)
            shelf.ids.update(ids)
            shelf.items[key] = _Item(made.value, now, made.until)


_shelves: WeakKeyDictionary[Engine, _Shelves] = WeakKeyDictionary()


async def _unmoved(
    engine: Engine, namespace: str, sort: Sort, shelf: _Shelf, position: int
) -> bool:
    """Whether nothing that is kept can have changed from a shelf's position to a later one."""
    feed = engine.pulse.feed
    if feed is None or position < shelf.position:
        return False
    changes = await feed.changes(namespace, shelf.position, _CHANGES_MAX)
    if len(changes) >= _CHANGES_MAX or await feed.oldest() > shelf.position:
        return False
    changed = {change.id for change in changes}
    if changed & shelf.ids:
        return False
    if not changed:
        return True
    found = await engine.backend.get(namespace, list(changed))
    return not any(sort.matters(item.record) for item in found.values())
