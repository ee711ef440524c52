"""Sentences as statements: whom they are about, what they count, date and deny."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from memkit.contradictions.tables import (
    AUXILIARIES,
    CONDITIONAL,
    FUTURE,
    HEDGES,
    IDIOMS,
    IRREGULAR,
    MULTIPLIERS,
    NEGATORS,
    NUMBERS,
    PARTS,
    PAST,
    PERIODS,
    STOP,
    UNITS,
    VERBS,
)
from memkit.retrieval.scripts import stem
from memkit.retrieval.wording import wording
from memkit.temporal import find
from memkit.temporal.spans import Span

#: Of a text only so much is read, and so many of its sentences.
CHARS_MAX: Final = 2_000
SENTENCES_MAX: Final = 12
#: A sentence of more words says too much at once to be set against another.
WORDS_MAX: Final = 40

_SENTENCE: Final = re.compile(r"(?<=[.!?;])\s+(?=[^\W\d_a-z\u00df-\u00f6])|\n+")
_NUMBER: Final = re.compile(
    r"(?P<currency>[$€£])?(?P<value>[-+]?\d+(?:[.,]\d+)*)"
    r"(?P<unit>%|°|€|\$|£|[^\W\d_]{1,9})?(?:/(?P<period>[^\W\d_]{1,9}))?"
)
_CLOCK: Final = re.compile(
    r"\b([01]?\d|2[0-3])(?::([0-5]\d)\s*(am|pm)?|\s?(am|pm)| Uhr)\b", re.IGNORECASE
)
_FIRST_PERSON: Final = frozenset("i me my mine we us our ich mir mich mein meine wir uns".split())
_PRONOUNS: Final = frozenset(
    "it they he she this that these those er sie es dies das them him her".split()
)
#: A date is taken for one from this certainty on: a bare year has 0.4.
_CERTAIN: Final = 0.4


@dataclass(frozen=True, slots=True)
class Token:
    """A word that counts.

    Attributes:
        key: its stem; for a number ``#`` and what it counts.
        written: as it stands in the text.
        value: of a number, in the base unit of what it counts.
    """

    key: str
    written: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence taken apart.

    Attributes:
        text: the sentence.
        tokens: the words that count, without those that deny.
        verb: the place in ``tokens`` at which the subject is over; -1 where no verb is known.
        denied: the places in ``tokens`` of the words that are denied.
        negated: it is denied an odd number of times.
        dates: the times that it names.
        clock: the time of day that it names, in minutes; ``None``: none.
        tense: ``past``, ``future`` or ``present``.
        copula: "is" or "are" is its verb.
        proper: the subject is definite: "the", "our", a genitive or a name.
        event: it tells of something done once.
    """

    text: str
    tokens: tuple[Token, ...]
    verb: int
    denied: frozenset[int]
    negated: bool
    dates: tuple[Span, ...]
    clock: int | None
    tense: str
    copula: bool
    proper: bool
    event: bool

    @property
    def subject(self) -> tuple[Token, ...]:
        """The words before the verb."""
        return self.tokens[: max(self.verb, 0)]


def sentences(text: str) -> list[str]:
    """The sentences of the beginning of a text."""
    parts = (part.strip() for part in _SENTENCE.split(text[:CHARS_MAX]))
    return [part for part in parts if part][:SENTENCES_MAX]


@lru_cache(maxsize=8192)
def statements(text: str, now: datetime, speaker: str | None = None) -> tuple[Statement, ...]:
    """What a text states; questions, conditions and guesses are left out.

    Args:
        text: any text.
        now: the moment that "tomorrow" is counted from, aware.
        speaker: who says "I", if that is known.
    """
    parts = sentences(text)
    found = []
    for part in parts:
        told = _statement(part, now, speaker, alone=len(parts) == 1)
        if told is not None:
            found.append(told)
    return tuple(found)


def _statement(text: str, now: datetime, speaker: str | None, *, alone: bool) -> Statement | None:
    dates, rest = _dated(IDIOMS.sub(" ", text), now)
    clock, rest = _clock(rest)
    words = [(word.key, word.written) for word in wording(rest).words]
    low = [key.lower() for key, _ in words]
    if not words or len(words) > WORDS_MAX or "?" in low:
        return None
    if low[0] in CONDITIONAL or not HEDGES.isdisjoint(low):
        return None
    if not alone and low[0] in _PRONOUNS:
        # Of whom it speaks another sentence says.
        return None
    if any(word in NEGATORS and low[at + 1] in PARTS for at, word in enumerate(low[:-1])):
        return None
    tokens: list[Token] = []
    denials: list[int] = []
    verb = -1
    copula = False
    at = 0
    while at < len(words):
        word, written = low[at], words[at][1]
        if word in NEGATORS:
            denials.append(len(tokens))
            # "no longer", "nicht mehr"
            at += 2 if low[at + 1 : at + 2] in (["longer"], ["mehr"]) else 1
            continue
        if verb < 0 and (word in AUXILIARIES or _is_verb(low, at)):
            verb = len(tokens)
            copula = word in ("is", "are", "was", "were", "ist", "sind", "war", "waren")
        number = _number(low, at)
        if number is not None:
            token, at = number
            tokens.append(token)
            continue
        if word in _FIRST_PERSON:
            tokens.append(Token(f"@{speaker or 'i'}", written))
        elif word not in STOP or _is_state(low, at) or (written.isupper() and len(written) > 1):
            # "MIT" is a licence, "mit" is a preposition.
            tokens.append(Token(stem(word)[0], written))
        at += 1
    # What follows is denied; at the end ("freitags nicht") what stands before.
    last = len(tokens) - 1
    denied = frozenset(min(place, last) for place in denials)
    return Statement(
        text=text,
        tokens=tuple(tokens),
        verb=verb,
        denied=denied,
        negated=len(denials) % 2 == 1,
        dates=dates,
        clock=clock,
        tense=_tense(low),
        copula=copula,
        proper=_is_definite(text, low),
        event=_is_event(low),
    )


