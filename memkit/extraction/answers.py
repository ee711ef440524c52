"""What a language model says it found, held against the text: what does not rest on it is dropped.

A quote must stand in the text word for word, a value must share its words, names must be those of
the speaker or of somebody in the text. Nothing else of an answer is looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from memkit.errors import LanguageModelError
from memkit.extraction.findings import Finding
from memkit.extraction.reading import MOST, USER
from memkit.extraction.stamping import ENTITY
from memkit.types import MemoryRecord

#: The lists of an answer, and the kind of each.
LISTS: Final = {
    "facts": "fact",
    "preferences": "preference",
    "decisions": "decision",
    "constraints": "constraint",
}
#: The list of names, which are marks of their records and no records.
NAMES: Final = "entities"
_TEXT_MAX: Final = 500
_NAME_MAX: Final = 200
_QUOTE_MAX: Final = 1_000
_FACT: Final = frozenset({"record", "subject", "predicate", "object", "quote"})
_DATES: Final = frozenset({"valid_from", "valid_to"})
_STATEMENT: Final = frozenset({"record", "content", "quote"})
_NAMED: Final = frozenset({"record", "name"})
_WORD: Final = re.compile(r"\w+")
_PREDICATE: Final = re.compile(r"[^\W_][\w -]*")
_ISO: Final = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?")

_RECORD: Final = {"type": "integer", "description": "the number of the record"}
_QUOTE: Final = {"type": "string", "description": "the words it rests on, copied exactly"}
_DAY: Final = {"type": ["string", "null"], "description": "ISO 8601 date, if the record tells"}


def _listed(fields: Mapping[str, Any]) -> dict[str, Any]:
    item = {
        "type": "object",
        "properties": dict(fields),
        "required": list(fields),
        "additionalProperties": False,
    }
    return {"type": "array", "items": item}


_SAID: Final = _listed(
    {"record": _RECORD, "content": {"type": "string"}, "quote": _QUOTE},
)
#: The JSON schema of an answer.
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "facts": _listed(
            {
                "record": _RECORD,
                "subject": {"type": "string"},
                "predicate": {"type": "string"},
                "object": {"type": "string"},
                "valid_from": _DAY,
                "valid_to": _DAY,
                "quote": _QUOTE,
            }
        ),
        "preferences": _SAID,
        "decisions": _SAID,
        "constraints": _SAID,
        NAMES: _listed({"record": _RECORD, "name": {"type": "string"}}),
    },
    "required": [*LISTS, NAMES],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A record, or a part of a long one: its text, and where that begins in the record."""

    record: MemoryRecord
    text: str
    offset: int
    speaker: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What of an answer rests on the text, and how much did not."""

    found: tuple[tuple[MemoryRecord, Finding], ...]
    refused: int


def findings_in(answer: str, pieces: Sequence[Piece]) -> Answered:
    """What an answer says of some texts, as far as it rests on them.

    Raises:
        LanguageModelError: it is not a JSON object with the lists of :data:`SCHEMA` and no more.
    """
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        raise LanguageModelError("the language model answered no JSON") from None
    if not isinstance(told, dict) or not told.keys() <= {*LISTS, NAMES}:
        raise LanguageModelError("the language model answered JSON of another form")
    if not all(isinstance(items, list) for items in told.values()):
        raise LanguageModelError("the language model answered JSON of another form")
    found: list[tuple[MemoryRecord, Finding]] = []
    refused = 0
    for name, kind in {**LISTS, NAMES: ENTITY}.items():
        items = told.get(name, [])
        refused += max(0, len(items) - MOST * len(pieces))
        for item in items[: MOST * len(pieces)]:
            one = _finding(kind, item, pieces)
            if one is None:
                refused += 1
            elif one not in found:
                found.append(one)
    return Answered(tuple(found), refused)


def _finding(
    kind: str, item: object, pieces: Sequence[Piece]
) -> tuple[MemoryRecord, Finding] | None:
    if not isinstance(item, dict):
        return None
    wanted = {"fact": _FACT, ENTITY: _NAMED}.get(kind, _STATEMENT)
    optional = _DATES if kind == "fact" else frozenset[str]()
    if not wanted <= item.keys() <= wanted | optional:
        return None
    number = item["record"]
    if type(number) is not int or not 1 <= number <= len(pieces):
        return None
    piece = pieces[number - 1]
    # A name is its own quote.
    quote = _text(item["name"], _NAME_MAX) if kind == ENTITY else _text(item["quote"], _QUOTE_MAX)
    span = None if quote is None else _span(quote, piece.text)
    if quote is None or span is None:
        return None
    if kind == ENTITY:
        return piece.record, _name(quote, piece, span)
    made = _fact(item, piece, span) if kind == "fact" else _statement(kind, item, piece, span)
    return None if made is None else (piece.record, made)


def _fact(item: Mapping[str, Any], piece: Piece, span: tuple[int, int]) -> Finding | None:
    subject, object_ = _text(item["subject"], _NAME_MAX), _text(item["object"], _TEXT_MAX)
    predicate = _text(item["predicate"], 60)
    if subject is None or object_ is None or predicate is None:
        return None
    if not _PREDICATE.fullmatch(predicate):
        return None
    if subject.casefold() in {USER, "speaker", "i"}:
        subject = piece.speaker
    rests = _ISO.fullmatch(object_) or _shared(object_, piece.text) >= 0.5
    if not rests or not _shared(subject, f"{piece.text} {piece.speaker}"):
        return None
    try:
        since, until = _moment(item.get("valid_from")), _moment(item.get("valid_to"))
    except ValueError:
        return None
    if since is not None and until is not None and until <= since:
        return None
    name = predicate.strip().casefold().replace(" ", "_").replace("-", "_")
    start, end = span
    return Finding(
        kind="fact",
        content=f"{subject} {name.replace('_', ' ')} {object_}",
        quote=piece.text[start:end],
        start=piece.offset + start,
        end=piece.offset + end,
        subject=subject,
        predicate=name,
        object=object_,
        valid_from=since,
        valid_to=until,
        ended=until is not None and since is None,
    )


def _name(name: str, piece: Piece, span: tuple[int, int]) -> Finding:
    start, end = span
    quote = piece.text[start:end]
    return Finding(ENTITY, name, quote, piece.offset + start, piece.offset + end)


def _statement(
    kind: str, item: Mapping[str, Any], piece: Piece, span: tuple[int, int]
) -> Finding | None:
    content = _text(item["content"], _TEXT_MAX)
    if content is None or _shared(content, f"{piece.text} {piece.speaker}") < 0.5:
        return None
    start, end = span
    return Finding(
        kind=kind,
        content=content,
        quote=piece.text[start:end],
        start=piece.offset + start,
        end=piece.offset + end,
    )


def _text(value: object, most: int) -> str | None:
    if not isinstance(value, str):
        return None
    text = " ".join(value.split())
    return text if 0 < len(text) <= most and text.isprintable() else None


def _span(quote: str, text: str) -> tuple[int, int] | None:
    """Where a quote stands in a text, whatever the white space between its words."""
    words = quote.split()
    if not _WORD.search(quote):
        return None
    found = re.search(r"\s+".join(map(re.escape, words)), text)
    return None if found is None else found.span()


def _shared(value: str, text: str) -> float:
    """The share of a value's words that stand in a text, in this form or one like it."""
    words = _WORD.findall(value.casefold())
    if not words:
        return 0.0
    there = set(_WORD.findall(text.casefold()))
    stems = {word[:5] for word in there if len(word) >= 5}
    return sum(word in there or word[:5] in stems for word in words) / len(words)


def _moment(value: object) -> datetime | None:
    """A moment in UTC; ``None`` if none is told.

    Raises:
        ValueError: it cannot be read.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("a moment is text")
    text = value.strip()
    if _ISO.fullmatch(text):
        text += "-01" * (3 - len(text.split("-")))
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
