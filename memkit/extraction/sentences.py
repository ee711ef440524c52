"""A text taken apart into what was said: sentences with their places, and who says them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from memkit.rendering import BAR, PREFACE

#: A sentence longer than this is a list, a log or code; no rule looks at it.
LONGEST: Final = 400
#: Of a text only so many characters are looked at.
LOOKED_AT: Final = 50_000

_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)")
_HEADER: Final = re.compile(r"^(?:around it: )?\[id=[^\]]*\]?")
_FOOTER: Final = re.compile(r"^\(\d+ more (?:characters?|left out)\b.*\)$")
# Text of others: a quotation, a comment, a heading, a table, markup.
_OTHERS: Final = re.compile(r"^[ \t]*(?:>|#{1,6} |<|//|\{|\[\w)")
_ITEM: Final = re.compile(r"^[ \t]*(?:[-*•+]|\d{1,3}[.)])[ \t]+(?:\[[ x]\] )?")
_SPEAKER: Final = re.compile(
    r"^[ \t]*(?P<who>[A-ZÀ-Þ][\w.'’-]*(?: [A-ZÀ-Þ][\w.'’-]*)?|user):[ \t]+"
)
# What stands before a colon and speaks of what follows, not for it.
_NO_SPEAKER: Final = frozenset(
    "decision decided note update reminder fact constraint rule policy todo fyi preference "
    "important "
    "warning summary question answer deadline entscheidung beschluss entschieden beschlossen "
    "hinweis "
    "wichtig regel vorgabe frist ps edit tip subject re".split()
)
_END: Final = re.compile(r"[.!?…]+[)\]]*(?:\s+|$)")
_SHORT: Final = re.compile(
    r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|vs|approx|No|Nr|ca|bzw|Inc|Ltd|Co|[A-Z])|e\.g|i\.e|z\.\s?B"
    r"|d\.\s?h|u\.\s?a|\b\d{1,2})\.$"
)
_QUOTES: Final = re.compile(r"[\"“”„«»]|(?<![\w])['‘]\w[^'’]*\w['’](?!\w)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a text.

    Attributes:
        text: its words, without the mark at its end.
        start: where it begins in the text, in characters.
        asks: whether it ends with a question mark.
        speaker: who says it, where the line names somebody.
    """

    text: str
    start: int
    asks: bool
    speaker: str | None


def without_recalled(text: str) -> str:
    """A text with what memkit once rendered into it blanked out, each character in its place.

    A recalled memory is a header and lines behind bars; what was recalled must not come back as
    something that was said.
    """
    lines = text.splitlines(keepends=True)
    kept = []
    for line in lines:
        bare = line.strip()
        recalled = line.lstrip().startswith(BAR.rstrip()) or PREFACE in line
        if recalled or _HEADER.match(bare) or _FOOTER.match(bare):
            line = re.sub(r"[^\r\n]", " ", line)
        kept.append(line)
    return "".join(kept)


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences in which somebody speaks in their own words.

    Code, quotations and what memkit rendered are passed over, and so are sentences with words in
    quotation marks: whose they are is not known.
    """
    fenced = False
    at = 0
    for line in without_recalled(text[:LOOKED_AT]).splitlines(keepends=True):
        start, at = at, at + len(line)
        if _FENCE.match(line):
            fenced = not fenced
            continue
        if fenced or not line.strip() or _OTHERS.match(line):
            continue
        item = _ITEM.match(line)
        begin = item.end() if item else 0
        said = _SPEAKER.match(line, begin)
        speaker = None
        if said is not None and said["who"].lower() not in _NO_SPEAKER:
            speaker, begin = said["who"], said.end()
        yield from _split(line.rstrip("\r\n"), begin, start, speaker)


def _split(line: str, begin: int, offset: int, speaker: str | None) -> Iterator[Sentence]:
    for end in _END.finditer(line, begin):
        if _SHORT.search(line, begin, end.start() + 1) and end.end() < len(line):
            continue
        yield from _sentence(line, begin, end.start(), offset, speaker, "?" in end[0])
        begin = end.end()
    yield from _sentence(line, begin, len(line), offset, speaker, asks=False)


def _sentence(
    line: str, begin: int, end: int, offset: int, speaker: str | None, asks: bool
) -> Iterator[Sentence]:
    text = line[begin:end]
    if text.strip() and len(text) <= LONGEST and not _QUOTES.search(text):
        yield Sentence(text, offset + begin, asks, speaker)
