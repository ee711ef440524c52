"""What of a record is embedded and indexed: one function, for every leg and backend."""

from __future__ import annotations

from memkit.types import MemoryRecord

# Not strftime's: that follows the process's locale, and stored texts must not.
_MONTHS = (
    "January February March April May June July August September October November December"
).split()


def index_text(record: MemoryRecord) -> str:
    """The text that stands for a record in both legs.

    A turn of a conversation is written as one would quote it, ``(8 May 2023) Ann said,
    "..."``: a bare turn says neither who speaks nor when, and questions ask for both. A
    record without a speaker keeps its text, after its date if it has one.
    """
    text = record.content
    if record.speaker is not None:
        text = f'{record.speaker} said, "{text}"'
    if record.occurred_at is not None:
        when = record.occurred_at
        text = f"({when.day} {_MONTHS[when.month - 1]} {when.year}) {text}"
    return text
