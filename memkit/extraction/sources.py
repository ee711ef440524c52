"""Which records say something of their own, to be extracted from."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from memkit.extraction.sentences import without_recalled
from memkit.filters import And, Eq, Exists, Filter, In, Not
from memkit.scope import Scope
from memkit.types import MemoryRecord, State, Visibility
from memkit.validation import MESSAGE_TAG

#: What memkit made of other records, what is a statement already, and what is for others.
_NO_SOURCES: Final = (
    "fact",
    "summary",
    "episode",
    "dossier",
    "contradiction",
    "profile",
    "message",
)


def sources() -> Filter:
    """The filter of what may be a source; :func:`is_source` says it for sure."""
    return And(
        (
            Eq("state", State.ACTIVE.value),
            Not(Exists("run")),
            Not(In("kind", _NO_SOURCES)),
        )
    )


def is_source(record: MemoryRecord) -> bool:
    """Whether a record says something of its own.

    What a run made was extracted or summarised already. A message stands on a channel that not
    all who see its place may read: what it says is left there.
    """
    return (
        record.state == State.ACTIVE
        and record.run is None
        and record.kind not in _NO_SOURCES
        and not any(tag.startswith(MESSAGE_TAG) for tag in record.tags)
        and bool(without_recalled(record.content).strip())
    )


def said_at(record: MemoryRecord) -> datetime:
    """When what a record says was said, as far as is known."""
    return record.occurred_at or record.created_at


def speaker_of(record: MemoryRecord) -> str | None:
    """Who says "I" in a record."""
    return record.speaker or record.agent


def home_of(record: MemoryRecord, scope: Scope) -> Scope:
    """The scope in which what a record says is stored: its own place and agent."""
    return replace(scope, project=record.project, task=record.task, agent=record.agent)


def is_private(record: MemoryRecord) -> bool:
    """Whether a record is its agent's alone."""
    return record.visibility == Visibility.PRIVATE
