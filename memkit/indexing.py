"""What a record is found by, besides its vector: terms and signature.

The terms of a record are those of its text and of its labels (:mod:`memkit.retrieval.text`).
The terms of a turn are its own and those of the two turns just before it in its
conversation: an answer often shares no word with the question that it answers, the turn
before it does. Its own are counted three times, those of the turn before twice, of the one
before that once (BM25F's weights for fields, by repetition: Robertson, Zaragoza and Taylor,
"Simple BM25 Extension to Multiple Weighted Fields", CIKM 2004). Labels are not lent: they say
what this turn is. All other records have their own terms alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import ParamSpec, TypeAlias, TypeVar

from memkit.conversations import turns_before
from memkit.drafts import is_event
from memkit.places import place_in_conversation, place_of
from memkit.protocols import Backend
from memkit.retrieval.text import index_text, labels_text
from memkit.types import MemoryRecord

P = ParamSpec("P")
T = TypeVar("T")

Terms: TypeAlias = tuple[str, ...]

# How often a turn's own terms count, those of the turn before, of the one before that.
_COUNTED = (3, 2, 1)
# Records that are analysed on the event loop, some 50 microseconds each.
_BRIEF = 64


async def index_terms(
    backend: Backend, records: Sequence[MemoryRecord], without: Collection[str] = ()
) -> tuple[list[Terms], list[Terms]]:
    """The terms and the signature of each record.

    Args:
        backend: where the turns before them are, if not among them.
        records: any records, of any namespaces.
        without: ids of turns that lend nothing.
    """
    before = await turns_before(backend, records, without)
    return await unless_long(len(records), _analysed, records, before)


def _analysed(
    records: Sequence[MemoryRecord], before: Sequence[tuple[MemoryRecord, ...]]
) -> tuple[list[Terms], list[Terms]]:
    from memkit.retrieval.analysis import analyze
    from memkit.retrieval.near import signatures

    own = [analyze(index_text(record)) for record in records]
    at = {record.id: terms for record, terms in zip(records, own, strict=True)}
    terms = []
    for record, words, turns in zip(records, own, before, strict=True):
        if place_in_conversation(record) is not None:
            words *= _COUNTED[0]
            for distance, turn in enumerate(turns, 1):
                lent = at.get(turn.id)
                words += (analyze(index_text(turn)) if lent is None else lent) * _COUNTED[distance]
        labels = labels_text(record)
        # Apart from the text: one of stop words alone keeps its words only by itself.
        terms.append(words + analyze(labels) if labels else words)
    # Turns and messages are not compared, so they have no terms to be compared by.
    keys = signatures(
        [
            ((), "") if is_event(record) else (words, place_of(record) + record.kind)
            for record, words in zip(records, own, strict=True)
        ]
    )
    return terms, keys


async def unless_long(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do ``work`` here, or in a thread if so many records would hold the event loop up."""
    if size <= _BRIEF:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
