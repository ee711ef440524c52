"""Finding the times of a query."""

from __future__ import annotations

import re
from datetime import datetime

from memkit.errors import InvalidInput
from memkit.temporal.anchors import Found, anchor
from memkit.temporal.calendar import Calendar
from memkit.temporal.phrases import Phrase, completed, phrase, spans_of
from memkit.temporal.reading import Reader
from memkit.temporal.spans import Anchor, Span, TimeQuery
from memkit.temporal.tokens import sentences
from memkit.temporal.vocabulary import TRIGGERS

#: Characters that are looked at: of a longer query its first and its last half as many. What
#: is asked stands at an end of what is pasted.
LOOKED_AT = 1000

_WORDS = re.compile(r"[^\W\d_]+")
#: Digits that may be a time without any word of one.
NUMERIC = re.compile(
    r"\b(?:[12][0-9]{3}\b|[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]|[0-9]{1,2}(?:st|nd|rd|th)\b"
    r"|[0-9]{0,2}[0-9]0['’]?s\b|[0-9]{1,4}(?:mo|[smhdwy])\b|[12][0-9]{3}(?:-[wWqQ]|[qQhH])|[qQ][1-4]\b|[hH][12]\b)"
    r"|['’][0-9]{2}\b"
)
# Words of a time less certain than this stay in the rest: "June said so".
_LIKELY = 0.5
_CLOSING = frozenset(".,;:?!)]}")


def find(query: str, now: datetime) -> TimeQuery:
    """The times that a query names, read as a question asked at ``now``.

    A query speaks of the past unless it says otherwise ("will", "next", "upcoming"): "in May"
    is the last May that has begun. Days begin at midnight in the zone of ``now``, weeks on
    Monday. Nothing else is looked at: neither the process's locale nor its zone. Of a query
    longer than :data:`LOOKED_AT` only the two ends are read.

    Args:
        query: any text.
        now: the reference time, with a zone.

    Raises:
        InvalidInput: ``now`` has no zone.
    """
    if now.utcoffset() is None:
        raise InvalidInput("the reference time has no zone: make it aware")
    parts = _looked_at(query)
    spans: list[Span] = []
    anchors: list[Anchor] = []
    for offset, part in parts:
        if TRIGGERS.isdisjoint(_WORDS.findall(part.lower())) and not NUMERIC.search(part):
            continue
        calendar = Calendar(now)
        for sentence in sentences(part, offset):
            _read(query, Reader(sentence, calendar), spans, anchors)
    return TimeQuery(tuple(spans), tuple(anchors), _rest(query, spans))


def _looked_at(query: str) -> list[tuple[int, str]]:
    """The parts of a query that are read, each with its place; cut where words end."""
    if len(query) <= LOOKED_AT:
        return [(0, query)]
    half = LOOKED_AT // 2
    head, tail = query[:half], query[-half:]
    cut = len(head)
    while cut and not head[cut - 1].isspace():
        cut -= 1
    skip = 0
    while skip < len(tail) and not tail[skip].isspace():
        skip += 1
    return [(0, head[:cut]), (len(query) - half + skip, tail[skip:])]


def _read(query: str, reader: Reader, spans: list[Span], anchors: list[Anchor]) -> None:
    found: list[Phrase] = []
    at = 0
    while at < len(reader.words):
        here = phrase(reader, at)
        if here is not None:
            found.append(here)
            at = here.stop
        else:
            at += 1
    taken = {at for here in found for at in range(here.first, here.stop)}
    for number, here in enumerate(found):
        following = found[number + 1] if number + 1 < len(found) else None
        position = _position(reader, here.first, here.stop)
        text = query[slice(*position)]
        spans += spans_of(reader, completed(reader, here, following), text, position)
    at = 0
    while at < len(reader.words):
        event = None if at in taken else anchor(reader, at, taken)
        if event is None:
            at += 1
        else:
            anchors.append(_anchor(query, reader, event))
            at = event.stop


def _anchor(query: str, reader: Reader, found: Found) -> Anchor:
    position = _position(reader, found.first, found.stop)
    words = _position(reader, found.phrase, found.stop)
    return Anchor(
        relation=found.relation,
        phrase=query[slice(*words)],
        text=query[slice(*position)],
        position=position,
        certainty=found.certainty,
        now=reader.calendar.now,
        window=found.window,
    )


def _position(reader: Reader, first: int, stop: int) -> tuple[int, int]:
    return reader.token(first).start, reader.token(stop - 1).end


def _rest(query: str, spans: list[Span]) -> str:
    """The query without the words of those spans that are likely to be times."""
    likely: dict[tuple[int, int], float] = {}
    for span in spans:
        likely[span.position] = likely.get(span.position, 0.0) + span.certainty
    removed = sorted(position for position, certainty in likely.items() if certainty >= _LIKELY)
    rest, at = "", 0
    for start, end in [*removed, (len(query), len(query))]:
        piece = query[at:start]
        if at:
            piece = piece.lstrip()
            if not rest:
                piece = piece.lstrip(".,;:?! ")
            elif piece and piece[0] in _CLOSING:
                rest = rest.rstrip(" ,;:")
            elif piece:
                rest += " "
        rest += piece if start == len(query) else piece.rstrip()
        at = end
    return rest
