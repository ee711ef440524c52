"""What was found in a text: a fact, a preference, a decision, a constraint, with its words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a text says.

    Attributes:
        kind: ``fact``, ``preference``, ``decision``, ``constraint``, or ``entity`` for a name.
        content: the sentence that is stored, or the name.
        quote: the words that it rests on, as they stand in the text.
        start, end: where they stand, in characters.
        subject, predicate, object: the parts of a fact; ``None`` for other kinds.
        valid_from, valid_to: since when and until when it is true, where the text tells.
        ended: it says that a fact no longer holds, as of ``valid_to``.
    """

    kind: str
    content: str
    quote: str
    start: int
    end: int
    subject: str | None = None
    predicate: str | None = None
    object: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    ended: bool = False
