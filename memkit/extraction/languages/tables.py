"""What makes a language: its rules and the words they stand on, as tables.

A rule's pattern is a regular expression that is matched at the start of a clause. Names in braces
stand for the language's parts (``{place}`` for a value that is a proper name, ``{adv}`` for adverbs
that change nothing), and a space for any white space. :func:`speaker` and :func:`group` make its
subject.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

Kind = Literal["fact", "preference", "decision", "constraint"]

#: What a value may be; :mod:`memkit.extraction.values` checks them.
Value = Literal[
    "name",
    "thing",
    "list",
    "tool",
    "label",
    "role",
    "day",
    "birthday",
    "version",
    "action",
    "sentence",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """A common way to say something.

    Attributes:
        predicate: of the fact; for other kinds what is said.
        pattern: what it looks like, from the start of a clause, with a group ``object``.
        says: the sentence that is stored, with ``{subject}`` and ``{object}``.
        value: what the value may be.
        kind: what is made of it.
        ends: it says that something no longer holds.
        perfect: it may be over unless it says since when.
        was: what is stored of what it replaces, the group ``old``.
    """

    predicate: str
    pattern: str
    says: str
    value: Value = "name"
    kind: Kind = "fact"
    ends: bool = False
    perfect: bool = False
    was: str = ""


@dataclass(frozen=True)
class Language:
    """The tables of a language.

    Attributes:
        code: ISO 639-1.
        rules: tried in order; of those of one predicate the first that fits is taken.
        parts: what patterns are made of, by name; regular expressions. ``first`` is the speaker
            as a subject, ``we`` a group with the speaker, ``group`` others: ``the team``.
        adverbs: what may stand between a subject and its verb.
        openers: what may stand before a clause without changing it.
        hedges: a sentence with one of these says nothing for certain.
        questions: how a sentence begins that asks, even without its mark.
        reporting: a sentence with one of these tells what somebody said.
        breaks: where one clause of a sentence ends and the next begins.
        ends: words before which a value ends.
        group_says: what stands for a group with the speaker in a sentence that is stored.
        narrowing: words after which a short value says too much: "stories that end well".
        own: what speaks of the speaker; ``future``: what makes a time one that is to come.
        not_names: capitalised words that name nobody.
        not_values: first words of values that mean nothing by themselves.
        vague: words that make a value mean nothing out of its place.
        times: how times are told that :mod:`memkit.temporal` does not know, and the same as it
            does; a word of ``words`` in braces is put in its place.
        words: numbers and units, and the same in English.
    """

    code: str
    rules: tuple[Rule, ...]
    adverbs: str
    openers: str
    hedges: str
    questions: str
    reporting: str
    breaks: str
    ends: str
    not_names: frozenset[str]
    not_values: frozenset[str]
    vague: frozenset[str]
    narrowing: str
    own: str
    future: str
    group_says: str
    parts: Mapping[str, str] = field(default_factory=dict)
    times: tuple[tuple[str, str], ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def compiled(self) -> tuple[tuple[Rule, re.Pattern[str]], ...]:
        """The rules with their patterns."""
        return tuple((rule, self._compiled(rule)) for rule in self.rules)

    @cached_property
    def hedged(self) -> re.Pattern[str]:
        """What finds a hedge, a question's beginning or a report in a sentence."""
        return re.compile(
            rf"(?i:\b(?:{self.hedges})\b|\b(?:{self.reporting})\b|^\W*(?:{self.questions})\b)"
        )

    @cached_property
    def breaking(self) -> re.Pattern[str]:
        """What separates clauses."""
        return re.compile(self.breaks)

    @cached_property
    def opening(self) -> re.Pattern[str]:
        """What may stand before a clause."""
        return re.compile(rf"\W*(?:(?i:{self.openers})\b[\s,:;!.–-]*)*")

    @cached_property
    def mine(self) -> re.Pattern[str]:
        """What speaks of the speaker."""
        return re.compile(rf"(?i:\b(?:{self.own})\b)")

    @cached_property
    def narrowed(self) -> re.Pattern[str]:
        """What makes less of the value before it."""
        return re.compile(rf"(?i:\s*(?:{self.narrowing})\b)")

    @cached_property
    def dated(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        """How times are told."""
        return tuple((re.compile(rf"(?i:{told})"), english) for told, english in self.times)

    def _compiled(self, rule: Rule) -> re.Pattern[str]:
        known = {**_PARTS, **self.parts}
        known["adv"] = rf"(?: (?:{self.adverbs})(?!\w))*"
        known["ends"] = self.ends
        text = rule.pattern
        while _PART.search(text):
            text = _PART.sub(lambda found: known[found[1]], text)
        return re.compile(text.replace(" ", r"\s+"))


def speaker(first: str, third: str) -> str:
    """A person as a subject: the speaker with the first form of the verb, a name with the third."""
    return rf"(?:(?P<first>{{first}}){first}|(?P<who>{{name}}){third})"


def group(first: str, third: str, plural: str | None = None) -> str:
    """A person, or a group that the speaker belongs to or speaks of, as a subject."""
    return (
        rf"(?:(?P<first>{{first}}){first}|(?P<we>{{we}}){plural or first}"
        rf"|(?P<group>{{group}}){third}|(?P<who>{{name}}){third})"
    )


_PART: Final = re.compile(r"\{([a-z][a-z_0-9]*)\}")
_CAP: Final = r"[A-ZÀ-ÖØ-ÞŁŚŠŽ][\w'’&+#-]*(?:\.[\w+-]+)*"
_END: Final = r"(?=\s*(?:[,;:.!()–—]|-\s|\Z|\b(?:{ends})\b))"
_NAME: Final = (
    rf"{_CAP}(?: (?:(?:of|de|da|do|van|von|der|den|del|la|le|the|and the) )?{_CAP}){{0,3}}"
)
_PARTS: Final[Mapping[str, str]] = {
    # Up to four words with a capital, the last of which is none that joins.
    "name": _NAME,
    "place": rf"(?P<object>{_NAME}(?:, {_CAP}(?: {_CAP})?)?){_END}",
    "org": rf"(?P<object>{_NAME}){_END}",
    # Several words, as few as there are before the value ends.
    "thing": rf"(?P<object>[^\s,;:!?()]+(?: [^\s,;:!?()]+){{0,9}}?){_END}",
    "tool": rf"(?P<object>[^\s,;:!?()]+(?: [^\s,;:!?()]+){{0,4}}?){_END}",
    "rest": r"(?P<object>[^\n]+?)[\s.!]*\Z",
    "end": _END,
}
