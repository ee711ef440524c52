"""What CrewAI is told of the scopes that hold records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from memkit.types import MemoryRecord
from memkit_crewai.paths import Labels, contains, labels_of, path_of
from memkit_crewai.records import categories_of

if TYPE_CHECKING:
    from crewai.memory.types import MemoryRecord as CrewRecord
    from crewai.memory.types import ScopeInfo


def children_of(place: Labels, paths: Iterable[Labels]) -> list[str]:
    """The paths right below a place that lead to some of these."""
    depth = len(place) + 1
    below = {path[:depth] for path in paths if contains(place, path) and len(path) >= depth}
    return sorted(path_of(path) for path in below)


def categories_counted(records: Iterable[MemoryRecord]) -> dict[str, int]:
    """Every category, and on how many records it is."""
    return dict(Counter(name for record in records for name in set(categories_of(record))))


def told_of(place: Labels, records: Sequence[CrewRecord]) -> ScopeInfo:
    """What CrewAI wants to know of a scope with these records."""
    from crewai.memory.types import ScopeInfo

    times = [record.created_at for record in records]
    return ScopeInfo(
        path=path_of(place),
        record_count=len(records),
        categories=sorted({name for record in records for name in record.categories}),
        oldest_record=min(times, default=None),
        newest_record=max(times, default=None),
        child_scopes=children_of(place, (labels_of(record.scope) for record in records)),
    )
