"""Turns a text, document or query alike, into the terms that the lexical leg matches.

The text is split at white space, and each piece is analysed once and then remembered: a
store's vocabulary is small beside its texts. See :func:`analyze` for what becomes of a piece.
"""

from __future__ import annotations

import re
import threading
from hashlib import blake2b

from memkit.retrieval import scripts

#: Name and version of the analysis. It is stored with a store's terms, so every change of
#: what :func:`analyze` returns bumps it, and so does one of which texts of a record are
#: analysed (:mod:`memkit.retrieval.text`): old stores are then re-indexed.
ANALYZER = "memkit-words/3"

#: The greatest length of a term in characters. A longer word keeps its beginning and gets a
#: hash of the whole, so that two long words stay two terms.
TERM_MAX = 64
_HASH_LENGTH = 16

# Pieces longer than this are analysed afresh each time: they hardly ever come back.
_REMEMBERED_LENGTH = 40
_REMEMBERED_PIECES = 65_536

_remembered: dict[str, tuple[str, ...]] = {}
_remembering = threading.Lock()


def analyze(text: str) -> tuple[str, ...]:
    """The terms of a text, in order, with repetitions; the same for documents and queries.

    - Words are casefolded (after NFKC) and stemmed (Snowball): English for Latin letters,
      with diacritics folded; Russian for Cyrillic; Greek; Arabic, its vowel signs dropped and
      its letter variants folded. Hebrew points are dropped. Stop words are dropped.
    - Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese runs become overlapping bigrams,
      and Han characters stand alone besides.
    - Numbers stay whole (``3.14``, ``100``; ``1,000`` is ``1000``; ``8th`` is ``8``).
      Identifiers, file names, addresses and hyphenated words become the whole and its parts:
      ``parse_url`` gives ``parse_url``, ``pars``, ``url``. A date such as ``2023-05-08`` also
      gives its year, month's name and day.
    - Emoji are terms, whatever their skin tone.
    - A text of stop words alone keeps them all, so "The Who" and "to be or not to be" can be
      found. The limit: such a query only meets texts that are stop words alone, since a
      longer text drops them ("The Who played in Leeds" is found by its other words).

    No term is longer than :data:`TERM_MAX` characters. Any string is accepted, lone
    surrogates included (they separate words); the empty string has no terms.
    """
    terms = _terms(text, _remembered)
    return tuple(terms or _terms(text, None))


def _terms(text: str, remembered: dict[str, tuple[str, ...]] | None) -> list[str]:
    """The terms of all pieces; without ``remembered``, stop words are kept."""
    terms: list[str] = []
    if remembered is None:
        for piece in text.split():
            terms += _piece_terms(piece, keep=True)
        return terms
    get = remembered.get
    for piece in text.split():
        found = get(piece)
        terms += _learn(piece) if found is None else found
    return terms


def _learn(piece: str) -> tuple[str, ...]:
    terms = tuple(_piece_terms(piece, keep=False))
    if len(piece) <= _REMEMBERED_LENGTH:
        with _remembering:
            if len(_remembered) >= _REMEMBERED_PIECES:
                _remembered.clear()
            _remembered[piece] = terms
    return terms


# Letters and digits of the scripts that are written with spaces, each with its signs.
_CHARS = rf"(?:(?![{scripts.GRAMS}{scripts.EMOJI}])[^\W_][{scripts.MARKS}]*)+"
# What holds the parts of an identifier, a number or a hyphenated word together.
_JOINT = r"(?:[._@&'-]|(?<=\d)[,:/](?=\d))"
_TOKEN = re.compile(
    rf"([{scripts.GRAMS}]+)|({scripts.EMOJI_TERM})|{_CHARS}(?:{_JOINT}{_CHARS})*(?:\+\+|#(?!\w))?"
)
_ASCII_TOKEN = re.compile(rf"[^\W_]+(?:{_JOINT}[^\W_]+)*(?:\+\+|#(?!\w))?", re.ASCII)
_PLAIN = re.compile(r"[a-z]+|[A-Z][a-z]*", re.ASCII)


def _piece_terms(piece: str, *, keep: bool) -> list[str]:
    terms: list[str] = []
    if piece.isascii():
        for match in _ASCII_TOKEN.finditer(piece):
            terms += _token_terms(match[0], keep)
        return terms
    for match in _TOKEN.finditer(scripts.normalized(piece)):
        if match[1]:
            terms += scripts.grams(match[1])
        elif match[2]:
            terms.append(match[2])
        else:
            terms += _token_terms(match[0], keep)
    return terms


