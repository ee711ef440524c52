"""The tokens of a text: which word each one is a piece of."""

from __future__ import annotations

from typing import Any


def words_of(encoding: Any, text: str, most: int) -> tuple[str, ...]:
    """For each of the first ``most`` tokens of a text the word that it is a piece of.

    A token that belongs to no word counts as one of its own.

    Args:
        encoding: the tokens, as the package tokenizers tells them, special ones left out.
        text: what was cut into tokens.
        most: how many are wanted.
    """
    spans: dict[int, tuple[int, int]] = {}
    numbers = encoding.word_ids
    offsets = encoding.offsets
    for number, (start, end) in zip(numbers, offsets, strict=True):
        if number is not None:
            first, last = spans.get(number, (start, end))
            spans[number] = min(first, start), max(last, end)
    words = []
    for number, offset in zip(numbers[:most], offsets[:most], strict=True):
        start, end = offset if number is None else spans[number]
        words.append(text[start:end])
    return tuple(words)
