"""Where a record stands: the place whose records can be its copies, its turn in a conversation."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

from memkit.types import MemoryRecord, Visibility
from memkit.validation import canonical_json

#: Where a turn stands: namespace, audience, conversation, sequence.
Place: TypeAlias = tuple[str, str, str, int]


def place_in_conversation(record: MemoryRecord) -> Place | None:
    """Where a record stands in its conversation; ``None`` if it is no turn of one."""
    if record.conversation_id is None or record.sequence is None:
        return None
    return record.namespace, place_of(record), record.conversation_id, record.sequence


def shifted(place: Place, by: int) -> Place:
    """The place so many turns on."""
    return *place[:3], place[3] + by


def place_of(record: MemoryRecord) -> str:
    """The exact place whose records can be copies of one another, as canonical JSON.

    Private records are compared with their owner's only.
    """
    owner = record.agent if record.visibility == Visibility.PRIVATE else None
    return _place(record.project, record.task, owner)


@lru_cache(maxsize=1024)
def _place(project: str | None, task: str | None, owner: str | None) -> str:
    return canonical_json([project, task, owner])
