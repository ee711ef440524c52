"""From fused candidates to weighed ones: every factor applied, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from memkit.policy import DEFAULT_POLICY, Policy
from memkit.retrieval.context import conversation_factors
from memkit.retrieval.diversity import REPEAT, repeats
from memkit.retrieval.factors import factors_of
from memkit.retrieval.fusion import Fused
from memkit.retrieval.names import exact_names, exactness
from memkit.retrieval.timing import time_factor
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.config import Settings
    from memkit.temporal import Span


class Candidate(NamedTuple):
    """A record that may be a hit: ``score = entry.score * product(factors)``."""

    score: float
    record: MemoryRecord
    entry: Fused
    factors: Mapping[str, float]


def weigh(
    found: Sequence[tuple[Fused, MemoryRecord]],
    query: str,
    now: datetime,
    settings: Settings,
    policy: Policy = DEFAULT_POLICY,
    *,
    around: bool = True,
    spans: Sequence[Span] = (),
    diverse: int = 0,
) -> list[Candidate]:
    """Candidates with their factors, best first; equal scores in the order of their ids.

    Args:
        found: fused candidates and their records, all of them such as may be shown.
        query: what was asked.
        now: the time that ages are counted from.
        settings: the weights.
        policy: how each kind ages.
        around: whether conversations and exact names count, not the record alone.
        spans: the times that the query asks about.
        diverse: among so many best, texts that repeat a better one make room; 0: they stay.
    """
    weighed = [factors_of(record, now, settings, policy) for _, record in found]
    if around:
        lent = conversation_factors([(entry.score, record) for entry, record in found], query)
        names = exact_names(query)
        for factors, more, (_, record) in zip(weighed, lent, found, strict=True):
            factors.update(more)
            if names and (exact := exactness(names, record.content)) != 1:
                factors["exact"] = exact
            if spans:
                factors["time"] = time_factor(record, spans)
    candidates = [
        Candidate(entry.score * prod(factors.values()), record, entry, factors)
        for (entry, record), factors in zip(found, weighed, strict=True)
    ]
    candidates.sort(key=_place)
    return _varied(candidates, diverse) if diverse else candidates


def _varied(candidates: list[Candidate], wanted: int) -> list[Candidate]:
    again = repeats([each.record.content for each in candidates], wanted)
    if not any(again):
        return candidates
    varied = [
        each._replace(score=each.score * REPEAT, factors={**each.factors, "repeat": REPEAT})
        if repeat
        else each
        for each, repeat in zip(candidates, again, strict=True)
    ]
    varied.sort(key=_place)
    return varied


def _place(candidate: Candidate) -> tuple[float, str]:
    return -candidate.score, candidate.record.id
