"""Memories one by one as text for a model, where a framework makes the prompt out of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from memkit import Hit
from memkit.rendering import estimated_tokens, legible, quoted
from memkit_agents.shared import Recalling

# Of which less could be shown is left out.
_LEAST_CHARS = 80


def behind_bars(hits: Iterable[Hit], recalling: Recalling) -> Iterator[tuple[Hit, str]]:
    """Each hit with its text behind bars, for a framework that sets nothing around it.

    Together the texts keep to the budget of tokens; the last is cut if need be.
    """
    return _within(hits, recalling, quoted)


def made_legible(hits: Iterable[Hit], recalling: Recalling) -> Iterator[tuple[Hit, str]]:
    """The same without bars, for a framework that escapes what it quotes."""
    return _within(hits, recalling, _lines)


def _lines(text: str) -> str:
    return "\n".join(map(legible, text.splitlines()))


def _within(
    hits: Iterable[Hit], recalling: Recalling, shown: Callable[[str], str]
) -> Iterator[tuple[Hit, str]]:
    count = recalling.count_tokens or estimated_tokens
    left = recalling.max_tokens
    for hit in hits:
        text = shown(hit.content)
        tokens = count(text)
        if tokens > left:
            chars = len(hit.content) * left // tokens
            if chars >= _LEAST_CHARS:
                yield hit, shown(hit.content[:chars] + "…")
            return
        yield hit, text
        left -= tokens
