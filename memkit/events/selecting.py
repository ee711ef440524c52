"""Which events a reader asked for and may see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from memkit.clock import utc_now
from memkit.errors import InvalidInput
from memkit.filters import And, Filter, predicate
from memkit.scope import Reach, Scope
from memkit.selection import Labels, living, selection
from memkit.types import EventType, MemoryRecord

_KINDS = tuple(event for event in EventType if event is not EventType.RESET)


def event_kinds(kinds: Labels) -> frozenset[EventType]:
    """The events that are asked for; all by default.

    Raises:
        InvalidInput: one is unknown, or none is named.
    """
    if kinds is None:
        return frozenset(_KINDS)
    wanted = (kinds,) if isinstance(kinds, str) else kinds
    known = [event.value for event in _KINDS]
    if not isinstance(wanted, Iterable) or isinstance(wanted, bytes):
        raise InvalidInput(f"kinds are some of {', '.join(known)}")
    chosen = tuple(wanted)
    if not chosen or any(kind not in known for kind in chosen):
        raise InvalidInput(f"kinds are some of {', '.join(known)}")
    return frozenset(EventType(kind) for kind in chosen)


@dataclass(frozen=True)
class Selection:
    """The events of a reader: their kinds, its scope and reach, the tags of the records."""

    scope: Scope
    kinds: frozenset[EventType]
    reach: Reach
    tags: Labels = None
    _wanted: Filter = field(init=False)

    def __post_init__(self) -> None:
        parts = (self.scope.readable(self.reach), selection(tags=self.tags))
        object.__setattr__(self, "_wanted", And(parts))

    @property
    def wanted(self) -> Filter:
        """The filter of records, expired ones included."""
        return self._wanted

    def gate(self) -> Callable[[MemoryRecord], bool]:
        """Whether events of a record may be told now."""
        test = predicate(And((self._wanted, living(utc_now()))))
        return lambda record: record.namespace == self.scope.namespace and test(record.value_of)

    def tells_erased(self, id_: str, at: datetime, fields: dict[str, Any]) -> bool:
        """Whether the erasure of a record with these fields may be told."""
        gone = MemoryRecord(id_, "", self.scope.namespace, created_at=at, updated_at=at, **fields)
        return predicate(self._wanted)(gone.value_of)
