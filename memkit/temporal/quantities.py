"""How many of which unit: "two months", "a couple of weeks", "2-3 days", "a year and a half"."""

from __future__ import annotations

from dataclasses import dataclass

from memkit.temporal.reading import Reader
from memkit.temporal.vocabulary import COUNTS, UNITS, VAGUE_COUNTS


@dataclass(frozen=True, slots=True)
class Quantity:
    """From ``low`` to ``high`` of a unit, in the words up to ``stop``.

    ``bound`` is "more" or "less" if it is only a bound.
    """

    low: float
    high: float
    unit: str
    stop: int
    bound: str = ""


def quantity(reader: Reader, at: int) -> Quantity | None:
    """The quantity of time that begins at a token."""
    bound = ""
    if reader.word(at) in {"more", "less"} and reader.word(at + 1) == "than":
        bound, at = reader.word(at), at + 2
    counted = _count(reader, at)
    if counted is None:
        return None
    low, high, at = counted
    unit = UNITS.get(reader.word(at))
    if unit is None:
        return None
    at += 1
    if reader.words[at : at + 3] == ["and", "a", "half"]:
        low, high, at = low + 0.5, high + 0.5, at + 3
    elif reader.word(at) == "or" and (other := _single(reader.word(at + 1))) is not None:
        # "a month or two"
        if not other >= high:
            return None
        high, at = other, at + 2
    return Quantity(low, high, unit, at, bound)


def _count(reader: Reader, at: int) -> tuple[float, float, int] | None:
    word, following = reader.word(at), reader.word(at + 1)
    if word == "half":
        return (0.5, 0.5, at + 2) if following in {"a", "an"} else None
    if word == "a" and following in VAGUE_COUNTS:
        word, at = following, at + 1
    elif word == "a" and following in {"dozen", "hundred"}:
        at += 1
        word = following
    if word in VAGUE_COUNTS:
        low, high = VAGUE_COUNTS[word]
        return low, high, at + 2 if reader.word(at + 1) == "of" else at + 1
    first = _single(word)
    if first is None:
        return None
    joint = reader.word(at + 1)
    if joint in {"or", "to", "-"}:
        second = _single(reader.word(at + 2))
        return (first, second, at + 3) if second is not None and second >= first else None
    if reader.words[at + 1 : at + 4] == ["and", "a", "half"]:
        return first + 0.5, first + 0.5, at + 4
    return first, first, at + 1


def _single(word: str) -> float | None:
    if word.isdecimal() and len(word) <= 4:
        return float(word)
    return COUNTS.get(word)