_CLITIC = re.compile(r"(?:n't|'(?:s|t|re|ve|ll|d|m))$", re.IGNORECASE)
_PARTS = re.compile(r"[._@&',:/+#-]+")
_CAMEL = re.compile(r"[a-z\d][A-Z]|[A-Z]{2}[a-z]{2}")
_CAMEL_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\x00-\x7f]+")
_DIGITS_FIRST = re.compile(r"(\d+)([^\W\d_]+)")
_LETTERS_FIRST = re.compile(r"([^\W\d_]{2,})\d+")
_ORDINALS = frozenset({"st", "nd", "rd", "th"})


def _token_terms(token: str, keep: bool) -> list[str]:
    """The terms of a word, number or identifier: the whole, then its parts."""
    if _PLAIN.fullmatch(token):
        return _word(token, keep)
    if token[0].isdecimal():
        number = _number(token)
        if number is not None:
            return number
    if match := _VERSION.fullmatch(token):
        return [_capped(token.casefold()), _capped(match[1])]
    if "'" in token:
        clitic = _CLITIC.search(token)
        if clitic:
            return _without_clitic(token, clitic, keep)
    parts = _PARTS.split(token)
    if not parts[-1]:
        return [_capped(token.casefold()), *_word(parts[0], keep)] if parts[0] else []
    if len(parts) == 1:
        return _single(token, keep)
    return _compound(token, parts, keep)


def _word(word: str, keep: bool) -> list[str]:
    word = word.casefold()
    if len(word) > TERM_MAX:
        return [_capped(word)]
    term, stop = scripts.stem(word)
    return [_capped(term)] if term and (keep or not stop) else []


def _without_clitic(token: str, clitic: re.Match[str], keep: bool) -> list[str]:
    base = token[: clitic.start()]
    if clitic[0][0] in "nN":
        # "don't", "can't": auxiliaries and so stop words, whatever stands before.
        return _word(token.replace("'", ""), keep) if keep else []
    return _token_terms(base, keep) if base else []


def _single(token: str, keep: bool) -> list[str]:
    """A token without joints: letters and digits, perhaps in camel case."""
    match = _DIGITS_FIRST.fullmatch(token)
    if match:
        if match[2].casefold() in _ORDINALS:
            return [_capped(match[1])]
        return [_capped(token.casefold()), _capped(match[1])]
    terms = _word(token, keep)
    match = _LETTERS_FIRST.fullmatch(token)
    if match:
        terms += _word(match[1], keep=False)
    elif _CAMEL.search(token):
        for part in _CAMEL_PART.findall(token):
            if len(part) > 1 or part.isdecimal():
                terms += _word(part, keep=False)
    return terms


def _compound(token: str, parts: list[str], keep: bool) -> list[str]:
    joints = set(_PARTS.findall(token))
    letters = all(part.isalpha() for part in parts)
    if letters and (joints <= {"'", "-"} or (joints == {"."} and max(map(len, parts)) == 1)):
        # "e-mail" is "email", "O'Brien" is "obrien", "U.S.A" is "usa".
        terms = _word("".join(parts), keep)
    else:
        terms = [_capped(token.casefold())]
    for part in parts:
        if len(part) > 1:
            terms += _single(part, keep=False)
        elif part.isdecimal():
            terms.append(part)
    return terms


_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_VERSION = re.compile(r"[vV](\d+(?:\.\d+)*)")
_DOTTED = re.compile(r"\d+(?:\.\d+)+")
_ISO_DATE = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?:T\d.*)?")
_DOTTED_DATE = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})")
# Stemmed, as a text's own "May" is.
_MONTHS = (
    *("januari", "februari", "march", "april", "may", "june"),
    *("juli", "august", "septemb", "octob", "novemb", "decemb"),
)


def _number(token: str) -> list[str] | None:
    """The terms of a token that is a number, a date or an address of digits."""
    if _NUMBER.fullmatch(token):
        return [_capped(token)]
    if _THOUSANDS.fullmatch(token):
        return [_capped(token.replace(",", ""))]
    if match := _ISO_DATE.fullmatch(token):
        year, month, day = match[1], int(match[2]), int(match[3])
    elif match := _DOTTED_DATE.fullmatch(token):
        year, month, day = match[3], int(match[2]), int(match[1])
    else:
        return [_capped(token)] if _DOTTED.fullmatch(token) else None
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return [f"{year}-{month:02}-{day:02}", year, _MONTHS[month - 1], str(day)]


def _capped(term: str) -> str:
    if len(term) <= TERM_MAX:
        return term
    digest = blake2b(term.encode("utf-8", "surrogatepass"), digest_size=_HASH_LENGTH // 2)
    return f"{term[: TERM_MAX - _HASH_LENGTH - 1]}~{digest.hexdigest()}"
