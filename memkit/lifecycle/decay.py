"""How much strength a memory has left: a pure function of the record, the policy and the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from memkit.hints import is_message
from memkit.policy import NEVER, Policy
from memkit.retrieval.factors import quality
from memkit.types import MemoryRecord, State

_DAY_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Strength:
    """What is left of a record's strength: ``value = min(1, product of factors)``.

    Attributes:
        value: 0 to 1.
        factors: ``confidence``; ``age = 2 ** (-age / half_life)``; ``quality``, twice what feedback
            says, for records that somebody judged.
        age_days: since it was stored, changed or used last.
        half_life_days: as use has extended it; ``None``: it does not age.
    """

    value: float
    factors: Mapping[str, float]
    age_days: float
    half_life_days: float | None

    def __str__(self) -> str:
        told = ", ".join(f"{name} x{value:.3f}" for name, value in self.factors.items())
        life = (
            "does not age"
            if self.half_life_days is None
            else f"{self.age_days:.0f} days old, half-life {self.half_life_days:.0f} days"
        )
        return f"{self.value:.3f} ({told}; {life})"


def last_touched(record: MemoryRecord) -> datetime:
    """When a record was stored, changed or used last; what it tells of may be far older."""
    touched = max(record.created_at, record.updated_at)
    return touched if record.used_at is None else max(touched, record.used_at)


def strength_of(record: MemoryRecord, now: datetime, policy: Policy) -> Strength:
    """How much strength a record has left at a moment.

    A moment before it was touched last counts as that one: a clock set back ages nothing.
    """
    age = max(0.0, (now - last_touched(record)).total_seconds() / _DAY_SECONDS)
    half_life = policy.half_life(record.kind, record.uses)
    factors = {"confidence": record.confidence}
    if half_life is not None:
        factors["age"] = 2 ** (-age / half_life)
    if record.useful or record.useless:
        factors["quality"] = 2 * quality(record)
    value = 1.0
    for factor in factors.values():
        value *= factor
    return Strength(min(1.0, value), factors, age, half_life)


def sweepable(record: MemoryRecord, policy: Policy) -> bool:
    """Whether a sweep may archive a record at all, however weak it is.

    Not what is pinned, a message, a fact with its parts, of a kind that does not age, or of one
    that the policy keeps.
    """
    kind = policy.of(record.kind)
    return (
        record.state == State.ACTIVE
        and not record.pinned
        and kind.archive
        and kind.half_life_days is not None
        and record.kind not in NEVER
        and record.subject is None
        and not is_message(record.tags)
    )


def faded(record: MemoryRecord, now: datetime, policy: Policy) -> Strength | None:
    """What is left of a record that a sweep archives at a moment; ``None``: it stays."""
    if not sweepable(record, policy):
        return None
    strength = strength_of(record, now, policy)
    if strength.half_life_days is None or strength.value >= policy.archive_below:
        return None
    old = strength.age_days >= policy.archive_after * strength.half_life_days
    # A confidence that was low from the start makes nothing old.
    return strength if old else None
