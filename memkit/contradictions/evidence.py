"""Evidence that two texts contradict each other, and how sure it makes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["number", "negation", "date", "value", "fact", "judge", "model"]

#: How sure each kind makes by itself, where all else is the same in both texts. ``judge`` and
#: ``model`` say themselves how sure they are.
WEIGHTS: Final[dict[str, float]] = {
    "fact": 0.9,
    "number": 0.85,
    "negation": 0.85,
    "date": 0.8,
    "value": 0.75,
    "judge": 1.0,
    # A language model that says "yes" is one voice among others.
    "model": 0.6,
}
#: The least confidence with which a pair is told as a contradiction.
LISTED: Final = 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason to hold that two texts contradict each other.

    Attributes:
        kind: ``number``, ``negation``, ``date``, ``value``, ``fact``; ``judge`` and ``model``
            for what a model of inference or a language model says of the pair.
        first, second: what stands in the one text and what in the other; of two records in the
            older and in the newer one.
        strength: how sure it makes, 0 to 1.
    """

    kind: Kind
    first: str
    second: str
    strength: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What two texts are to each other.

    Attributes:
        similarity: how much they speak of the same, 0 to 1: the cosine of their vectors, or
            without them the share of words that they have in common.
        evidence: why they contradict each other; nothing if they do not.
    """

    similarity: float
    evidence: tuple[Evidence, ...] = ()

    @property
    def confidence(self) -> float:
        """How sure it is that they do, 0 to 1; see :func:`confidence`."""
        return confidence(self.evidence)


def strength(kind: Kind, share: float, similarity: float) -> float:
    """How sure one piece of evidence makes: ``weight * (1 + 2 * share + similarity) / 4``.

    Args:
        kind: what is different.
        share: how much of the two sentences is the same besides, 0 to 1 (Dice's coefficient of
            their content words).
        similarity: of the two texts as wholes, 0 to 1.
    """
    return WEIGHTS[kind] * (1 + 2 * share + max(0.0, min(1.0, similarity))) / 4


def confidence(evidence: Iterable[Evidence]) -> float:
    """How sure all evidence together makes: ``1 - product of (1 - strength)``.

    Pieces of one kind are counted once, by the strongest.
    """
    strongest: dict[str, float] = {}
    for each in evidence:
        strongest[each.kind] = max(strongest.get(each.kind, 0.0), each.strength)
    doubt = 1.0
    for value in strongest.values():
        doubt *= 1 - value
    return round(1 - doubt, 4)
