"""How much a namespace holds and a filter leaves, remembered for a while.

What is remembered decides how a search is carried out, and in large namespaces the totals that
words are weighed by; a namespace that is searched exactly is always counted anew.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memkit_pgvector.binding import Raw
from memkit_pgvector.common import SELECT_COMMON, Common, common_from
from memkit_pgvector.schema import Names
from memkit_pgvector.segments import SELECT_SEGMENTS, Segment, prefix, segments_from
from memkit_pgvector.state import StoreState

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

# What is remembered of a namespace is looked at again after so many seconds.
_SIZE_SECONDS = 2.0
# Counting takes one hundredth of the time at most.
_COUNT_SHARE = 100
_COUNT_SECONDS = (10.0, 3600.0)
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Size:
    """What a namespace holds: records, those with a vector, words, segments, common words."""

    records: int
    embedded: int
    words: int
    segments: tuple[Segment, ...]
    common: Common
    at: float


@dataclass(frozen=True, slots=True)
class Matching:
    """What a filter leaves of a namespace of ``records``."""

    count: int
    embedded: int
    words: int
    records: int
    until: float


class Census:
    """What is known of namespaces and filters."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._sizes: OrderedDict[Hashable, Size] = OrderedDict()
        self._matching: OrderedDict[Hashable, Matching] = OrderedDict()

    async def size(self, connection: Connection, ns: bytes, state: StoreState) -> Size:
        """What a namespace holds; at most two seconds old."""
        key = ns, state.vectors
        known = self._sizes.get(key)
        now = time.monotonic()
        if known is not None and now - known.at < _SIZE_SECONDS:
            return known
        async with connection.pipeline():
            counts = await connection.execute(
                self._names.sql(
                    "SELECT coalesce(sum(records), 0)::bigint, coalesce(sum(embedded), 0)::bigint, "
                    "coalesce(sum(words), 0)::bigint FROM @.counts WHERE ns = $1::uuid"
                ),
                [Raw(ns)],
            )
            found = await connection.execute(
                SELECT_SEGMENTS, [self._names.schema, prefix(ns, state)]
            )
            common = await connection.execute(
                self._names.sql(SELECT_COMMON), [Raw(ns), state.words]
            )
        row: Any = await counts.fetchone()
        records, embedded, words = row
        segments = segments_from(await found.fetchall())
        often = common_from(await common.fetchone())
        size = Size(records, embedded, words, segments, often, now)
        _remember(self._sizes, key, size)
        return size

    async def matching(
        self,
        connection: Connection,
        ns: bytes,
        size: Size,
        shape: Hashable,
        where: str,
        values: Sequence[Any],
    ) -> Matching:
        """What a filter leaves of a namespace, now or a while ago."""
        key = ns, shape
        known = self._matching.get(key)
        now = time.monotonic()
        if known is not None and now < known.until and _near(known.records, size.records):
            return known
        cursor = await connection.execute(
            self._names.sql(
                "SELECT count(*), count(*) FILTER (WHERE r.embedded), "
                "coalesce(sum(r.length), 0)::bigint FROM @.records r "
                f"WHERE r.ns = $1::uuid AND {where}"
            ),
            values,
        )
        row: Any = await cursor.fetchone()
        took = time.monotonic() - now
        least, most = _COUNT_SECONDS
        until = now + min(most, max(least, took * _COUNT_SHARE))
        count, embedded, words = row
        found = Matching(count, embedded, words, size.records, until)
        _remember(self._matching, key, found)
        return found


def _near(before: int, now: int) -> bool:
    return abs(now - before) * 10 <= before


def _remember(known: OrderedDict[Hashable, Any], key: Hashable, value: Any) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > _REMEMBERED:
        known.popitem(last=False)
