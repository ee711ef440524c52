"""What a record is found by, besides its vector: terms and signature, computed from it alone."""

from __future__ import annotations

from collections.abc import Sequence

from memkit.drafts import is_event, place_of
from memkit.types import MemoryRecord


def analysed(
    records: Sequence[MemoryRecord], texts: Sequence[str]
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """The terms and the signature of each record.

    Args:
        records: any records.
        texts: the index text of each.
    """
    from memkit.retrieval.analysis import analyze
    from memkit.retrieval.near import signatures

    terms = [analyze(text) for text in texts]
    # Turns and messages are not compared, so they have no terms to be compared by.
    keys = signatures(
        [
            ((), "") if is_event(record) else (words, place_of(record) + record.kind)
            for record, words in zip(records, terms, strict=True)
        ]
    )
    return terms, keys
