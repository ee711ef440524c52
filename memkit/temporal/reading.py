"""What a stretch of words may mean, and the reader that holds a sentence and its calendar."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from memkit.temporal.calendar import DAY, Calendar, Cycle, Period
from memkit.temporal.tokens import Sentence, Token
from memkit.temporal.vocabulary import FUTURE

_YEAR = re.compile(r"[12][0-9]{3}\Z")
_SHORT_YEAR = re.compile(r"'[0-9]{2}\Z")
_BEGUN = frozenset({"is", "are", "be"})
_PLANNED = frozenset({"due", "scheduled", "planned"})
_NOTHING = Token("", "", 0, 0)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the words up to (not with) token ``stop`` mean.

    Either ``periods``, each with its certainty (more than one if they are ambiguous), or a
    ``cycle``, of which the question's tense or another time decides which turn it is.
    ``kind`` is the unit of the calendar that it is, if any.
    """

    stop: int
    certainty: float
    periods: tuple[tuple[Period, float], ...] = ()
    cycle: Cycle | None = None
    kind: str = ""

    def mapped(self, change: Callable[[Period], Period], stop: int, kind: str = "") -> Reading:
        """The same with every period changed."""
        cycle = self.cycle
        if cycle is not None:
            make = cycle.make
            cycle = Cycle(lambda number: change(make(number)), cycle.number)
        periods = tuple((change(period), chance) for period, chance in self.periods)
        return replace(self, stop=stop, periods=periods, cycle=cycle, kind=kind or self.kind)


def fixed(stop: int, period: Period, certainty: float, kind: str = "") -> Reading:
    """A reading as one period."""
    return Reading(stop, certainty, ((period, certainty),), None, kind)


class Reader:
    """A sentence, and the calendar by which to read it."""

    def __init__(self, sentence: Sentence, calendar: Calendar) -> None:
        self.sentence = sentence
        self.calendar = calendar
        self.words = [token.word for token in sentence]
        self.future = self._is_future()

    def word(self, at: int) -> str:
        """The word there; empty past either end and where there is no word."""
        return self.words[at] if 0 <= at < len(self.words) else ""

    def token(self, at: int) -> Token:
        """The token there, or one of nothing."""
        return self.sentence[at] if 0 <= at < len(self.sentence) else _NOTHING

    def year(self, at: int) -> tuple[int, int] | None:
        """A year that completes what stands before it ("of 2023", "last year"), and its end."""
        if self.word(at) in {"of", "in", "de"}:
            at += 1
        word = self.word(at)
        if _YEAR.match(word):
            return int(word), at + 1
        if _SHORT_YEAR.match(word):
            return self.full_year(int(word[1:])), at + 1
        this = self.calendar.local.year
        if word == "the" and self.words[at : at + 4] == ["the", "year", "before", "last"]:
            return this - 2, at + 4
        offset = {"last": -1, "previous": -1, "this": 0, "next": 1}.get(word)
        if offset is not None and self.word(at + 1) == "year":
            return this + offset, at + 2
        return None

    def full_year(self, short: int) -> int:
        """The year that two digits stand for: at most ten years from now."""
        century = self.calendar.local.year // 100 * 100
        number = century + short
        return number if number <= self.calendar.local.year + 10 else number - 100

    def resolved(self, reading: Reading) -> tuple[tuple[Period, float], ...]:
        """The periods that a reading stands for, by the sentence's tense if that decides."""
        cycle = reading.cycle
        if cycle is None:
            return reading.periods
        local, today = self.calendar.local, self.calendar.today
        period = cycle.latest(local)
        if self.future and period.end <= local:
            period = cycle.earliest(local)
        if reading.kind != "weekday" or not today <= period.start < today + DAY:
            return ((period, reading.certainty),)
        # "On Friday" said on a Friday: today, or a week away.
        week = timedelta(days=7 if self.future else -7)
        other = Period(period.start + week, period.end + week)
        return ((other, reading.certainty * 0.65), (period, reading.certainty * 0.65))

    def _is_future(self) -> bool:
        words = self.words
        if not FUTURE.isdisjoint(words):
            return True
        for at, word in enumerate(words):
            following = words[at + 1 : at + 3]
            if word == "going" and following[:1] == ["to"]:
                return True
            if word.endswith("'ll"):
                return True
            if word == "next" and at and words[at - 1] in {"what's", "what"}:
                return True
            if word in _PLANNED and not _BEGUN.isdisjoint(words[:at]):
                return True
        return False
