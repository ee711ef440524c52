"""Fusion of the legs' ranked lists into one, the same on every backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from memkit.protocols import Scored
from memkit.types import Leg


class Fused(NamedTuple):
    """One candidate: its fused score in [0, 1] and what each leg said of it."""

    id: str
    score: float
    legs: Mapping[str, Leg]


def informed_weight(weight: float, best: float, ceiling: float | None) -> float:
    """What a leg's weight is worth for one query: ``weight * min(1, best / ceiling) ** 1.5``.

    Dividing a leg's scores by its best makes even its best guess a certainty. ``ceiling`` is
    what a record scores that has all that was asked for (for BM25 the sum of the idf of the
    query's terms): a leg whose best record has little of that knows little, and its weight
    says so. The power was chosen between 1 and 3 on conversations and on plain facts alike
    (docs/recall.md); weighting legs by how well they can be expected to do for a query goes
    back to query performance prediction (Cronen-Townsend, Zhou and Croft, "Predicting Query
    Performance", SIGIR 2002).

    Args:
        weight: the leg's weight if it knows everything.
        best: the score of its first entry.
        ceiling: the leg's, ``None`` if it is not known: then the weight stands.
    """
    if ceiling is None or ceiling <= 0:
        return weight
    known: float = min(1.0, max(0.0, best / ceiling)) ** 1.5
    return weight * known


def fuse(
    legs: Mapping[str, Sequence[Scored]],
    weights: Mapping[str, float],
    depth: int,
    limit: int | None = None,
) -> list[Fused]:
    """Fuse ranked lists by a weighted sum of normalised scores, best first.

    Each leg's scores are divided by its best, from zero up: no word in common is BM25's
    zero, no likeness the cosine's. A record that a leg does not list scores nothing there if
    the list is complete; if the list was cut off at ``depth``, the record may stand anywhere
    below its end and is taken to stand just there, so that a list's length hardly moves the
    ranking. Weights are scaled to sum to 1 over the legs that found anything.

    This is the convex combination of Bruch, Gai and Ingber, "An Analysis of Fusion Functions
    for Hybrid Retrieval", ACM TOIS 2023, with theoretical minima. Reciprocal rank fusion,
    which looks at ranks alone, lets a weak leg outvote a strong one.

    Args:
        legs: each leg's list, best first, by the leg's name.
        weights: each leg's weight, by name, none negative.
        depth: how many entries were asked of each leg.
        limit: how many are wanted; ``None``: all.
    """
    found = {name: entries for name, entries in legs.items() if entries}
    total = sum(weights[name] for name in found)
    scores: dict[str, float] = {}
    floor = 0.0
    for name, entries in found.items():
        weight = weights[name] / total if total > 0 else 1 / len(found)
        best = entries[0].score
        # A best of zero or less says that nothing is alike: then the leg has no say.
        scale = weight / best if best > 0 else 0.0
        unlisted = max(0.0, entries[-1].score) * scale if len(entries) >= depth else 0.0
        floor += unlisted
        for id_, score in entries:
            share = score * scale if score > 0 else 0.0
            scores[id_] = scores.get(id_, 0.0) + share - unlisted
    # Ids break ties, so that a ranking never depends on which leg was asked first.
    best_first = sorted([(-score, id_) for id_, score in scores.items()])[:limit]
    places: dict[str, dict[str, Leg]] = {id_: {} for _, id_ in best_first}
    for name, entries in found.items():
        for rank, (id_, score) in enumerate(entries, 1):
            place = places.get(id_)
            if place is not None:
                place[name] = Leg(rank, score)
    return [Fused(id_, floor - negated, places[id_]) for negated, id_ in best_first]
