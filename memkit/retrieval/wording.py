"""What a text says, word for word, without what cannot change its meaning."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from memkit.retrieval.scripts import GRAMS
from memkit.retrieval.stopwords import ENGLISH

# "per" is the article of "100 requests a minute".
_ARTICLES = frozenset({"a", "an", "the", "per"})
# Before these an "a" names one of several: "plan A", "vitamin A".
_DESIGNATED = frozenset(
    (
        "plan vitamin hepatitis option type grade class section group team level terminal gate "
        "building block room series exhibit appendix phase part version variant category tier "
        "zone site server node host drive disk disc column row point step case answer question "
        "scenario line route platform wing hall floor unit company factor schedule annex letter "
        "note key string minor major side model bus stage stand track dock bay list file"
    ).split()
)
_SPOKEN = {
    "cannot": ("can", "not"), "can't": ("can", "not"), "won't": ("will", "not"),
    "shan't": ("shall", "not"), "let's": ("let", "us"), "i'm": ("i", "am"),
    "dont": ("do", "not"), "doesnt": ("does", "not"), "didnt": ("did", "not"),
    "isnt": ("is", "not"), "arent": ("are", "not"), "wasnt": ("was", "not"),
    "werent": ("were", "not"), "hasnt": ("has", "not"), "havent": ("have", "not"),
    "hadnt": ("had", "not"), "couldnt": ("could", "not"), "shouldnt": ("should", "not"),
    "wouldnt": ("would", "not"),
}  # fmt: skip
_CLITICS = {"'re": "are", "'ve": "have", "'ll": "will"}
_PRONOUNS = frozenset("he she it that there here this what who where when how".split())
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}
# Where these are spoken of, capitals are part of what is said.
_CASE_MATTERS = re.compile(
    r"\b(?:pass(?:word|phrase|code)?s?|keys?|tokens?|codes?|secrets?|pins?|log-?ins?|ids?"
    r"|user-?names?|handles?|nick-?names?|aliases|alias|spell(?:ed|s|ing|t)?|capital\w*|cases?"
    r"|(?:upper|lower)-?case\w*|letters?|files?|file-?names?|folders?|director(?:y|ies)|paths?"
    r"|branch(?:es)?|variables?|commands?|flags?|hash\w*|keyspace|tables?|columns?|functions?"
    r"|class(?:es)?|methods?|repos?|repository|strings?|called|named)\b",
    re.IGNORECASE,
)

_LOOKS = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"',
        "\u2010": "-", "\u2011": "-", "\u2212": "-", "\u00ad": None, "\ufeff": None,
        "\u3002": ".", "\u3001": ",", "\uff0c": ",", "\uff01": "!", "\uff1f": "?", "\uff1b": ";",
        "\uff1a": ":", "\uff08": "(", "\uff09": ")", "\u060c": ",", "\u061b": ";", "\u061f": "?",
        "\u2026": "...", "\u00bf": None, "\u00a1": None,
    }
)  # fmt: skip
_QUOTES = "\"«»„‹›「」『』《》"
# Each character of scripts without spaces is a piece, so that spaces there do not count.
_PIECE = re.compile(rf"[{GRAMS}]|[^\s{GRAMS}]+")
_DASHES = frozenset({"-", "--", "–", "—"})
_OPENING = "('" + _QUOTES
_CLOSING = ".,;:!)'" + _QUOTES
# A word of letters alone, with apostrophes or hyphens inside.
_PLAIN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_QUOTED = re.compile(r"\"[^\"]+\"|'[^']+'|[«„“「『《‹][^»”」』》›]+[»”」』》›]|`[^`]+`")
_ENDS_SENTENCE = re.compile(r"[.!?:]['\")]*$")


@dataclass(frozen=True, slots=True)
class Word:
    """One word as compared.

    Attributes:
        key: what must be equal: the word in small letters, or verbatim if it is no plain word.
        written: the word as it stands in the text.
        starts: it begins a sentence, where a capital says nothing.
    """

    key: str
    written: str
    starts: bool


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of a text that count, in order, and what its capitals are worth.

    Attributes:
        words: its words.
        caseless: its plain words are all in small letters, or all in capitals.
        exact: capitals must be the same, since the text speaks of such things or quotes.
    """

    words: tuple[Word, ...]
    caseless: bool
    exact: bool

    def agrees(self, other: Wording) -> bool:
        """Whether the words are the same and differing capitals mean nothing."""
        if len(self.words) != len(other.words):
            return False
        exact = self.exact or other.exact
        caseless = self.caseless or other.caseless
        return all(
            a.key == b.key and (a.written == b.written or _one_word(a, b, exact, caseless))
            for a, b in zip(self.words, other.words, strict=True)
        )


def _one_word(a: Word, b: Word, exact: bool, caseless: bool) -> bool:
    """Whether two plain words that differ in capitals at most are one."""
    if a.starts and b.starts:
        # "Passwords are ..." and "passwords are ...": no name is in doubt.
        return not exact or a.written[1:] == b.written[1:]
    if exact:
        return False
    if a.key in ENGLISH and not (a.starts or b.starts):
        # "send it to US", "ask Will": no spelling of the function word.
        return _shouted(a.written) == _shouted(b.written) and a.written.istitle() == (
            b.written.istitle()
        )
    return caseless or a.starts or b.starts


def _shouted(word: str) -> bool:
    return len(word) > 1 and word.isupper()


def wording(text: str) -> Wording:
    """The words of a text that count."""
    text = unicodedata.normalize("NFC", text)
    quoted = _QUOTED.search(text) is not None or _CASE_MATTERS.search(text) is not None
    pieces = _pieces(text.translate(_LOOKS))
    plain = [word.written for word in pieces if _PLAIN.fullmatch(word.written)]
    small = all(word == word.lower() for word in plain)
    return Wording(
        words=tuple(_counting(pieces)),
        caseless=small or all(word == word.upper() for word in plain),
        exact=quoted,
    )
