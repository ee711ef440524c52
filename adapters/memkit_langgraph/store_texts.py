"""What of a LangGraph store's item is embedded and indexed: the text of some fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langgraph.store.base import get_text_at_path

from memkit.errors import InvalidInput
from memkit.types import Hit

#: The path of the whole value.
WHOLE = "$"

_WORD = re.compile(r"\w+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def check_paths(paths: object) -> tuple[str, ...]:
    """Return paths if they are a list of texts.

    Raises:
        InvalidInput: they are not.
    """
    if isinstance(paths, list | tuple) and all(isinstance(path, str) for path in paths):
        return tuple(paths)
    raise InvalidInput("what is indexed is a list of paths, such as ['text', 'notes[*].title']")


def text_at(value: Mapping[str, Any], paths: Sequence[str]) -> str:
    """The text at the paths, a line each; empty if there is none.

    The whole value (``$``) is a line for each of its texts, numbers and truth values, after the
    name of the field that it is in; a value of one text is that text.
    """
    lines: list[str] = []
    for path in paths:
        if path == WHOLE:
            found = list(_leaves(value, ""))
            texts = [text for _, text in found]
            lines += texts if len(found) == 1 else [f"{name}: {text}" for name, text in found]
        else:
            lines += get_text_at_path(value, path)
    text = _UNSTORABLE.sub("\ufffd", "\n".join(line for line in lines if line.strip()))
    return "" if text.isspace() else text


def _leaves(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, held in value.items():
            yield from _leaves(held, key)
    elif isinstance(value, list | tuple):
        for held in value:
            yield from _leaves(held, name)
    elif value is not None and str(value).strip():
        yield name, str(value)


def likeness(hit: Hit, asked: frozenset[str]) -> float:
    """How near a hit is to what was asked, whatever the other hits are.

    It is the cosine of the two vectors, or the share of the words asked for that the hit has,
    whichever is greater; where neither is known, memkit's own estimate of its relevance.

    Args:
        hit: what a recall gave.
        asked: the words of the query.
    """
    meant = hit.why.legs.get("dense")
    common = asked & words_of(hit.record.content)
    known = [] if meant is None else [meant.score]
    if common:
        known.append(len(common) / len(asked))
    return max(known) if known else hit.relevance or 0.0


def words_of(text: str) -> frozenset[str]:
    """The words of a text, as they are written but for case."""
    return frozenset(_WORD.findall(text.casefold()))
