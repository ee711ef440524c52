"""What a profile is made of: sections of entries, each a record in a few words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from memkit.facts.deriving import begins
from memkit.types import MemoryRecord

#: The tag of what was added to a profile by hand.
TAG: Final = "profile"


class Section(StrEnum):
    """A part of a profile, in the order in which they are told."""

    CONSTRAINTS = "constraints"
    PREFERENCES = "preferences"
    DECISIONS = "decisions"
    FACTS = "facts"
    #: What else is pinned, or was added by hand.
    NOTES = "notes"


#: The kind of the records of each section; of notes that of what is added to them.
KINDS: Final[Mapping[Section, str]] = {
    Section.CONSTRAINTS: "constraint",
    Section.PREFERENCES: "preference",
    Section.DECISIONS: "decision",
    Section.FACTS: "fact",
    Section.NOTES: "note",
}
_SECTIONS: Final = {kind: section for section, kind in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """What one record says of whom a profile is about.

    Attributes:
        id: the record's.
        text: what it says, verbatim.
        confidence: 0 to 1.
        since: since when it goes: of a fact when it began to hold, else when it was stored.
        pinned: whether it is held up.
        manual: whether it was added to the profile by hand.
        subject, predicate, object: the parts of a fact; ``None`` for what has none.
    """

    id: str
    text: str
    confidence: float
    since: datetime
    pinned: bool = False
    manual: bool = False
    subject: str | None = None
    predicate: str | None = None
    object: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a user or a project.

    In each section pinned entries come first, then the surest, then the newest; what says the
    same in the same words stands once.

    Attributes:
        constraints, preferences, decisions: the records of these kinds.
        facts: facts that hold, by predicate; those without one under ``""``.
        notes: what else is pinned, or was added by hand.
        text: the same as a short text for a prompt, stored text behind bars.
        left_out: how many entries the text has no room for.
    """

    constraints: tuple[Entry, ...] = ()
    preferences: tuple[Entry, ...] = ()
    decisions: tuple[Entry, ...] = ()
    facts: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    notes: tuple[Entry, ...] = ()
    text: str = ""
    left_out: int = 0

    def entries(self) -> Iterator[Entry]:
        """All entries, section by section."""
        yield from (*self.constraints, *self.preferences, *self.decisions)
        for held in self.facts.values():
            yield from held
        yield from self.notes


def section_of(record: MemoryRecord) -> Section:
    """The section that a record belongs to."""
    return _SECTIONS.get(record.kind, Section.NOTES)


def entry_of(record: MemoryRecord) -> Entry:
    """A record as an entry."""
    return Entry(
        record.id,
        record.content,
        record.confidence,
        begins(record),
        record.pinned,
        TAG in record.tags,
        record.subject,
        record.predicate,
        record.object,
    )
