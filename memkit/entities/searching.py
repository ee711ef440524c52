"""Finding names that are like a given one: its beginning, its words, its misspellings."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

# The least likeness that is told, of 1: one letter of five, two of nine.
_LEAST: Final = 0.75
#: Longer is no misspelt name.
_LONGEST: Final = 60


def like(query: str, keys: Iterable[str], most: int) -> list[tuple[str, float]]:
    """The case-folded names that are like a query, the likest first, with how like they are.

    1 for the name itself, less for one that begins so, for one with a word that does, for one that
    holds it, and for one that is misspelt: the share of letters that an optimal string alignment
    (Damerau's edits, adjacent letters swapped counting once) leaves as they are.
    """
    wanted = _plain(query)
    if not wanted:
        return []
    found: dict[str, float] = {}
    others: dict[str, str] = {}
    for key in keys:
        plain = _plain(key)
        score = _contained(wanted, plain)
        if score:
            found[key] = score
        elif len(plain) <= _LONGEST:
            others[key] = plain
    if len(wanted) >= 3 and len(wanted) <= _LONGEST:
        found.update(_misspelt(wanted, others, most))
    return sorted(found.items(), key=lambda each: (-each[1], len(each[0]), each[0]))[:most]


def _plain(text: str) -> str:
    """Without case and accents."""
    folded = text.casefold()
    if folded.isascii():
        return folded
    apart = unicodedata.normalize("NFKD", folded)
    return "".join(char for char in apart if not unicodedata.combining(char))


def _contained(wanted: str, plain: str) -> float:
    if plain == wanted:
        return 1.0
    if plain.startswith(wanted):
        return 0.95
    at = plain.find(wanted)
    if at < 0:
        asked = wanted.split()
        words = plain.split()
        begun = all(any(word.startswith(part) for word in words) for part in asked)
        return 0.88 if len(asked) > 1 and begun else 0.0
    return 0.9 if not plain[at - 1].isalnum() else 0.8


def _misspelt(wanted: str, names: dict[str, str], most: int) -> list[tuple[str, float]]:
    # Late: few searches need it.
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    def best(choices: dict[str, str]) -> list[tuple[str, float]]:
        scored = process.extract(
            wanted,
            choices,
            scorer=OSA.normalized_similarity,
            processor=None,
            score_cutoff=_LEAST,
            limit=most,
        )
        return [(key, score * 0.95) for _, score, key in scored]

    found = dict(best(names))
    # One word of several: "Alise" of "Alice Smith".
    for word_at in range(4):
        words = {
            key: parts[word_at]
            for key, name in names.items()
            if key not in found and len(parts := name.split()) > max(word_at, 1)
        }
        if words:
            found.update((key, score * 0.9) for key, score in best(words))
    return list(found.items())
