"""CrewAI's memory records as memkit's, and back, without loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from memkit.drafts import Draft
from memkit.errors import InvalidInput
from memkit.types import MemoryRecord
from memkit.validation import AGENT_TAG, MESSAGE_TAG, check_tags
from memkit_crewai.paths import ROOT, Labels, ancestry, labels_of, path_of

if TYPE_CHECKING:
    from crewai.memory.types import MemoryRecord as CrewRecord

#: What CrewAI knows of a record and memkit has no field for.
OWN: Final = "crewai"
#: The paths that a record lies in: its own and those above.
WITHIN: Final = "crewai_within"
CATEGORIES: Final = "crewai_categories"
#: The tag of a record's path, by which scopes are listed in one question to the store.
PATH_TAG: Final = "crewai:"
#: For a path that is too long to be a tag.
LONG_PATH_TAG: Final = "crewai:~"
_RESERVED: Final = frozenset({OWN, WITHIN, CATEGORIES})


def draft_of(record: CrewRecord, root: Labels, *, private: bool, source: str | None) -> Draft:
    """What memkit keeps of a CrewAI record, under its id as the key.

    Args:
        record: CrewAI's.
        root: where the storage's paths begin.
        private: whether it is for its agent alone.
        source: where it came from.

    Raises:
        InvalidScope: its path holds something that is no label.
    """
    place = (*root, *labels_of(record.scope))
    own: dict[str, Any] = {
        "id": record.id,
        "scope": path_of(place),
        "created_at": aware(record.created_at).isoformat(),
        "last_accessed": aware(record.last_accessed).isoformat(),
    }
    kept = {key: value for key, value in record.metadata.items() if key not in _RESERVED}
    if len(kept) < len(record.metadata):
        own["metadata"] = {key: record.metadata[key] for key in _RESERVED & set(record.metadata)}
    if source is not None and not source.strip():
        own["source"], source = source, None
    tag = PATH_TAG + path_of(place)
    return Draft(
        record.content,
        key=record.id,
        tags=[*tags_of(record.categories), tag if _is_tag(tag) else LONG_PATH_TAG],
        metadata=kept | {OWN: own, WITHIN: ancestry(place), CATEGORIES: list(record.categories)},
        private=private,
        confidence=record.importance,
        source=source,
    )


def crew_record(record: MemoryRecord, root: Labels) -> CrewRecord:
    """A record as CrewAI's; one that CrewAI did not write lies at ``/``."""
    from crewai.memory.types import MemoryRecord as CrewRecord

    own = own_of(record)
    metadata = {key: value for key, value in record.metadata.items() if key not in _RESERVED}
    if own is None:
        metadata = dict(record.metadata)
        own = {}
    metadata |= own.get("metadata", {})
    created = naive(own.get("created_at") or record.created_at)
    accessed = naive(own.get("last_accessed") or record.created_at)
    if record.used_at is not None:
        accessed = max(accessed, naive(record.used_at))
    return CrewRecord(
        id=own.get("id", record.id),
        content=record.content,
        scope=path_of(labels_of(own.get("scope", ROOT))[len(root) :]),
        categories=categories_of(record),
        metadata=metadata,
        importance=record.confidence,
        created_at=created,
        last_accessed=accessed,
        source=own.get("source", record.source),
        private=record.visibility == "private",
    )


def own_of(record: MemoryRecord) -> Mapping[str, Any] | None:
    """What CrewAI keeps with a record; ``None`` for one that it did not write."""
    own = record.metadata.get(OWN)
    return own if isinstance(own, Mapping) and WITHIN in record.metadata else None


def categories_of(record: MemoryRecord) -> list[str]:
    """A record's categories; the tags of one that CrewAI did not write."""
    held = record.metadata.get(CATEGORIES)
    if isinstance(held, list | tuple):
        return [str(category) for category in held]
    return [tag for tag in record.tags if not tag.startswith((AGENT_TAG, MESSAGE_TAG, PATH_TAG))]


def tags_of(categories: Iterable[str]) -> list[str]:
    """The categories that are tags too, and mean nothing else to memkit."""
    special = (AGENT_TAG, MESSAGE_TAG, PATH_TAG)
    return [each for each in categories if not each.startswith(special) and _is_tag(each)]


def aware(moment: datetime) -> datetime:
    """CrewAI's times, which have no zone and mean UTC."""
    return moment.replace(tzinfo=UTC) if moment.utcoffset() is None else moment.astimezone(UTC)


def naive(moment: datetime | str) -> datetime:
    """A time as CrewAI computes with it: UTC, without a zone."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return aware(moment).replace(tzinfo=None)


def _is_tag(text: str) -> bool:
    try:
        check_tags((text,), None)
    except InvalidInput:
        return False
    return True
