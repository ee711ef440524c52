"""Reading a text by rules: what it says plainly enough to be kept without a language model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from memkit.extraction.dating import Told, blanked, times_in
from memkit.extraction.findings import Finding
from memkit.extraction.languages import LANGUAGES
from memkit.extraction.languages.tables import Language, Rule
from memkit.extraction.sentences import Sentence, sentences
from memkit.extraction.values import item_in, name_in, value_of, values_of

#: What speaks without being anybody: what it says of itself is kept of nobody.
MACHINES: Final = frozenset("assistant system tool bot ai model function developer".split())
#: Who speaks where nobody is named.
USER: Final = "user"
_USERS: Final = frozenset({"user", "human"})
#: A text that says more than this is a list; what is beyond is left out.
MOST: Final = 100

#: Values of which a time is a part.
_TIMED: Final = frozenset({"day", "birthday", "action", "sentence", "version"})
_WORD: Final = re.compile(r"\w")


def read(
    text: str, speaker: str | None, now: datetime, *, project: str | None = None
) -> list[Finding]:
    """What a text says plainly, in the order of its words.

    Args:
        text: any text.
        speaker: who says it; ``user`` if nobody is named.
        now: when it was said (aware); "last week" is the week before.
        project: what "we" stands for, where it is something that a group uses.
    """
    found: list[Finding] = []
    for sentence in sentences(text):
        if sentence.asks:
            continue
        who = sentence.speaker or speaker or USER
        for language in LANGUAGES:
            here = list(_in_sentence(sentence, language, who, now, project))
            if here:
                found += here
                break
        if len(found) >= MOST:
            return found[:MOST]
    return found


def _in_sentence(
    sentence: Sentence, language: Language, who: str, now: datetime, project: str | None
) -> Iterator[Finding]:
    times = times_in(sentence.text, language, now)
    plain = blanked(sentence.text, [told.position for told in times])
    hedge = language.hedged.search(plain)
    carried: list[Told] = []
    for begin, end in _clauses(plain, language):
        opening = language.opening.match(plain, begin, end)
        first = opening.end() if opening else begin
        mine = [told for told in times if begin <= told.position[0] < end] + carried
        if not _WORD.search(plain, first, end):
            carried = mine
            continue
        carried = []
        taken: set[str] = set()
        for rule, pattern in language.compiled:
            if rule.predicate in taken:
                continue
            # Where a time is part of what is said it is left in.
            text = sentence.text if rule.value in _TIMED else plain
            match = pattern.match(text, first, end)
            if match is None:
                continue
            if hedge is not None and (
                rule.kind in {"fact", "preference"} or hedge.start() < match.start("object")
            ):
                continue
            if rule.kind == "constraint" and begin > 0:
                # "He is great, always use him" orders nothing.
                continue
            if rule.value == "thing" and _too_short(match, text[match.end() : end], language):
                continue
            for finding in _findings(sentence, rule, match, mine, language, who, now, project):
                taken.add(rule.predicate)
                yield finding


def _clauses(text: str, language: Language) -> Iterator[tuple[int, int]]:
    begin = 0
    for found in language.breaking.finditer(text):
        if found.start() > begin:
            yield begin, found.start()
        begin = found.end()
    if begin < len(text):
        yield begin, len(text)


def _findings(
    sentence: Sentence,
    rule: Rule,
    match: re.Match[str],
    times: Sequence[Told],
    language: Language,
    who: str,
    now: datetime,
    project: str | None,
) -> Iterator[Finding]:
    groups = match.groupdict()
    subject = _subject(groups, language, who, project, decides=rule.kind == "decision")
    if subject is None:
        return
    caught = groups.get("object") or groups.get("partner") or ""
    for value in values_of(caught, rule, language, now):
        if value != subject:
            yield from _said(sentence, rule, match, times, language, who, now, subject, value)


def _said(
    sentence: Sentence,
    rule: Rule,
    match: re.Match[str],
    times: Sequence[Told],
    language: Language,
    who: str,
    now: datetime,
    subject: str,
    value: str,
) -> Iterator[Finding]:
    start, end = _place(sentence.text, match, times)
    base = Finding(
        kind=rule.kind,
        content=_content(rule, subject, value, language, who),
        quote=sentence.text[start:end],
        start=sentence.start + start,
        end=sentence.start + end,
    )
    if rule.kind != "fact":
        yield base
        return
    since, until = _valid(times, now)
    if rule.value in _TIMED:
        since = until = None
    if rule.perfect and since is None:
        return
    if since is not None and since > now:
        # It is still to come, or was read wrongly.
        return
    fact = replace(base, subject=subject, predicate=rule.predicate, object=value)
    if rule.ends:
        yield replace(fact, valid_to=since or until or now, ended=True)
        return
    if "old" in match.re.groupindex and match["old"]:
        old = value_of(match["old"], rule, language, now)
        if old is not None and old != value:
            told = rule.was.format(subject=subject, object=old)
            yield replace(fact, object=old, content=told, valid_to=since or now, ended=True)
    yield replace(fact, valid_from=since, valid_to=until)


def _too_short(match: re.Match[str], rest: str, language: Language) -> bool:
    """Whether a value that was cut says more than was said: "I love stories that end well"."""
    words = match["object"].split()
    if language.narrowed.fullmatch(" " + words[-1]):
        return True
    return len(words) <= 2 and language.narrowed.match(rest) is not None


def _subject(
    groups: dict[str, str | None], language: Language, who: str, project: str | None, decides: bool
) -> str | None:
    """Whom a rule speaks of; ``None`` if that cannot be told."""
    if groups.get("named"):
        return item_in(groups["named"] or "", language)
    if groups.get("bare"):
        return ""
    named = groups.get("who") or groups.get("turned_who")
    if named:
        return name_in(named, language)
    if groups.get("group"):
        return project or (groups["group"] or "").lower()
    if groups.get("we"):
        return language.group_says if decides else project or _person(who)
    if groups.get("first") or groups.get("turned"):
        return _person(who)
    return ""


def _person(who: str) -> str | None:
    if who.lower() in MACHINES:
        return None
    return USER if who.lower() in _USERS else who


def _content(rule: Rule, subject: str, value: str, language: Language, who: str) -> str:
    if rule.kind == "decision" and subject and language.mine.search(value):
        # "My", in the mouth of somebody else, would be wrong.
        return f"{who}: {rule.says.format(subject='I', object=value)}"
    return rule.says.format(subject=subject, object=value).strip()


def _place(text: str, match: re.Match[str], times: Sequence[Told]) -> tuple[int, int]:
    """Where the words stand, those that tell its time included where they follow or precede."""
    start, end = match.span()
    for told in times:
        start, end = min(start, told.position[0]), max(end, told.position[1])
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _valid(times: Sequence[Told], now: datetime) -> tuple[datetime | None, datetime | None]:
    since = next((told.start for told in times if told.start is not None), None)
    until = next((told.end for told in times if told.end is not None), None)
    if since is not None and until is not None and until <= since:
        until = None
    return since, until
