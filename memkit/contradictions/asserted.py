"""Facts that contradict each other, though a rule has settled which of them holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Final

from memkit.contradictions.evidence import WEIGHTS, Evidence
from memkit.facts.deriving import begins
from memkit.facts.predicates import Predicate
from memkit.facts.settling import KEPT, circle_of, is_fact
from memkit.types import MemoryRecord, State

#: Of a fact that has more rivals only the latest are looked at.
_MOST: Final = 50


def stand(a: MemoryRecord, b: MemoryRecord) -> bool:
    """Whether two records still say what they said; of two facts also if one has ended."""
    if is_fact(a) and is_fact(b):
        return all(each.retracted_at is None and each.state in KEPT for each in (a, b))
    return a.state == b.state == State.ACTIVE


def between(a: MemoryRecord, b: MemoryRecord, rules: Mapping[str, Predicate]) -> Evidence | None:
    """Why two facts contradict each other, if they do.

    They say different values of what has one at a time, of the same subject in the same place,
    and both claim the same time: they begin at the same moment, or one begins before the stated
    end of the other. A value that follows another without a stated end is a change, and none.
    What comes from two sources weighs more than what one source says twice.
    """
    rule = rules.get(a.predicate or "")
    if rule is None or not rule.single or not stand(a, b):
        return None
    if (a.subject, a.predicate, circle_of(a)) != (b.subject, b.predicate, circle_of(b)):
        return None
    if (a.object or "").casefold() == (b.object or "").casefold():
        return None
    first, later = sorted((a, b), key=begins)
    same = begins(first) == begins(later)
    if not same and (first.valid_to is None or first.valid_to <= begins(later)):
        return None
    apart = _source(a) != _source(b)
    return Evidence("fact", a.object or "", b.object or "", WEIGHTS["fact"] * (1 if apart else 0.8))


def among(
    records: Iterable[MemoryRecord], rules: Mapping[str, Predicate]
) -> list[tuple[MemoryRecord, MemoryRecord]]:
    """The pairs of a group of facts that contradict each other."""
    latest = sorted(records, key=begins, reverse=True)[:_MOST]
    return [(a, b) for a, b in combinations(latest, 2) if between(a, b, rules) is not None]


def _source(record: MemoryRecord) -> tuple[str | None, str | None, str | None]:
    return record.source, record.author, record.agent
