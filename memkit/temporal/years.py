"""Years and decades, told apart from other numbers."""

from __future__ import annotations

import re

from memkit.temporal import calendar as cal
from memkit.temporal.reading import Reader, Reading, fixed
from memkit.temporal.vocabulary import NINETIES

_YEAR = re.compile(r"[12][0-9]{3}\Z")
_DECADE = re.compile(r"'?([0-9]{2,4})'?s\Z")

# How sure a number is a year after these words. Judged by us, as every certainty here: not
# fitted to any data.
_YEARS_FOLLOW = {
    "in": 0.9, "during": 0.9, "since": 0.9, "until": 0.9, "till": 0.9, "before": 0.85,
    "after": 0.85, "from": 0.85, "to": 0.85, "between": 0.85, "throughout": 0.9, "of": 0.7,
    "by": 0.8, "for": 0.6, "around": 0.7, "circa": 0.9, "about": 0.5, "year": 0.95, "part": 0.95,
    "through": 0.85, "im": 0.7, "en": 0.9, "em": 0.9, "nel": 0.9, "late": 0.95,
}  # fmt: skip
#: In front of a number, what says that it is no year.
_NUMBERED = frozenset(
    "port version error code pr issue ticket line page room id number no nr windows office rfc"
    " http status bug server studio build release step chapter figure table model on at than"
    " to route flight gate apollo top exactly only".split()
)
_NO_PLURAL = frozenset("was is has does this as us his its always perhaps onwards".split())


def year(reader: Reader, at: int, lead: str, the: bool) -> Reading | None:
    """The year at a token, if what is around it does not make it a mere number."""
    word = reader.word(at)
    if word == "year" and _YEAR.match(reader.word(at + 1)):
        return fixed(at + 2, cal.year(int(reader.word(at + 1))), 0.95, "year")
    if word.startswith("'") and word[1:].isdecimal() and lead in {"in", "of", "since"}:
        return fixed(at + 1, cal.year(reader.full_year(int(word[1:]))), 0.6, "year")
    if not _YEAR.match(word):
        return None
    number, following = int(word), reader.word(at + 1)
    counted = following.endswith("s") and following not in _NO_PLURAL
    before = reader.word(at - 1)
    certainty = _YEARS_FOLLOW.get(lead) if not the else 0.6
    if certainty is None:
        now = reader.calendar.local.year
        if before in _NUMBERED or counted or not 1950 <= number <= now + 10:
            return None
        certainty = 0.4
    elif counted and not reader.token(at).owner:
        certainty = min(certainty, 0.25)
    elif not 1800 <= number <= reader.calendar.local.year + 50:
        certainty *= 0.5
    return fixed(at + 1, cal.year(number), certainty, "year")


def decade(reader: Reader, at: int, the: bool) -> Reading | None:
    """The decade at a token: "the 90s", "1990s", "the nineties"."""
    word = reader.word(at)
    if word in NINETIES and the:
        return _years(at + 1, reader.calendar.local.year // 100 * 100, NINETIES[word] * 10, reader)
    match = _DECADE.match(word)
    if match is None or len(match[1]) == 3 or match[1][-1] != "0":
        return None
    if len(match[1]) == 4:
        return fixed(at + 1, cal.months_from(int(match[1]) * 12, 120), 0.85, "decade")
    return _years(at + 1, reader.calendar.local.year // 100 * 100, int(match[1]), reader)


def _years(stop: int, century: int, first: int, reader: Reader) -> Reading:
    """A decade: the last of that name that has begun."""
    if century + first > reader.calendar.local.year:
        century -= 100
    return fixed(stop, cal.months_from((century + first) * 12, 120), 0.85, "decade")
