"""The factors that follow fusion: what is fresh, trusted, useful and pinned counts more."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from memkit.types import MemoryRecord, kind_defaults

if TYPE_CHECKING:
    from memkit.config import Settings

_DAY_SECONDS = 86_400.0
#: Each recall lengthens a record's half-life by a tenth, up to three times its length.
_USE_EXTENDS = 0.1
_EXTENSION_MAX = 3.0


def factors_of(record: MemoryRecord, now: datetime, settings: Settings) -> dict[str, float]:
    """The multipliers of a record's fused score, by name; those equal to 1 are left out.

    - ``recency = 1 - w * (1 - 2 ** (-age / half_life))`` with the age in days since the
      record last changed and its kind's half-life, which use extends; ``w`` is
      ``recency_weight``, so that age alone never costs more than that share.
    - ``confidence = 1 + w * (confidence - 0.5)``.
    - ``use = 1 + w * (useful - useless) / (useful + useless + 1)`` from feedback. Being
      recalled often is no merit by itself: counting it would let early hits stay on top.
    - ``pin = 1 + w`` for pinned records.
    """
    factors: dict[str, float] = {}
    half_life = kind_defaults(record.kind).half_life_days
    if half_life is not None and settings.recency_weight > 0:
        extension = min(_EXTENSION_MAX, 1 + _USE_EXTENDS * record.uses)
        # A clock set back must not make a record younger than new.
        age = max(0.0, (now - record.updated_at).total_seconds()) / _DAY_SECONDS
        faded = 1 - 2 ** (-age / (half_life * extension))
        factors["recency"] = 1 - settings.recency_weight * faded
    if record.confidence != 0.5:
        factors["confidence"] = 1 + settings.confidence_weight * (record.confidence - 0.5)
    judged = record.useful + record.useless
    if judged:
        balance = (record.useful - record.useless) / (judged + 1)
        factors["use"] = 1 + settings.use_weight * balance
    if record.pinned:
        factors["pin"] = 1 + settings.pin_weight
    return factors
