"""Finding names: one pass over the words of a text, which keeps runs of large ones."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from memkit.naming import english, german
from memkit.naming.forms import formed
from memkit.naming.others import INITIAL
from memkit.temporal.vocabulary import IN, MONTHS, NAME_MONTHS, SPEAKING, WEEKDAYS

#: The most names of one text, and the longest name, in characters.
MOST: Final = 32
NAME_MAX: Final = 200

_OPEN = "\"'([{<«»“”„‘’‚*…¿¡—–-•"
_CLOSE = ".,;:!?\"'([{)]}>«»“”‘’*…—–-"
_STOPS = frozenset(".:!?…")
_APOSTROPHE = re.compile(r"['’](?:s|S|ll|d|re|ve|m)?$")
# In scripts without large letters a name is known by its quotation marks.
_QUOTED = re.compile(
    "「([^「」\n]{1,40})」|『([^『』\n]{1,40})』|《([^《》\n]{1,40})》|“([^“”\n]{1,40})”|„([^“”„\n]{1,40})[“”]"
    '|«([^«»\n]{1,40})»|"([^"\n]{1,40})"'
)
_QUOTES = frozenset('「『《“„«"')

_TIMES = frozenset((MONTHS.keys() - NAME_MONTHS) | WEEKDAYS.keys()) - {"mar", "sol"}
_NEVER = (english.NEVER | _TIMES) - english.NAMES_TOO
_NEVER_GERMAN = _NEVER | german.NEVER
# What a name does: "June told me", unlike "June we".
_VERBS = SPEAKING - frozenset(
    "i i'm we you he she they it be have as not never also can could will would should do".split()
)


def names_in(text: str, speaker: str | None = None) -> tuple[str, ...]:
    """The names of whom and what a text tells of, in the order in which they first appear.

    They are runs of words that are written large and are not so for another reason (the beginning
    of a sentence, a weekday, a greeting); products and organisations (``PostgreSQL``, ``NASA``,
    ``Qwen2``); files, identifiers, codes, addresses, handles and numbers of issues. In scripts
    without large letters they are what stands in quotation marks.

    Args:
        text: any text.
        speaker: who said it; the first name, whatever it looks like.

    Returns:
        at most :data:`MOST` names of 1 to :data:`NAME_MAX` characters, composed (NFC), without a
        possessive ending, each once whatever its case.
    """
    found: dict[str, str] = {}
    if speaker is not None:
        _add(found, " ".join(unicodedata.normalize("NFC", speaker).split()))
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    reader = _Reader(found, _is_german(text))
    for line in text.splitlines():
        reader.read(line.split())
        if len(found) >= MOST:
            break
    if not text.isascii() and not _QUOTES.isdisjoint(text):
        return _with_quoted(found, text, speaker is not None)
    return tuple(found.values())[:MOST]


def is_name(text: str) -> bool:
    """Whether a whole text is one name, as the value of a fact may be."""
    if len(text) > NAME_MAX:
        return False
    found: dict[str, str] = {}
    # As it would stand within a sentence.
    _Reader(found, in_german=False).read(["x", *text.split()])
    return list(found.values()) == [text]


def _add(found: dict[str, str], name: str) -> None:
    if 0 < len(name) <= NAME_MAX:
        found.setdefault(name.casefold(), name)


def _is_german(text: str) -> bool:
    words = set(text.split())
    marks = len(words & german.MARKS)
    return marks >= 2 and marks > len(words & english.NEVER)


def _with_quoted(found: dict[str, str], text: str, spoken: bool) -> tuple[str, ...]:
    quoted: dict[str, str] = {}
    for match in _QUOTED.finditer(text):
        name = " ".join(next(group for group in match.groups() if group is not None).split())
        if name and any(char.isalpha() and char.lower() == char.upper() for char in name):
            _add(quoted, name)
    if not quoted:
        return tuple(found.values())[:MOST]
    names = list(found.values())
    kept = names[:1] if spoken else []
    rest = dict.fromkeys(
        [*names[len(kept) :], *(n for key, n in quoted.items() if key not in found)]
    )
    flat = " ".join(text.split())
    return (*kept, *sorted(rest, key=flat.find))[:MOST]


class _Reader:
    """Reads lines of words and keeps the names.

    ``found`` are the names by their case-folded form.
    """

    def __init__(self, found: dict[str, str], in_german: bool) -> None:
        self._found = found
        self._german = in_german
        self._never = _NEVER_GERMAN if in_german else _NEVER
        self._line: list[str] = []
        self._clear()
        self._before = ""
        self._accepted = False

    def _clear(self) -> None:
        self._run: list[str] = []
        self._joints: list[str] = []
        self._initial = False
        self._formed = False
        self._led = ""

    def read(self, words: list[str]) -> None:
        """Read one line: no name goes on in the next."""
        self._line = words
        self._before = ""
        initial = True
        for word in words:
            if word.isalpha() and word.islower():
                # Most words: small letters alone.
                if self._run:
                    self._small(word)
                else:
                    self._before = word
                initial = False
                continue
            initial = self._word(word, initial)
        self._end("")

    def _small(self, word: str) -> None:
        # Not "the APIs of NASA".
        if not self._joints and word in english.BETWEEN and not (self._formed and word == "of"):
            self._joints.append(word)
            self._before = word
            return
        self._end(self._joints[0] if self._joints else word)
        self._before = word

    def _word(self, word: str, initial: bool) -> bool:
        """Read a word that is not plainly small; whether the next begins a sentence."""
        body = word.lstrip(_OPEN)
        if len(body) != len(word):
            self._end("")
            self._before = ""
            initial = initial or word[0] not in "—–-("
            if not body:
                return initial
        bare = body.rstrip(_CLOSE)
        tail = body[len(bare) :]
        if not bare:
            self._end("")
            self._before = ""
            return initial or not _STOPS.isdisjoint(tail)
        if bare.count("`") > 1:
            self._end("")
            self._marked(bare)
            self._before = ""
            return False
        called = tail.startswith("(")
        stop, dot = not _STOPS.isdisjoint(tail), ""
        if stop and tail == "." and (len(bare) == 1 or bare.lower() in english.TITLES):
            # "J. R. R. Tolkien", "Dr. Smith"
            stop, tail, dot = False, "", "."
        owner = _APOSTROPHE.search(bare)
        if owner is not None:
            bare = bare[: owner.start()]
            tail = tail or "'"
            if not bare:
                return stop
        if not called and bare.replace("-", "").replace("'", "").replace("’", "").isalpha():
            self._letters(bare, initial, ended=bool(tail))
            if dot and self._run and self._run[-1] == bare:
                self._run[-1] += dot
        elif bare == "&" and self._run and not self._joints:
            self._joints.append(bare)
        else:
            self._other(bare + "(" if called else bare, initial)
        if tail:
            self._end("")
            self._before = ""
        return stop

    def _marked(self, word: str) -> None:
        """A word with marks of code, and what is glued to it."""
        for part in word.split("`")[1::2]:
            name = part.strip(_CLOSE)
            if 2 <= len(name) <= 100 and any(map(str.isalpha, name)):
                _add(self._found, name)

    def _other(self, word: str, initial: bool) -> None:
        """A word with digits or signs: a name by its form, or none."""
        name = formed(word)
        if name is None:
            self._end("")
            self._before = ""
        elif name[0].isupper() and name.replace("-", "").isalnum():
            self._join(name, initial, by_form=True)
        else:
            self._end("")
            _add(self._found, name)
            self._before = ""

    def _letters(self, word: str, initial: bool, *, ended: bool) -> None:
        """A word of letters, some of them large, or of a script that has none."""
        low = word.lower()
        if not word[0].isupper():
            if word != low and word.isalpha() and (name := formed(word)) is not None:
                self._end("")
                _add(self._found, name)
            elif self._run and not ended and word == low:
                self._small(low)
            else:
                self._end(low)
            self._before = low if word == low else ""
            return
        if len(word) > 1 and word.isupper():
            self._capitals(word, low, initial)
            return
        if low in english.TITLES or low in self._never or low[-3:] == "n't":
            self._end(low)
            self._before = low
            return
        if len(word) > 3 and word[:-1].isupper() and word[-1] == "s":
            self._join(word[:-1], initial, by_form=True)
            return
        if len(word) == 1 and not self._run and (low in "ai" or ended):
            self._end("")
            self._before = low
            return
        camel = not word[1:].islower() and word.isalpha() and formed(word) is not None
        self._join(word, initial, by_form=camel)

    def _capitals(self, word: str, low: str, initial: bool) -> None:
        common = low in self._never and low not in ("us", "it", "who")
        if common or self._shouted() or (self._german and low in german.NEVER):
            self._end("")
            self._before = low if self._german else ""
        else:
            self._join(word, initial, by_form=True)

    def _shouted(self) -> bool:
        large = [word.lower() for word in self._line if word.isupper()]
        if len(large) < 3 or len(large) * 2 <= len(self._line):
            return False
        return any(word in self._never or _is_ordinary(word) for word in large)

    def _join(self, word: str, initial: bool, *, by_form: bool) -> None:
        """Go on with a run, or begin one."""
        if self._run:
            self._run += [*self._joints, word]
            self._joints.clear()
            self._formed = self._formed or by_form
            if len(self._run) >= 12:
                self._end("")
            return
        self._initial = initial
        self._formed = by_form
        self._led = self._before
        if self._before in english.BEFORE and not self._german:
            self._run.append(self._before)
        self._run.append(word)

    def _end(self, following: str) -> None:
        """End a run, and keep what of it is a name; ``following`` is the small word behind it."""
        if not self._run:
            self._joints.clear()
            return
        following = self._joints[0] if self._joints else following
        kept = self._german_name(following) if self._german else self._name(following)
        if kept:
            _add(self._found, " ".join(kept).rstrip("."))
        self._accepted = bool(kept)
        self._before = ""
        self._clear()

    def _name(self, following: str) -> list[str]:
        run = self._run
        first = run[0].lower()
        if first in NAME_MONTHS and (
            self._led in IN or (len(run) == 1 and following not in _VERBS)
        ):
            run = _without_first(run)
        elif self._initial and not (self._formed and len(run) == 1):
            if len(run) == 1:
                return run if _begins(first, following) else []
            if _is_ordinary(first) and first not in english.NAMES_TOO:
                rest = _without_first(run)
                if any(not _is_ordinary(word.lower()) for word in rest):
                    run = rest
        if run and not self._formed and self._is_headline():
            run = [] if all(_is_ordinary(word.lower()) for word in run) else run
        return run

    def _german_name(self, following: str) -> list[str]:
        run = self._run
        first = run[0].lower()
        if self._formed:
            return run
        if len(run) > 1:
            if self._initial and _is_ordinary(first) and first not in english.NAMES_TOO:
                run = _without_first(run)
            return run if len(run) > 1 else []
        if first in german.NOUNS or (len(first) > 5 and first.endswith(german.ENDINGS)):
            return []
        joined = self._led in ("und", "&") and self._accepted
        verb = self._initial and following in german.VERBS
        return run if joined or verb or self._led in german.BEFORE else []

    def _is_headline(self) -> bool:
        large = sum(word[:1].isupper() for word in self._line)
        small = sum(len(word) > 3 and word.islower() for word in self._line)
        return large >= 3 and not small


def _without_first(run: list[str]) -> list[str]:
    rest = run[1:]
    while rest and rest[0] in english.BETWEEN:
        rest = rest[1:]
    return rest


def _begins(first: str, following: str) -> bool:
    """Whether a single large word that begins a sentence is a name."""
    if first in english.NAMES_TOO:
        return following in _VERBS or (len(following) > 3 and following.endswith(("s", "ed")))
    return not _is_ordinary(first)


def _is_ordinary(word: str) -> bool:
    word = word.partition("-")[0]
    if (
        word in english.ORDINARY
        or word in INITIAL
        or (word[-1:] == "s" and word[:-1] in english.ORDINARY)
    ):
        return True
    return len(word) > 5 and word.endswith(english.ENDINGS) and word not in english.IN_SPITE
