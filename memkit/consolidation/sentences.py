"""A text as its sentences, each word for word as it stands."""

from __future__ import annotations

import re
from typing import Final

# What may end a sentence: before white space, in scripts without spaces anywhere, or a new line.
_END: Final = re.compile(
    r"(?P<mark>[.!?\u2026\u0964\u061f\u06d4]+)[\"'\u201d\u2019)\]]*(?=\s)"
    r"|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d\u2019)]*"
    r"|\n"
)
_WORD_BEFORE: Final = re.compile(r"([^\s(\[\"']+)$")
_ABBREVIATED: Final = frozenset(
    "mr mrs ms dr prof sr jr st vs etc e.g i.e cf al fig no nos vol p pp approx ca dept est inc ltd"
    " co corp jan feb mar apr jun jul aug sep sept oct nov dec".split()
)


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, without the white space around them.

    A full stop ends none after an abbreviation or an initial, nor before a small letter. A line
    of a list is a sentence of its own.
    """
    found: list[str] = []
    start = 0
    for match in _END.finditer(text):
        if match["mark"] == "." and not _ends(text, match.start(), match.end()):
            continue
        found.append(text[start : match.end()].strip())
        start = match.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def _ends(text: str, stop: int, after: int) -> bool:
    following = text[after : after + 40].lstrip()
    if following[:1].islower():
        return False
    before = _WORD_BEFORE.search(text, max(0, stop - 20), stop)
    if before is None:
        return True
    word = before[1]
    # An initial, as in J. Smith; a list's number, as in 1. First.
    initial = len(word) == 1 and word.isupper()
    number = (
        word.isdigit() and len(word) <= 2 and stop - len(word) in (0, text.rfind("\n", 0, stop) + 1)
    )
    return not (initial or number or word.casefold() in _ABBREVIATED)
