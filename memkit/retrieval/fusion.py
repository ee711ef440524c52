"""Fusion of the legs' ranked lists into one, the same on every backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memkit.protocols import Scored
from memkit.types import Leg


@dataclass(frozen=True, slots=True)
class Fused:
    """One candidate: its fused score in [0, 1] and what each leg said of it."""

    id: str
    score: float
    legs: Mapping[str, Leg]


def fuse(
    legs: Mapping[str, Sequence[Scored]], weights: Mapping[str, float], depth: int
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
    """
    found = {name: entries for name, entries in legs.items() if entries}
    total = sum(weights[name] for name in found)
    scores = dict.fromkeys((entry.id for entries in found.values() for entry in entries), 0.0)
    parts: dict[str, dict[str, Leg]] = {id_: {} for id_ in scores}
    for name, entries in found.items():
        weight = weights[name] / total if total > 0 else 1 / len(found)
        best = entries[0].score
        # A best of zero or less says that nothing is alike: then the leg has no say.
        scale = weight / best if best > 0 else 0.0
        unlisted = max(0.0, entries[-1].score) * scale if len(entries) >= depth else 0.0
        for rank, entry in enumerate(entries, 1):
            scores[entry.id] += max(0.0, entry.score) * scale - unlisted
            parts[entry.id][name] = Leg(rank, entry.score)
        if unlisted:
            for id_ in scores:
                scores[id_] += unlisted
    # Ids break ties, so that a ranking never depends on which leg was asked first.
    order = sorted(scores, key=lambda id_: (-scores[id_], id_))
    return [Fused(id_, scores[id_], parts[id_]) for id_ in order]
