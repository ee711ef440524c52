"""What a text says, word for word, without what cannot change its meaning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
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
_BEFORE_IS = frozenset("he she it that there here this what who where when how".split())
# Without their article they say something else: "a few", "few".
_QUANTITIES = frozenset({"few", "little"})
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
# Each character of scripts without spaces is a piece, so that spaces there do not count.
_PIECE = re.compile(rf"[{GRAMS}]|[^\s{GRAMS}]+")
_QUOTES = "'\"«»„‹›「」『』《》"
_STOPS = ".,;:!?"
_DASHES = frozenset({"-", "--", "–", "—"})
# A word of letters alone, with apostrophes or hyphens inside.
_PLAIN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_QUOTED = re.compile(r"\"[^\"]+\"|(?<!\w)'[^']+'(?!\w)|[«„‹「『《][^»“›」』》]+[»“›」』》]|`[^`]+`")


@dataclass(frozen=True, slots=True)
class Word:
    """One word as compared.

    Attributes:
        key: what must be equal: a plain word in small letters, anything else verbatim.
        written: the word as it stands in the text.
        starts: it begins a sentence, where a capital says nothing.
    """

    key: str
    written: str
    starts: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """What a text says, and what its capitals are worth.

    Attributes:
        words: the words that count, in order.
        small: its plain words are all in small letters.
        shouted: its plain words are all in capitals.
        exact: capitals must be the same, since it quotes or speaks of names and passwords.
    """

    words: tuple[Word, ...]
    small: bool
    shouted: bool
    exact: bool

    def agrees(self, other: Wording) -> bool:
        """Whether the words are the same, in order, and differing capitals mean nothing."""
        return len(self.words) == len(other.words) and all(
            a.key == b.key and (a.written == b.written or self._same_name(a, b, other))
            for a, b in zip(self.words, other.words, strict=True)
        )

    def _same_name(self, a: Word, b: Word, other: Wording) -> bool:
        """Whether two plain words that are written with other capitals are the same."""
        if self.exact or other.exact:
            return a.starts and b.starts and a.written[1:] == b.written[1:]
        shouted = self.shouted or other.shouted
        if a.starts or b.starts or shouted:
            return True
        if a.key in ENGLISH and a.key != "i":
            return False  # "send it to us", "send it to US"
        return self.small or other.small


def wording(text: str) -> Wording:
    """What a text says, word for word."""
    text = unicodedata.normalize("NFC", text).translate(_LOOKS)
    words = _expanded(_pieces(text))
    plain = [word.written for word in words if word.written.isalpha()]
    return Wording(
        words=tuple(_counting(words)),
        small=all(word == word.lower() for word in plain),
        shouted=all(word == word.upper() for word in plain),
        exact=_QUOTED.search(text) is not None or _CASE_MATTERS.search(text) is not None,
    )


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text's pieces without the punctuation around them, and whether each begins a sentence.

    A question mark is a piece of its own.
    """
    starts = True
    for match in _PIECE.finditer(text):
        core, ended, asked = _stripped(match[0])
        if core:
            yield core, starts
            starts = starts and core in _DASHES
        if asked:
            yield "?", False
        starts = starts or ended


def _stripped(piece: str) -> tuple[str, bool, bool]:
    """A piece without what surrounds it; whether it ends a sentence; whether it asks."""
    ended = asked = False
    while True:
        core = piece.strip(_QUOTES)
        bare = core.rstrip(_STOPS)
        stops = core[len(bare) :]
        ended = ended or any(stop in stops for stop in ".!?:")
        asked = asked or "?" in stops
        if bare.startswith("(") and (bare.endswith(")") or bare.count("(") > bare.count(")")):
            bare = bare[1:]
        elif bare.endswith(")") and bare.count(")") > bare.count("("):
            bare = bare[:-1]
        if bare == piece:
            return bare, ended, asked
        piece = bare


def _expanded(pieces: Iterable[tuple[str, bool]]) -> list[Word]:
    """Words with contractions written out and number words as digits."""
    words: list[Word] = []
    for piece, starts in pieces:
        if not _PLAIN.fullmatch(piece):
            words.append(Word(piece, piece, starts))
            continue
        first, *rest = _parted(piece)
        key = first.lower()
        digits = _NUMBERS.get(key)
        words.append(Word(digits or key, digits or first, starts))
        words += (Word(word, word.upper() if piece.isupper() else word) for word in rest)
    return words


def _parted(piece: str) -> tuple[str, ...]:
    """The words of a contraction, the first as it is written; else the piece alone."""
    low = piece.lower()
    if low in _SPOKEN:
        first, second = _SPOKEN[low]
        kept = piece[: len(first)]
        return (kept if kept.lower() == first else _like(piece, first), second)
    if low.endswith("n't") and len(low) > 4:
        return piece[:-3], "not"
    if low[-3:] in _CLITICS and len(low) > 3:
        return piece[:-3], _CLITICS[low[-3:]]
    if low.endswith("'s") and low[:-2] in _BEFORE_IS:
        return piece[:-2], "is"
    return (piece,)


def _like(model: str, word: str) -> str:
    if model.isupper():
        return word.upper()
    return word.capitalize() if model[0].isupper() else word


def _counting(words: Sequence[Word]) -> Iterator[Word]:
    """The words without articles, "please" and dashes between words."""
    for i, word in enumerate(words):
        before = words[i - 1].key if i else ""
        after = words[i + 1].key if i + 1 < len(words) else ""
        if word.key in _ARTICLES and _is_article(word, before, after):
            continue
        if word.key == "please":
            continue
        if word.key in _DASHES and not (before[-1:].isdigit() or after[:1].isdigit()):
            continue
        if word.key.endswith("'s") and (after == "not" or after in _ARTICLES):
            # A genitive has no article after it.
            yield Word(word.key[:-2], word.written[:-2], word.starts)
            yield Word("is", "is")
            continue
        yield word


def _is_article(word: Word, before: str, after: str) -> bool:
    if not after or (word.written[0].isupper() and not word.starts and word.written != "THE"):
        return False
    if word.key == "the":
        return True
    return (
        before not in _DESIGNATED
        and after.isalpha()
        and after not in ENGLISH
        and after not in _QUANTITIES
    )
