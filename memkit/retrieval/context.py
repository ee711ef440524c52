"""What a conversation lends to its turns.

A question is often answered by a turn that says little itself, in the conversation that is
about it. With ``F`` the fused score of a candidate, ``S`` that of the best candidate of its
conversation and ``N`` that of the turn after it (0 if that is no candidate), a turn scores

    ``(F + 0.75 * S + 0.2 * N) / 1.75``

and the quotient of that and ``F`` is its factor ``conversation``. A record outside any
conversation is one of its own: ``S = F``, so its factor is 1.

Evidence from neighbours and from the whole document is old news in passage retrieval
(Callan, "Passage-Level Evidence in Document Retrieval", SIGIR 1994; Bendersky and Kurland,
"Utilizing Passage-Based Language Models for Document Retrieval", ECIR 2008).
``benchmarks/ablations.py`` shows what each part is worth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from memkit.places import Place, place_in_conversation, shifted
from memkit.types import MemoryRecord

_CONVERSATION = 0.75
_NEXT = 0.2
#: What a turn of the one speaker that a question names gains.
_SPEAKER = 0.1
#: What a turn that asks loses: questions are seldom answered by questions.
_ASKS = 0.1

_QUESTION_MARKS = ("?", "\uff1f", "\u061f")
_WORD = re.compile(r"\w+")


def conversation_factors(
    scored: Sequence[tuple[float, MemoryRecord]], query: str
) -> list[dict[str, float]]:
    """The factors of candidates by what surrounds them, those equal to 1 left out.

    - ``conversation``: see above.
    - ``speaker = 1.1`` for what the one speaker said whom the query names.
    - ``question = 0.9`` for a turn that asks something.

    Args:
        scored: each candidate's fused score and its record.
        query: what is asked.
    """
    if all(record.conversation_id is None for _, record in scored):
        return [{} for _ in scored]
    best: dict[tuple[str, str], float] = {}
    at: dict[Place, float] = {}
    for score, record in scored:
        if record.conversation_id is not None:
            conversation = record.namespace, record.conversation_id
            best[conversation] = max(best.get(conversation, 0.0), score)
            place = place_in_conversation(record)
            if place is not None:
                at[place] = max(at.get(place, 0.0), score)
    speaker = _named({record.speaker for _, record in scored} - {None}, query)
    return [_factors(score, record, best, at, speaker) for score, record in scored]


def _factors(
    score: float,
    record: MemoryRecord,
    best: Mapping[tuple[str, str], float],
    at: Mapping[Place, float],
    speaker: str | None,
) -> dict[str, float]:
    factors: dict[str, float] = {}
    if record.conversation_id is None or score <= 0:
        return factors
    place = place_in_conversation(record)
    following = 0.0 if place is None else at.get(shifted(place, 1), 0.0)
    lent = _CONVERSATION * best[record.namespace, record.conversation_id] + _NEXT * following
    factors["conversation"] = (score + lent) / (score * (1 + _CONVERSATION))
    if speaker is not None and record.speaker == speaker:
        factors["speaker"] = 1 + _SPEAKER
    if any(mark in record.content for mark in _QUESTION_MARKS):
        factors["question"] = 1 - _ASKS
    return factors


def _named(speakers: set[str | None], query: str) -> str | None:
    """The one speaker whose name, or a part of it, is in the query."""
    words = set(_WORD.findall(query.casefold()))
    named = [
        speaker
        for speaker in speakers
        if speaker is not None and not words.isdisjoint(_WORD.findall(speaker.casefold()))
    ]
    return named[0] if len(named) == 1 else None
