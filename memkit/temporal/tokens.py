"""A query as sentences of words, with what looks like an identifier made unreadable."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memkit.temporal.vocabulary import MONTHS, SHORT, SHORT_UNITS, UNITS, WEEKDAYS


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the query.

    ``word`` is in lower case, and empty where it is none (an identifier, an address).
    ``raw`` is the query's own; ``comma`` and ``stop`` say what follows, ``owner`` whether it
    had a possessive ending.
    """

    word: str
    raw: str
    start: int
    end: int
    comma: bool = False
    stop: bool = False
    owner: bool = False


Sentence = list[Token]

_CHUNK = re.compile(r"\S+")
_LEADING = '([{"“„«*_<¿¡…'
_TRAILING = ".,;:?!)]}\"'”’»*_>…"
# Unless a short year or a decade follows: "'90s".
_QUOTES = "'‘’"
_STOPS = frozenset(".;:?!)]}…")
# Longer is no word of ours.
_LONGEST = 32

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?\Z")
# What other readers know how to read: numbers, ordinals, dates, years, times, quarters.
_READABLE = re.compile(
    r"""(?:[0-9]{1,5}(?:st|nd|rd|th)?|[0-9]{2,4}['’]?s
    |['’][0-9]{2}s?
    |[0-9]{4}-(?:[0-9]{2}(?:-[0-9]{2})?|w[0-9]{2}|q[1-4])
    |[0-9]{4}-[0-9]{2}-[0-9]{2}t[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:z|[+-][0-9]{2}:?[0-9]{2})?
    |[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}
    |[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:am|pm)?|[0-9]{1,2}(?:am|pm)
    |[qh][1-4](?:[/-]?[0-9]{4})?|[0-9]{4}[qh][1-4])\Z""",
    re.VERBOSE,
)
_AMOUNT = re.compile(r"([0-9]{1,4})([a-z]+)\Z")
_GLUED_YEAR = re.compile(r"([0-9]{1,2}(?:st|nd|rd|th)?),([0-9]{4})\Z")
_RANGE = re.compile(
    r"([0-9]{1,2}(?:st|nd|rd|th)?|[12][0-9]{3})[-–—]([0-9]{1,2}(?:st|nd|rd|th)?|[12][0-9]{3})\Z"
)
_DASH = re.compile(r"[-–—]")
_PARTIAL = frozenset({"mid", "early", "late"})
_SUFFIXES = ("'s", "’s")


def sentences(text: str, offset: int = 0) -> list[Sentence]:
    """The sentences of a text, ``offset`` characters into the query."""
    found: list[Sentence] = [[]]
    chunks = list(_CHUNK.finditer(text))
    for at, chunk in enumerate(chunks):
        raw = chunk[0]
        start = chunk.start()
        while raw and (raw[0] in _LEADING or (raw[0] in _QUOTES and not raw[1:2].isdecimal())):
            raw, start = raw[1:], start + 1
        body = raw.rstrip(_TRAILING)
        tail = raw[len(body) :]
        comma = "," in tail
        stop = not _STOPS.isdisjoint(tail)
        if body:
            tokens = _tokens(body, offset + start)
            last = tokens[-1]
            if tail == "." and stop:
                stop = not (last.word in SHORT or _numbers_a_day(last.word, chunks, at))
            if comma or stop:
                tokens[-1] = Token(
                    last.word, last.raw, last.start, last.end, comma, stop, last.owner
                )
            found[-1] += tokens
        if stop and found[-1]:
            found.append([])
    return [sentence for sentence in found if sentence]


def _numbers_a_day(word: str, chunks: list[re.Match[str]], at: int) -> bool:
    """Whether this is the "8." of "8. Mai"."""
    if not (word.isdecimal() and len(word) <= 2) or at + 1 == len(chunks):
        return False
    return chunks[at + 1][0].rstrip(_TRAILING).lower() in MONTHS


def _tokens(body: str, start: int) -> list[Token]:
    end = start + len(body)
    lower = body.lower() if len(body) <= _LONGEST else ""
    owner = lower.endswith(_SUFFIXES) and not lower[0].isdecimal()
    word = lower[:-2] if owner else lower
    if not word:
        return [Token("", body, start, end)]
    if _WORD.match(word) or word in WEEKDAYS:
        return [Token(word.replace("’", "'"), body, start, end, owner=owner)]
    # Lengths change where lower case does ("İ"), and then places would be wrong.
    if len(lower) == len(body):
        if match := _GLUED_YEAR.match(word) or _RANGE.match(word):
            split = match.start(2)
            parts = [Token(match[1], match[1], start, start + match.end(1))]
            if body[match.end(1)] != ",":
                parts.append(Token("-", "-", start + match.end(1), start + split))
            # "2024-05" is a month, and is read as one below.
            if not (len(match[1]) == 4 and len(match[2]) == 2):
                return [*parts, Token(match[2], match[2], start + split, end)]
        if match := _AMOUNT.match(word):
            unit = SHORT_UNITS.get(match[2]) or (match[2] if match[2] in UNITS else "")
            if unit:
                split = start + match.start(2)
                return [
                    Token(match[1], match[1], start, split),
                    Token(unit, body[match.start(2) :], split, end),
                ]
        if split_ := _dashed(body, word, start):
            return split_
    readable = _READABLE.match(word)
    return [Token(word.replace("’", "'") if readable else "", body, start, end)]


def _dashed(body: str, word: str, start: int) -> list[Token]:
    """The tokens of "mid-June", "8-May-2026", "June-August"; none if it is something else."""
    parts = _DASH.split(word)
    if not 2 <= len(parts) <= 3:
        return []
    names = [part for part in parts if part in MONTHS or part in WEEKDAYS]
    partial = parts[0] in _PARTIAL and len(parts) == 2
    dated = all(part in MONTHS or (part.isdecimal() and len(part) <= 4) for part in parts)
    if not (partial or len(names) == len(parts) or (names and dated)):
        return []
    ranged = len(names) == 2
    tokens: list[Token] = []
    at = 0
    for part in parts:
        if ranged and tokens:
            tokens.append(Token("-", "-", start + at - 1, start + at))
        raw = body[at : at + len(part)]
        readable = _WORD.match(part) or _READABLE.match(part)
        tokens.append(Token(part if readable else "", raw, start + at, start + at + len(part)))
        at += len(part) + 1
    return tokens
