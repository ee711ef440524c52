"""The times that a sentence tells, taken out of it so that the rules need not know them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from memkit.extraction.languages.tables import Language
from memkit.temporal import Span, find

#: Below this a word is hardly a time: "May Street".
_SURE: Final = 0.6
_WORD: Final = re.compile(r"\{([^{}]*)\}")
_YEAR: Final = re.compile(r"(?:19|20)\d{2}")
_OPEN_END: Final = ("until", "till", "by", "bis")
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Told:
    """A time that a sentence tells: where it stands, and when something began and ended."""

    position: tuple[int, int]
    start: datetime | None
    end: datetime | None


def times_in(sentence: str, language: Language, now: datetime) -> list[Told]:
    """The times of a sentence, read as something said at ``now`` (aware)."""
    found: list[Told] = []
    rest = sentence
    for pattern, english in language.dated:
        for match in pattern.finditer(rest):
            told = _WORD.sub(
                lambda word: language.words.get(word[1].lower(), word[1]),
                match.expand(english).replace("None", ""),
            )
            spans = _likely(find(told, now).spans)
            if spans:
                start, end = _bounds(spans[0], told)
                found.append(Told(match.span(), start, end))
                rest = blanked(rest, [match.span()])
    for span in _likely(find(rest, now).spans):
        start, end = _bounds(span, span.text)
        found.append(Told(span.position, start, end))
    return found


def blanked(text: str, positions: Iterable[tuple[int, int]]) -> str:
    """The text with spaces in these places, as long as before."""
    for start, end in positions:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def day_in(text: str, now: datetime, *, coming: str | None = None) -> str | None:
    """The one day, or year, that a text names, as ISO 8601; ``None`` if it names none for sure.

    Args:
        text: what is said to be a day.
        now: when it was said.
        coming: words that make a time one to come, where it must be.
    """
    if _YEAR.fullmatch(text.strip()):
        return text.strip()
    told = text if coming is None else f"{coming} {text}"
    spans = _likely(find(told, now).spans)
    if len(spans) != 1:
        return None
    (span,) = spans
    if span.start is None or span.end is None:
        if span.end is None:
            return None
        # "By Friday": the last day of it.
        return (span.end - _DAY).astimezone(now.tzinfo).date().isoformat()
    start = span.start.astimezone(now.tzinfo)
    length = span.end - span.start
    if length <= _DAY:
        return start.date().isoformat()
    if length > 360 * _DAY and (start.month, start.day) == (1, 1):
        return f"{start.year:04d}"
    return None


def _likely(spans: Iterable[Span]) -> list[Span]:
    """The spans that surely are times, of several readings of one the likeliest."""
    best: dict[tuple[int, int], Span] = {}
    for span in spans:
        if span.certainty >= _SURE:
            before = best.get(span.position)
            if before is None or span.certainty > before.certainty:
                best[span.position] = span
    return list(best.values())


def _bounds(span: Span, text: str) -> tuple[datetime | None, datetime | None]:
    """When something began that was so at, since or until a time, and when it ended."""
    said = text.lower().lstrip()
    start = None if span.start is None else span.start.astimezone(UTC)
    end = None if span.end is None else span.end.astimezone(UTC)
    if said.startswith(_OPEN_END):
        return None, end
    if start is not None and end is not None and re.match(r"(?:from|between)\b", said):
        return start, end
    if start is None and said.startswith("as of") and end is not None:
        return end - _DAY, None
    return start, None
