"""Judging two texts: do they speak of the same, and do they disagree about it?

Two sentences are laid side by side, their stop words, denials and dates taken away. Only where
nothing else differs is a difference taken for a contradiction: another number of the same thing, a
denial or an opposite, another date of the same event, another value of what has one. A different
subject, a different tense, a different place or a longer list is none. Every doubt is a "no": what
is paraphrased is found by a model (see :mod:`memkit.contradictions.hooks`), not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import SequenceMatcher
from typing import Final

from memkit.contradictions.evidence import Evidence, Judgement, Kind, strength
from memkit.contradictions.statements import Statement, Token, statements
from memkit.contradictions.tables import DESIGNATED, EVENTS, ONCE, ROLES, SINGLE, opposite
from memkit.temporal.vocabulary import MONTHS, WEEKDAYS

#: Texts whose vectors are less alike than this speak of different things.
LEAST_COSINE: Final = 0.35
#: So much of two sentences must be the same.
_LEAST_SHARE: Final = 0.3
#: A value has at most so many words.
_VALUE_WORDS: Final = 3
_CLOSE: Final = 1e-6
_TIMES: Final = frozenset(WEEKDAYS) | frozenset(MONTHS)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Said:
    """A text as it was said: when, which "tomorrow" is counted from, and by whom."""

    text: str
    at: datetime = _EPOCH
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class _Difference:
    """What differs between two statements at one place: words of the one, words of the other."""

    first: tuple[Token, ...]
    second: tuple[Token, ...]
    at_first: int
    at_second: int


def judge(first: Said | str, second: Said | str, cosine: float | None = None) -> Judgement:
    """What two texts are to each other.

    Args:
        first, second: the texts.
        cosine: of their vectors, if they have some; else their common words decide alone.
    """
    a, b = _as_said(first), _as_said(second)
    ours = statements(a.text, a.at, a.speaker)
    theirs = statements(b.text, b.at, b.speaker)
    best = max((_share(x, y) for x in ours for y in theirs), default=0.0)
    similarity = best if cosine is None else max(0.0, min(1.0, cosine))
    if cosine is not None and cosine < LEAST_COSINE:
        return Judgement(similarity)
    found: dict[str, Evidence] = {}
    for x in ours:
        for y in theirs:
            each = _compared(x, y, similarity)
            if each is not None and (
                each.kind not in found or found[each.kind].strength < each.strength
            ):
                found[each.kind] = each
    if any(_agreeing(x, y) for x in ours for y in theirs) and len(ours) + len(theirs) > 2:
        # One sentence of each says the same: another that differs may be of something else.
        found = {kind: _weaker(each) for kind, each in found.items()}
    return Judgement(similarity, tuple(found.values()))


def _as_said(text: Said | str) -> Said:
    return Said(text) if isinstance(text, str) else text


def _weaker(each: Evidence) -> Evidence:
    return Evidence(each.kind, each.first, each.second, 0.9 * each.strength)


def _agreeing(a: Statement, b: Statement) -> bool:
    return a.negated == b.negated and _keys(a) == _keys(b) and not _dates_differ(a, b)


def _keys(a: Statement) -> list[tuple[str, float | None]]:
    return [(token.key, token.value) for token in a.tokens]


def _share(a: Statement, b: Statement) -> float:
    """Dice's coefficient of two statements' words; a number counts as what it counts."""
    ours, theirs = [t.key for t in a.tokens], [t.key for t in b.tokens]
    total = len(ours) + len(theirs)
    if not total:
        return 0.0
    left = list(theirs)
    common = 0
    for key in ours:
        if key in left:
            left.remove(key)
            common += 1
    return 2 * common / total


def _compared(a: Statement, b: Statement, similarity: float) -> Evidence | None:
    """Why two statements contradict each other, if they do."""
    share = _share(a, b)
    if share < _LEAST_SHARE or (a.tense != b.tense):
        return None
    differences = _differences(a.tokens, b.tokens)
    values = _numbers(a, b, differences)
    dated = _dates_differ(a, b)
    if any(_in_subject(a, b, each) for each in differences):
        return None
    both = [each for each in differences if each.first and each.second]
    extra = sum(len(each.first or each.second) for each in differences if each not in both)
    if len(both) + len(values) + int(dated) > 1 or extra > 1 + len(a.tokens) // 4:
        return None
    told: tuple[Kind, str, str] | None = None
    if a.negated != b.negated or (both and _opposites(both[0])):
        told = None if values or dated else _negation(a, b, both)
    elif a.negated:
        # Neither of two denials contradicts the other.
        return None
    elif values:
        told = None if a.event or b.event else ("number", *values[0])
    elif dated:
        told = _date(a, b)
    elif both and not extra:
        told = _value(a, b, both[0])
    if told is None:
        return None
    kind, one, other = told
    # What is different is not missing: it is what the evidence is about.
    same = min(1.0, share + 2 * len(both) / max(1, len(a.tokens) + len(b.tokens)))
    return Evidence(kind, one, other, strength(kind, same, similarity))


def _differences(a: Sequence[Token], b: Sequence[Token]) -> list[_Difference]:
    ours, theirs = [token.key for token in a], [token.key for token in b]
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    return [
        _Difference(tuple(a[i1:i2]), tuple(b[j1:j2]), i1, j1)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]


def _in_subject(a: Statement, b: Statement, each: _Difference) -> bool:
    """Whether a difference is in whom the statements are about."""
    if a.verb < 0 and b.verb < 0:
        # Where no verb is known, what only one of them has may be of the subject.
        return not (each.first and each.second)
    return bool(each.first and each.at_first < a.verb) or bool(
        each.second and each.at_second < b.verb
    )


def _numbers(
    a: Statement, b: Statement, differences: Sequence[_Difference]
) -> list[tuple[str, str]]:
    """The numbers of the same thing that differ; where only some of a list do, none does."""
    pairs: list[tuple[Token, Token]] = []
    matcher = SequenceMatcher(
        None, [t.key for t in a.tokens], [t.key for t in b.tokens], autojunk=False
    )
    for block in matcher.get_matching_blocks():
        for step in range(block.size):
            one, other = a.tokens[block.a + step], b.tokens[block.b + step]
            if one.value is not None and other.value is not None:
                at = block.a + step
                named = at == 1 and one.key == "#" and a.tokens[0].key in DESIGNATED
                inside = at < a.verb or named
                if inside and not _same(one, other):
                    # Another version, ticket, chapter: another subject.
                    return [("", ""), ("", "")]
                pairs.append((one, other))
    ours = {one.value for one, _ in pairs}
    theirs = {other.value for _, other in pairs}
    if len(pairs) > 1 and ours & theirs and ours != theirs and len({p[0].key for p in pairs}) == 1:
        return []
    return [(_counted(a, one), _counted(b, other)) for one, other in pairs if not _same(one, other)]


def _counted(statement: Statement, number: Token) -> str:
    """A number with what it counts."""
    at = statement.tokens.index(number) + 1
    if number.key != "#" or at >= len(statement.tokens):
        return number.written
    return f"{number.written} {statement.tokens[at].written}"


def _same(one: Token, other: Token) -> bool:
    assert one.value is not None
    assert other.value is not None
    return abs(one.value - other.value) <= _CLOSE * max(abs(one.value), abs(other.value), 1e-9)


def _opposites(each: _Difference) -> bool:
    return (
        len(each.first) == 1
        and len(each.second) == 1
        and opposite(each.first[0].key, each.second[0].key)
    )


def _negation(
    a: Statement, b: Statement, both: Sequence[_Difference]
) -> tuple[Kind, str, str] | None:
    turned = [each for each in both if _opposites(each)]
    if len(turned) != len(both):
        return None
    denied = a.negated != b.negated
    if denied == bool(turned):
        # "not enabled", "disabled"
        return None
    if turned:
        return "negation", turned[0].first[0].written, turned[0].second[0].written
    one, other = (a, b) if a.negated else (b, a)
    shared = {token.key for token in other.tokens}
    if not any(
        one.tokens[place].key in shared for place in one.denied if 0 <= place < len(one.tokens)
    ):
        return None
    return "negation", a.text, b.text


def _dates_differ(a: Statement, b: Statement) -> bool:
    """Whether both name a time, and not the same one."""
    if a.clock is not None and b.clock is not None and a.clock != b.clock:
        return True
    if not a.dates or not b.dates:
        return False
    ours = {span.text.casefold() for span in a.dates}
    if ours & {span.text.casefold() for span in b.dates}:
        return False
    return not any(
        (x.start is None or y.end is None or x.start < y.end)
        and (y.start is None or x.end is None or y.start < x.end)
        for x in a.dates
        for y in b.dates
    )


def _date(a: Statement, b: Statement) -> tuple[Kind, str, str] | None:
    if a.event or b.event:
        return None
    told = {t.key for t in a.tokens[max(a.verb, 0) :]} & {t.key for t in b.tokens}
    is_ = a.copula and b.copula and not told and EVENTS & {t.key for t in a.subject}
    if not (told & ONCE or is_):
        return None
    return "date", _when(a), _when(b)


def _when(a: Statement) -> str:
    if a.dates:
        return a.dates[0].text
    return "" if a.clock is None else f"{a.clock // 60}:{a.clock % 60:02}"


def _value(a: Statement, b: Statement, each: _Difference) -> tuple[Kind, str, str] | None:
    if max(len(each.first), len(each.second)) > _VALUE_WORDS or a.event or b.event:
        return None
    if a.verb <= 0 or any(token.value is not None for token in (*each.first, *each.second)):
        return None
    written = " ".join(t.written for t in each.first), " ".join(t.written for t in each.second)
    if _TIMES & {word.lower().removesuffix("s") for text in written for word in text.split()}:
        return None
    subject = {token.key for token in a.subject}
    before = [token.key for token in a.tokens[a.verb : each.at_first]]
    if before[-1:] and before[-1] in SINGLE:
        return ("value", *written)
    if a.copula and b.copula and not before:
        named = all(text[:1].isupper() or not text[:1].isalpha() for text in written)
        if subject & ROLES and a.proper:
            return ("value", *written)
        if a.proper and named:
            return ("value", *written)
    return None
