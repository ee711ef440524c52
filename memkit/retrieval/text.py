"""What of a record is embedded and indexed: one place, for every leg and backend."""

from __future__ import annotations

from memkit.types import DEFAULT_KIND, MemoryRecord
from memkit.validation import AGENT_TAG, MESSAGE_TAG

# Not strftime's: that follows the process's locale, and stored texts must not.
_MONTHS = (
    "January February March April May June July August September October November December"
).split()


def index_text(record: MemoryRecord) -> str:
    """The text that stands for a record in both legs.

    A turn of a conversation is written as one would quote it, ``(8 May 2023) Ann said,
    "..."``: a bare turn says neither who speaks nor when, and questions ask for both. A
    record without a speaker keeps its text, after its date if it has one.

    It is all that is embedded. The lexical leg has the words of :func:`labels_text` besides.
    """
    text = record.content
    if record.speaker is not None:
        text = f'{record.speaker} said, "{text}"'
    if record.occurred_at is not None:
        when = record.occurred_at
        text = f"({when.day} {_MONTHS[when.month - 1]} {when.year}) {text}"
    return text


def labels_text(record: MemoryRecord) -> str:
    """The words that stand for a record in the lexical leg alone: its kind and its tags.

    Not the kind that a record has when nobody chose one, nor the tags that say who wrote it
    or where it was sent. ``benchmarks/ablations.py`` shows what these words are worth.
    """
    kind = () if record.kind == DEFAULT_KIND else (record.kind,)
    tags = (tag for tag in record.tags if not tag.startswith((AGENT_TAG, MESSAGE_TAG)))
    return " ".join((*kind, *tags))
