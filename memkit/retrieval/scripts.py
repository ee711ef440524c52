"""What the word analysis knows of scripts: character classes, folding and stemming.

The character classes are written out as ranges because ``re`` has no Unicode properties
and because Python's own tables change between versions, which stored terms must not.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache
from typing import Protocol

from memkit.retrieval import stopwords

#: Scripts written without spaces (and Hangul, whose words take endings): Thai, Lao, Myanmar,
#: Khmer, Hangul, kana, bopomofo and Han.
GRAMS = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029"
    "\u3031-\u3035\u303b\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3100-\u318f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U000323af"
)
_HAN = re.compile("[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")

#: Combining signs that belong to the word they stand in (``re`` does not count them to
#: ``\\w``). The Indic blocks are whole but for the danda.
MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a"
    "\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0711\u0730-\u074a"
    "\u07a6-\u07b0\u07eb-\u07f3\u0816-\u082d\u0859-\u085b\u08d3-\u08ff\u0900-\u0963\u0971-\u0df3"
    "\u0f18\u0f19\u0f35\u0f37\u0f39\u0f3e\u0f3f\u0f71-\u0f84\u0f86\u0f87\u0f8d-\u0fbc\u135d-\u135f"
    "\u1712-\u1715\u1732-\u1734\u1752\u1753\u1772\u1773\u180b-\u180d\u1ab0-\u1aff\u1b00-\u1b44"
    "\u1b6b-\u1b73\u1dc0-\u1dff\u20d0-\u20ff\ua802-\ua827\ua880-\ua8c5\ua980-\ua9c0\ufe20-\ufe2f"
)

#: Pictographs: each is a term.
EMOJI = (
    "\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u2600-\u27bf\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55"
    "\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
)
# Two regional indicators are one flag.
EMOJI_TERM = f"[\U0001f1e6-\U0001f1ff]{{2}}|[{EMOJI}]"

# What changes how a text looks but not what it says: soft hyphen, joiners, direction marks,
# variation selectors, skin tones, tags; Arabic tatweel; harakat and Hebrew points. The zero
# width space separates words. Every apostrophe is the ASCII one.
_LOOKS: dict[int, str | None] = dict.fromkeys(
    (
        *(0xAD, 0x640, 0x670, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, 0x20E3),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xFE00, 0xFE10),
        *range(0xE0020, 0xE0080),
        *range(0xE0100, 0xE01F0),
        *range(0x1F3FB, 0x1F400),
        *range(0x0610, 0x061B),
        *range(0x064B, 0x0660),
        *range(0x06D6, 0x06DD),
        *range(0x0591, 0x05BE),
        *(0x05BF, 0x05C1, 0x05C2, 0x05C4, 0x05C5, 0x05C7),
    )
)
_LOOKS |= dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u02b9\u2032\uff07"), "'")
_LOOKS[0x200B] = " "
_LOOKS |= {0x66B: ".", 0x66C: ","}
# A non-breaking or typographic hyphen joins as the ASCII one does.
_LOOKS |= dict.fromkeys(map(ord, "\u2010\u2011\u2212\u05be"), "-")

_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")

# Diacritics that are folded: all of Latin and Greek; of Cyrillic the stress marks and the
# diaeresis (the dots of yo are mostly left out in writing), but not the breve of short i.
_FOLDED = re.compile(
    "([A-Za-z\u00c0-\u024f\u0370-\u03ff])[\u0300-\u036f]+|([\u0400-\u04ff])[\u0300\u0301\u0308]+"
)
_LATIN = str.maketrans(
    {
        "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ł": "l", "Ł": "L",
        "ħ": "h", "Ħ": "H", "ı": "i", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe",
        "þ": "th", "Þ": "Th", "ß": "ss", "ẞ": "SS", "ŋ": "n", "Ŋ": "N",
    }
)  # fmt: skip


def normalized(text: str) -> str:
    """``text`` in NFKC with ASCII digits, without diacritics or what only changes its looks."""
    text = unicodedata.normalize("NFKD", text).translate(_LOOKS)
    text = _FOLDED.sub(r"\1\2", _FOREIGN_DIGIT.sub(_ascii_digit, text))
    return unicodedata.normalize("NFKC", text).translate(_LATIN)


def _ascii_digit(match: re.Match[str]) -> str:
    return str(unicodedata.decimal(match[0]))


def grams(run: str) -> list[str]:
    """Overlapping bigrams of a run without spaces, and its Han characters one by one.

    One Han character is often a whole word, which no bigram of its neighbours would match.
    """
    if len(run) == 1:
        return [run]
    terms = [run[i : i + 2] for i in range(len(run) - 1)]
    terms += (char for char in _HAN.findall(run) if char not in stopwords.HAN_FUNCTION)
    return terms


# The variants of alef, ya, waw and kaf, Persian and Urdu ones among them.
_ARABIC = str.maketrans("أإآٱىئیکؤ", "\u0627\u0627\u0627\u0627\u064a\u064a\u064a\u0643\u0648")
# The article with what may be joined before it. It goes first, because the stemmer cuts other
# endings off a word with it than off the same word without.
_ARABIC_ARTICLE = re.compile("^(?:[وفبك]?ال|لل)(?=.{3})")


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 - snowballstemmer's name


# A stemmer keeps the word it works on in itself, so one thread at a time.
_stemming = threading.Lock()
_stemmers: dict[str, _Stemmer] = {}


def _stem(language: str, word: str) -> str:
    with _stemming:
        if not _stemmers:
            # Late: importing them costs more than the rest of a recall. The classes are named
            # because snowballstemmer.stemmer() would use whatever PyStemmer is installed, of
            # another Snowball version perhaps, and terms must not depend on that.
            from snowballstemmer.arabic_stemmer import ArabicStemmer
            from snowballstemmer.english_stemmer import EnglishStemmer
            from snowballstemmer.greek_stemmer import GreekStemmer
            from snowballstemmer.russian_stemmer import RussianStemmer

            _stemmers["arabic"] = ArabicStemmer()
            _stemmers["greek"] = GreekStemmer()
            _stemmers["russian"] = RussianStemmer()
            _stemmers["english"] = EnglishStemmer()
        return _stemmers[language].stemWord(word)


@lru_cache(maxsize=65_536)
def stem(word: str) -> tuple[str, bool]:
    """The stem of a casefolded word and whether the word is a stop word of its script."""
    if word.isascii():
        if not word.isalpha():
            return word, False
        stop = word in stopwords.ENGLISH or word in stopwords.ENGLISH_CONTRACTIONS
        return _stem("english", word), stop
    first = next((char for char in word if char > "\x7f" and char.isalpha()), "")
    if "\u0400" <= first <= "\u052f":
        return _stem("russian", word), word in stopwords.RUSSIAN
    if "\u0600" <= first <= "\u06ff":
        word = word.translate(_ARABIC)
        if word in stopwords.ARABIC:
            return word, True
        word = _ARABIC_ARTICLE.sub("", word)
        if len(word) > 3 and word[-1] == "ه":
            # Ta marbuta as it is often typed, or "his": the stemmer drops both as ta marbuta.
            word = word[:-1] + "ة"
        return _stem("arabic", word), False
    if "\u0370" <= first <= "\u03ff":
        return _stem("greek", word), word in stopwords.GREEK
    return word, False
