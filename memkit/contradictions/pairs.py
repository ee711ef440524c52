"""Pairs of records: which may be set against each other, and what they are to each other now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from memkit.contradictions.asserted import between
from memkit.contradictions.evidence import Evidence, Judgement, Kind
from memkit.contradictions.judging import Said, judge
from memkit.contradictions.results import excerpt
from memkit.facts.predicates import Predicate
from memkit.facts.settling import circle_of, is_fact
from memkit.protocols import Stored
from memkit.types import MemoryRecord
from memkit.validation import MESSAGE_TAG

Rules: TypeAlias = Mapping[str, Predicate]


def moment_of(record: MemoryRecord) -> tuple[datetime, datetime, str]:
    """What makes one record newer than another: when it happened, else when it was stored."""
    return record.occurred_at or record.created_at, record.created_at, record.id


def ordered(a: MemoryRecord, b: MemoryRecord) -> tuple[MemoryRecord, MemoryRecord]:
    """Two records, the newer one first."""
    return (a, b) if moment_of(a) > moment_of(b) else (b, a)


def comparable(record: MemoryRecord) -> bool:
    """Whether a record says something of its own that another can contradict.

    Messages are speech; what a run made of other records repeats them.
    """
    told = any(tag.startswith(MESSAGE_TAG) for tag in record.tags)
    return not told and (record.run is None or is_fact(record))


def may_meet(a: MemoryRecord, b: MemoryRecord) -> bool:
    """Whether two records can contradict each other: of one place, and not made of one another."""
    if a.id == b.id or circle_of(a) != circle_of(b) or a.namespace != b.namespace:
        return False
    if not comparable(a) or not comparable(b):
        return False
    if is_fact(a) and is_fact(b) and (a.subject, a.predicate) != (b.subject, b.predicate):
        return False
    linked = {link.target for link in a.links if link.type != "contradicts"}
    linking = {link.target for link in b.links if link.type != "contradicts"}
    if a.id in linking or b.id in linked:
        # Somebody said how they hang together: derived, superseding, following.
        return False
    turns = a.conversation_id, b.conversation_id
    # What two people say in one conversation is an exchange, no memory of two minds.
    return None in turns or turns[0] != turns[1] or a.speaker == b.speaker


def judged(a: Stored, b: Stored, rules: Rules, cosine: float | None = None) -> Judgement:
    """What two records are to each other, by rules alone.

    Args:
        a, b: the records, with their vectors if they have some.
        rules: what goes for predicates.
        cosine: of their vectors, where that is known without them.
    """
    if cosine is None and a.vector is not None and b.vector is not None:
        cosine = float(a.vector @ b.vector) if a.vector.shape == b.vector.shape else None
    one, other = a.record, b.record
    if is_fact(one) and is_fact(other):
        found = between(one, other, rules)
        return Judgement(1.0 if cosine is None else cosine, () if found is None else (found,))
    return judge(_said(one), _said(other), cosine)


def _said(record: MemoryRecord) -> Said:
    return Said(record.content, record.occurred_at or record.created_at, record.speaker)


def spoken(kind: str, strength: float, a: MemoryRecord, b: MemoryRecord) -> Evidence:
    """What a model said of two records: the whole texts are what it speaks of."""
    by: Kind = "judge" if kind == "judge" else "model"
    return Evidence(by, excerpt(a.content), excerpt(b.content), strength)
