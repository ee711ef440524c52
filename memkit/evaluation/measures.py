"""What a ranking is worth: any@k, all@k, recall@k, reciprocal rank and nDCG of one question.

Their means over questions are the shares and scores that reports show. This is the one home of
these measures: benchmarks use it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from math import log2
from typing import TypeAlias

#: The depths at which rankings are judged.
DEPTHS = (1, 3, 5, 10)
#: The depth of the normalised discounted cumulative gain.
NDCG_DEPTH = 10
#: What measures over sessions begin with.
SESSION = "session "

Measures: TypeAlias = dict[str, float]


def measures_of(ranked: Sequence[str], relevant: AbstractSet[str]) -> Measures:
    """The measures of one question, each in [0, 1].

    ``any@k``: 1 if a relevant id is among the first k; ``all@k``: 1 if all are; ``recall@k``:
    the share of them that is; ``mrr``: one over the rank of the first, 0 if there is none (its
    mean is the mean reciprocal rank); ``ndcg@10``: the normalised discounted cumulative gain
    with gains of 0 and 1 (Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR
    techniques", ACM TOIS 20(4), 2002), discounted by ``log2(1 + rank)``.

    Args:
        ranked: ids, best first. An id that comes again (several records of one document) counts
            where it comes first; its other places stay filled.
        relevant: the ids that answer the question, at least one.
    """
    if not relevant:
        raise ValueError("an unanswerable question has no ranks to measure")
    ranks = _ranks(ranked, relevant)
    measures: Measures = {}
    for depth in DEPTHS:
        found = sum(rank <= depth for rank in ranks)
        measures[f"any@{depth}"] = float(found > 0)
        measures[f"all@{depth}"] = float(found == len(relevant))
        measures[f"recall@{depth}"] = found / len(relevant)
    measures["mrr"] = 1 / ranks[0] if ranks else 0.0
    ideal = sum(_discount(rank) for rank in range(1, min(len(relevant), NDCG_DEPTH) + 1))
    gained = sum(_discount(rank) for rank in ranks if rank <= NDCG_DEPTH)
    measures[f"ndcg@{NDCG_DEPTH}"] = gained / ideal
    return measures


def session_measures(sessions: Sequence[str], wanted: AbstractSet[str]) -> Measures:
    """``session any@k`` and ``session mrr`` of one question: a session ranks by its best record.

    Args:
        sessions: the session of each recalled record, best first.
        wanted: the sessions of the records that answer the question, at least one.
    """
    ranks = _ranks(list(dict.fromkeys(sessions)), wanted)
    measures = {
        f"{SESSION}any@{depth}": float(bool(ranks) and ranks[0] <= depth) for depth in DEPTHS
    }
    measures[f"{SESSION}mrr"] = 1 / ranks[0] if ranks else 0.0
    return measures


def first_rank(ranked: Sequence[str], relevant: AbstractSet[str]) -> int | None:
    """The rank of the first relevant id, from 1; ``None`` if there is none."""
    ranks = _ranks(ranked, relevant)
    return ranks[0] if ranks else None


def sessions_of(ids: Iterable[str], session_of: Mapping[str, str]) -> tuple[str, ...]:
    """The session of each id; a record outside any session is a session of its own."""
    return tuple(session_of.get(id_, alone(id_)) for id_ in ids)


def alone(id_: str) -> str:
    """The session of a record that is in none: its own."""
    # No field can hold a NUL: this is nobody else's.
    return f"\0{id_}"


def _ranks(ranked: Sequence[str], relevant: AbstractSet[str]) -> list[int]:
    """The ranks, from 1, at which relevant ids come first, in order."""
    firsts: dict[str, int] = {}
    for rank, id_ in enumerate(ranked, 1):
        if id_ in relevant:
            firsts.setdefault(id_, rank)
    return list(firsts.values())


def _discount(rank: int) -> float:
    return 1 / log2(1 + rank)
