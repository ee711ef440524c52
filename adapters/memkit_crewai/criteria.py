"""What CrewAI selects memories by, as one filter of memkit's and as a test of a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from memkit.filters import And, ContainsAny, Eq, Filter, Not, Or
from memkit_crewai.paths import Labels, contains, labels_of
from memkit_crewai.records import CATEGORIES, aware, tags_of

if TYPE_CHECKING:
    from crewai.memory.types import MemoryRecord as CrewRecord


@dataclass(frozen=True, slots=True)
class Criteria:
    """What records must meet: all that is not ``None``.

    Attributes:
        categories: one of these; an empty list matches nothing.
        metadata: these values.
        older_than: made before then; UTC if it has no zone.
        place: in this scope or below it.
    """

    categories: Sequence[str] | None = None
    metadata: Mapping[str, Any] | None = None
    older_than: datetime | None = None
    place: Labels = ()

    @property
    def given(self) -> bool:
        """Whether anything but a place is asked for."""
        return (self.categories, self.metadata, self.older_than) != (None, None, None)

    def filter(self) -> Filter:
        """What the store can tell of it; :meth:`meets` tells the rest."""
        parts: list[Filter] = []
        if self.categories is not None:
            tags = tags_of(self.categories)
            parts.append(
                Or(
                    (
                        ContainsAny(f"metadata.{CATEGORIES}", tuple(self.categories)),
                        *((ContainsAny("tags", tuple(tags)),) if tags else ()),
                    )
                )
                if self.categories
                else Not(And(()))
            )
        for key, value in (self.metadata or {}).items():
            if isinstance(value, str | int | float):
                parts.append(Eq(f"metadata.{key}", value))
        return And(tuple(parts))

    def meets(self, record: CrewRecord) -> bool:
        """Whether a record meets all of it."""
        if self.categories is not None and not set(self.categories) & set(record.categories):
            return False
        for key, value in (self.metadata or {}).items():
            if record.metadata.get(key) != value:
                return False
        if self.older_than is not None and aware(record.created_at) >= aware(self.older_than):
            return False
        return contains(self.place, labels_of(record.scope))
