"""Events by which a query tells a time: "before I moved", "two weeks after the launch"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from memkit.temporal import calendar as cal
from memkit.temporal.reading import Reader
from memkit.temporal.spans import Relation
from memkit.temporal.terms import Step, step
from memkit.temporal.vocabulary import RELATIONS, WEEKDAYS

# Words of a phrase that are kept: more describe no event.
_WORDS = 12

_RELATIONS: dict[str, Relation] = {
    "before": "before",
    "after": "after",
    "since": "since",
    "until": "until",
    "till": "until",
    "during": "during",
    "while": "during",
}
_SUBJECTS = frozenset("i we you he she they it this that there who".split())
_DETERMINERS = frozenset("the a an my our your his her its their that this these those".split())
_FILLERS = frozenset(
    "then that this these those it there all now so which when what long ever not if once again"
    " last next hours work school".split()
)
#: Where a phrase ends: a question that goes on after it, or another time.
_ENDS = frozenset("what which who whom whose how why did do does where".split())
#: Verbs that take "after" without meaning time.
_AFTER = frozenset(
    "look looks looked looking name named ask asks asked asking take takes took taking"
    " run runs ran go goes went going sought chase chased".split()
)


@dataclass(frozen=True, slots=True)
class Found:
    """An anchor from token ``first`` up to ``stop``; its phrase begins at token ``phrase``."""

    first: int
    phrase: int
    stop: int
    relation: Relation
    certainty: float
    window: tuple[timedelta, timedelta] | None = None


def anchor(reader: Reader, at: int, taken: Iterable[int] = ()) -> Found | None:
    """The anchor that begins at a token; its phrase ends before the tokens ``taken``."""
    the = reader.word(at) == "the"
    by = step(reader, at + 1 if the else at, the)
    if by is not None and by.side != "of":
        relation: Relation | None = "before" if by.side == "before" else "after"
        begin = by.stop
    else:
        by = None
        relation, begin = _relation(reader, at)
    if relation is None:
        return None
    stop = _phrase_end(reader, begin, frozenset(taken))
    certainty = _certainty(reader, at, begin, stop)
    if certainty is None:
        return None
    return Found(at, begin, stop, relation, certainty, None if by is None else _window(by))


def _relation(reader: Reader, at: int) -> tuple[Relation | None, int]:
    word, following = reader.word(at), reader.word(at + 1)
    if word in {"while", "since", "till"} and reader.word(at - 1) in {"a", "long"}:
        return None, at
    if word in RELATIONS:
        return _RELATIONS[word], at + 1
    if (word, following) == ("prior", "to"):
        return "before", at + 2
    if word == "following" and following in _DETERMINERS:
        return "after", at + 1
    if reader.words[at : at + 3] == ["by", "the", "time"]:
        return "until", at + 3
    if reader.words[at : at + 4] == ["at", "the", "time", "of"]:
        return "during", at + 4
    if word == "when" and at > 0 and (following in _SUBJECTS or following in _DETERMINERS):
        return "during", at + 1
    return None, at


def _phrase_end(reader: Reader, begin: int, taken: frozenset[int]) -> int:
    stop = begin
    while stop < len(reader.words) and stop - begin < _WORDS:
        word = reader.word(stop)
        if stop in taken and stop == begin and word == "the":
            # "Since the May release": the month is part of its name.
            while stop in taken:
                stop += 1
            if stop == len(reader.words) or reader.token(stop - 1).comma:
                return begin
            continue
        if stop in taken or word in RELATIONS or (word in _ENDS and stop > begin):
            break
        stop += 1
        if reader.token(stop - 1).comma:
            break
    return stop


def _certainty(reader: Reader, at: int, begin: int, stop: int) -> float | None:
    words = reader.words[begin:stop]
    # A phrase may be an identifier ("since ERR-1042"), which has no word.
    if not words or (len(words) == 1 and words[0] in _FILLERS) or words[0] in _ENDS:
        return None
    relation, first = reader.word(begin - 1), words[0]
    if relation == "after" and reader.word(begin - 2) in _AFTER:
        return None
    if first in {"that", "this", "which", "then"} and len(words) < 2:
        return None
    if first in {"when", "if", "all", "long", "so"}:
        return None
    if relation == "while" and first not in _SUBJECTS and first not in _DETERMINERS:
        return 0.4
    if relation == "since" and first in {"it", "it's", "that", "this", "there", "there's"}:
        # More often a reason than a time.
        return 0.3
    if relation == "when":
        return 0.5
    if first in _SUBJECTS:
        return 0.8 if len(words) > 1 else None
    if first in _DETERMINERS or first.endswith("ing"):
        return 0.7 if len(words) > 1 or first.endswith("ing") else None
    return 0.5


def _window(by: Step) -> tuple[timedelta, timedelta]:
    """Where the time lies to the event: "the week before" it, or about two weeks from it."""
    # A weekday lies somewhere in the week beside it.
    unit = cal.length("week" if by.unit in WEEKDAYS else by.unit)
    before = by.side == "before"
    if not by.counted:
        return (-unit, timedelta()) if before else (timedelta(), unit)
    centre = by.count * (-unit if before else unit)
    return centre - unit / 2, centre + unit / 2
