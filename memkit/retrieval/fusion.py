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
    legs: Mapping[str, Sequence[Scored]], weights: Mapping[str, float]
) -> list[Fused]:
    """Fuse ranked lists by a weighted sum of min-max normalised scores, best first.

    Each leg's scores are mapped onto [0, 1] between the least of its list and its best; a
    record that a leg does not list counts as 0 there. Weights are scaled to sum to 1 over
    the legs that found anything. On conversations this kept what either leg knew, where
    reciprocal rank fusion let a weak leg outvote a strong one. The formula is "relative
    score fusion" with min-max normalisation: Bruch, Gai, Ingber, "An Analysis of Fusion
    Functions for Hybrid Retrieval", ACM TOIS 2023.

    Args:
        legs: each leg's list, best first, by the leg's name.
        weights: each leg's weight, by name, none negative.
    """
    found = {name: entries for name, entries in legs.items() if entries}
    total = sum(weights[name] for name in found)
    scores: dict[str, float] = {}
    parts: dict[str, dict[str, Leg]] = {}
    for name, entries in found.items():
        weight = weights[name] / total if total > 0 else 1 / len(found)
        low, best = _bounds(name, entries)
        span = best - low
        for rank, entry in enumerate(entries, 1):
            share = (entry.score - low) / span if span > 0 else 1.0
            scores[entry.id] = scores.get(entry.id, 0.0) + weight * share
            parts.setdefault(entry.id, {})[name] = Leg(rank, entry.score)
    # Ids break ties, so that a ranking never depends on which leg was asked first.
    order = sorted(scores, key=lambda id_: (-scores[id_], id_))
    return [Fused(id_, scores[id_], parts[id_]) for id_ in order]


def _bounds(name: str, entries: Sequence[Scored]) -> tuple[float, float]:
    best = entries[0].score
    # BM25 has a natural zero (no word in common). Cosines of unrelated texts do not sit at
    # zero, so the dense leg is measured from the least of what it listed.
    return (0.0 if name == "lexical" else entries[-1].score), best
