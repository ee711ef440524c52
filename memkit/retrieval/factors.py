"""The factors that follow fusion: what is fresh, trusted, useful and pinned counts more."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from memkit.policy import DEFAULT_POLICY, Policy
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.config import Settings

_DAY_SECONDS = 86_400.0


def factors_of(
    record: MemoryRecord, now: datetime, settings: Settings, policy: Policy = DEFAULT_POLICY
) -> dict[str, float]:
    """The multipliers of a record's fused score, by name; those equal to 1 are left out.

    - ``recency = 1 - w * (1 - 2 ** (-age / half_life))`` with the age in days since the
      record last changed and the half-life that ``policy`` has for its kind, which use extends;
      ``w`` is ``recency_weight``, so that age alone never costs more than that share.
    - ``confidence = 1 + w * (confidence - 0.5)``.
    - ``use = 1 + w * (2 * quality - 1)`` from feedback, see :func:`quality`. Being recalled often
      is no merit by itself: counting it would let early hits stay on top.
    - ``pin = 1 + w`` for pinned records.
    - ``summarized = w`` for records that a summary speaks for, pinned ones apart.
    """
    factors: dict[str, float] = {}
    if settings.recency_weight > 0:
        half_life = policy.half_life(record.kind, record.uses)
        if half_life is not None:
            # A clock set back must not make a record younger than new.
            age = max(0.0, (now - record.updated_at).total_seconds()) / _DAY_SECONDS
            factors["recency"] = 1 - settings.recency_weight * (1 - 2 ** (-age / half_life))
    if record.confidence != 0.5:
        factors["confidence"] = 1 + settings.confidence_weight * (record.confidence - 0.5)
    if record.useful or record.useless:
        factors["use"] = 1 + settings.use_weight * (2 * quality(record) - 1)
    if record.pinned:
        factors["pin"] = 1 + settings.pin_weight
    elif record.summarized_by is not None and settings.summarized_weight != 1:
        factors["summarized"] = settings.summarized_weight
    return factors


def quality(record: MemoryRecord) -> float:
    """How useful a record was found, from 0 to 1; 0.5 while nobody has judged it.

    The share of those who found it useful, with half a judgement of either kind added (Laplace's
    smoothing with 1/2): ``(useful + 0.5) / (useful + useless + 1)``, so that one voice moves it
    half way, and many move it nearly to what they say.
    """
    return (record.useful + 0.5) / (record.useful + record.useless + 1)