def _dated(text: str, now: datetime) -> tuple[tuple[Span, ...], str]:
    """The times that a sentence names, and the rest of it."""
    spans = [span for span in find(text, now).spans if span.certainty >= _CERTAIN]
    rest = text
    for start, end in sorted({span.position for span in spans}, reverse=True):
        rest = f"{rest[:start]} {rest[end:]}"
    return tuple(spans), rest


def _clock(text: str) -> tuple[int | None, str]:
    found = _CLOCK.search(text)
    if found is None:
        return None, text
    hour, minute = int(found[1]) % 24, int(found[2] or 0)
    half = (found[3] or found[4] or "").lower()
    hour = hour % 12 + 12 if half == "pm" else hour % 12 if half == "am" else hour
    return 60 * hour + minute, f"{text[: found.start()]} {text[found.end() :]}"


def _number(low: Sequence[str], at: int) -> tuple[Token, int] | None:
    """The number that begins at a word, with its unit, and where it ends."""
    word = low[at]
    if word in NUMBERS:
        value, unit, period = float(NUMBERS[word]), None, None
    else:
        found = _NUMBER.fullmatch(word)
        if found is None:
            return None
        if re.match(r"0\d", found["value"]):
            # 03.05., 007
            return None
        value = _value(found["value"])
        unit, period = found["currency"] or found["unit"], found["period"]
        if unit in ("st", "nd", "rd", "th"):
            return Token("#nth", word, value), at + 1
        if unit is not None and unit not in UNITS and unit not in MULTIPLIERS:
            return None
    written = word
    at += 1
    if unit in MULTIPLIERS and unit not in UNITS:
        value, unit = value * MULTIPLIERS[unit], None
    while at < len(low) and low[at] in MULTIPLIERS and low[at] not in UNITS:
        value, written, at = value * MULTIPLIERS[low[at]], f"{written} {low[at]}", at + 1
    counts = word in ("twice", "thrice")
    if not counts and unit is None and period is None and at < len(low) and low[at] in UNITS:
        unit, written, at = low[at], f"{written} {low[at]}", at + 1
    dimension, factor = UNITS[unit] if unit is not None else ("", 1.0)
    value *= factor
    if period is None and dimension != "seconds":
        # "100 requests a minute"; the article is no word any more.
        for ahead in (0, 1):
            if at + ahead < len(low) and low[at + ahead] in PERIODS:
                counted = low[at : at + ahead]
                period = low[at + ahead]
                written, at = " ".join((written, *counted, "per", period)), at + ahead + 1
                break
    if period in PERIODS:
        return Token("#rate", written, value / PERIODS[period]), at
    if period is not None:
        return None
    return Token(f"#{dimension}", written, value), at


def _value(text: str) -> float:
    """A number as it is written: 1,200 and 1.200 are thousands, 2.5 and 2,5 are not."""
    if re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        return float(text.replace(",", ""))
    if text.count(".") > 1 or text.count(",") > 1:
        # A version, an address: equal or not.
        return float(int.from_bytes(text.encode()[-6:], "big"))
    return float(text.replace(",", "."))


def _is_verb(low: Sequence[str], at: int) -> bool:
    """Whether a word is the verb of a statement, or of a command if it begins the sentence."""
    key = stem(low[at])[0]
    if at:
        return key in VERBS
    return key in VERBS and not low[at].endswith("s") and not AUXILIARIES & set(low[1:3])


def _is_state(low: Sequence[str], at: int) -> bool:
    """Whether "on" is what something is, not where: "is on", "turned on"."""
    if low[at] not in ("on", "an", "aus"):
        return False
    before = low[at - 1] if at else ""
    after = low[at + 1] if at + 1 < len(low) else ""
    return before in ("is", "are", "be", "turned", "switched", "ist", "sind") and (
        not after or after in STOP
    )


def _tense(low: Sequence[str]) -> str:
    held = set(low)
    if held & PAST and not ("used" in held and not _used_to(low) and not held & (PAST - {"used"})):
        return "past"
    if held & FUTURE:
        return "future"
    if held & IRREGULAR:
        return "past"
    if not held & AUXILIARIES and any(word.endswith("ed") and len(word) > 4 for word in low[:4]):
        return "past"
    return "present"


def _used_to(low: Sequence[str]) -> bool:
    return any(low[at : at + 2] == ["used", "to"] for at in range(len(low)))


def _is_event(low: Sequence[str]) -> bool:
    """Whether it tells of something that somebody did: that can be done again, otherwise."""
    if set(low) & (AUXILIARIES - {"had", "hatte", "did"}):
        return False
    return bool(set(low) & (IRREGULAR | {"had", "hatte"})) or any(
        word.endswith("ed") and len(word) > 4 and word not in ("need", "speed") for word in low[:4]
    )


def _is_definite(text: str, low: Sequence[str]) -> bool:
    first = text.split(maxsplit=1)[0].lower().strip("\"'(")
    return first in ("the", "our", "my", "its", "der", "die", "das", "unser", "unsere", "mein") or (
        low[0].endswith(("'s", "s'"))
    )
