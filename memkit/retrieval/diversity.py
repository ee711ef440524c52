"""Hits that say the same: the first stands, the others make room."""

from __future__ import annotations

from collections.abc import Sequence

from memkit.retrieval.analysis import analyze

#: Two texts say the same if they share so much of their words (Jaccard index).
_SAME = 0.8
#: What a text keeps of its score that says what a better hit has said.
REPEAT = 0.1
# Beyond these places nothing is compared: nobody is shown them.
_COMPARED = 40


def repeats(contents: Sequence[str], wanted: int) -> list[bool]:
    """Which of these texts, best first, nearly repeat an earlier one that does not.

    In the manner of maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998), but
    only for what is all but identical: alike is not the same.

    Args:
        contents: the texts, best first.
        wanted: how many hits are shown; a few beyond them are compared too.
    """
    found = [False] * len(contents)
    kept: list[frozenset[str]] = []
    for at, content in enumerate(contents[: max(_COMPARED, wanted)]):
        terms = frozenset(analyze(content))
        if len(terms) > 1 and any(_alike(terms, other) for other in kept):
            found[at] = True
            continue
        kept.append(terms)
        if len(kept) >= wanted:
            break
    return found


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    if one.isdisjoint(other):
        return False
    small, large = len(one), len(other)
    if small > large:
        small, large = large, small
    if small < _SAME * large:
        return False
    shared = len(one & other)
    return shared >= _SAME * (small + large - shared)
