"""What a ranking is worth: the shares of questions whose evidence stands near its top."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

TURN_DEPTHS = (5, 10)

Measures: TypeAlias = dict[str, float]
ByCategory: TypeAlias = dict[str, Measures]


def turn_measures(ranked: Sequence[str], evidence: frozenset[str]) -> Measures:
    """Of one question: any@k, all@k (0 or 1) and the reciprocal rank of the first hit.

    Args:
        ranked: the turns' ids, best first.
        evidence: those that answer the question, at least one.
    """
    measures: Measures = {}
    for depth in TURN_DEPTHS:
        found = evidence & set(ranked[:depth])
        measures[f"any@{depth}"] = float(bool(found))
        measures[f"all@{depth}"] = float(found == evidence)
    ranks = (rank for rank, id_ in enumerate(ranked, 1) if id_ in evidence)
    first = next(ranks, None)
    measures["mrr"] = 0.0 if first is None else 1 / first
    return measures


def session_measures(
    ranked: Sequence[str], evidence: frozenset[str], session_of: Mapping[str, int]
) -> Measures:
    """Of one question: any@k over sessions, where a session ranks by its best turn."""
    sessions = list(dict.fromkeys(session_of[id_] for id_ in ranked))
    wanted = {session_of[id_] for id_ in evidence}
    return {f"any@{depth}": float(not wanted.isdisjoint(sessions[:depth])) for depth in TURN_DEPTHS}


def shares(results: Iterable[tuple[str, Measures]]) -> ByCategory:
    """The means in per cent, of all questions and by category: ``{"all": …, category: …}``.

    Args:
        results: the category and the measures of each question.
    """
    groups: dict[str, list[Measures]] = defaultdict(list)
    for category, measures in results:
        groups["all"].append(measures)
        groups[category].append(measures)
    return {
        name: {
            measure: round(100 * sum(each[measure] for each in group) / len(group), 2)
            for measure in group[0]
        }
        for name, group in groups.items()
    }
