"""What a rule has caught, looked at again: whether it is a value, and what it is called."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from memkit.extraction.dating import day_in
from memkit.extraction.languages.tables import Language, Rule, Value

_WORD: Final = re.compile(r"[^\W_][\w'’-]*")
_ARTICLE: Final = re.compile(r"(?i:the|our|der|die|das|den|unser\w*) ")
_BETWEEN: Final = re.compile(r"\s*,\s*(?:(?:and|or|und|oder)\s+)?|\s+(?:and|or|und|oder)\s+")
_TOOL: Final = re.compile(r"[A-ZÀ-Þ]|[a-z]\.[a-z]|[a-z]\d")
_MOST_WORDS: Final[dict[Value, int]] = {
    "name": 6, "thing": 9, "list": 14, "tool": 4, "label": 4, "role": 5, "day": 6,
    "birthday": 4, "version": 6, "action": 40, "sentence": 40,
}  # fmt: skip


def value_of(text: str, rule: Rule, language: Language, now: datetime) -> str | None:
    """The value that a rule caught, as it is kept; ``None`` if it is none.

    Args:
        text: what was caught.
        rule: the rule that caught it.
        language: whose rule it is.
        now: when it was said.
    """
    value = " ".join(text.split()).strip(" ,.;:!-–—")
    words = _WORD.findall(value)
    if not value or not words or len(words) > _MOST_WORDS[rule.value]:
        return None
    if rule.value == "day":
        return day_in(value, now, coming=language.future if rule.predicate == "deadline" else None)
    if rule.value in {"version", "birthday"}:
        return value
    lower = [word.lower() for word in words]
    if rule.value in {"action", "sentence"}:
        return value if len(words) > 1 and lower[-1] not in language.vague else None
    if rule.value == "name":
        return value if words[0] not in language.not_names else None
    if rule.value == "label":
        return None if language.vague.intersection(lower) else value
    if rule.value == "tool" and not _TOOL.search(value):
        return None
    if rule.value == "role" or lower[0] not in language.not_values:
        return None if language.vague.intersection(lower) else value
    return None


def values_of(text: str, rule: Rule, language: Language, now: datetime) -> list[str]:
    """The values that a rule caught: several where it catches a list."""
    parts = _BETWEEN.split(text) if rule.value == "list" else [text]
    found = [value_of(part, rule, language, now) for part in parts]
    # Of a list that is not understood nothing is taken.
    return [] if None in found else [value for value in found if value is not None]


def name_in(text: str, language: Language) -> str | None:
    """The name of a person or thing that a subject is; ``None`` if it names nobody."""
    name = " ".join(text.split())
    first = name.split(" ")[0]
    bare = re.sub(r"['’]s\Z", "", first)
    if bare in language.not_names or re.search(r"['’]s(?: |\Z)", name):
        return None
    return name


def item_in(text: str, language: Language) -> str | None:
    """The name of a thing that a subject is, without its article."""
    name = " ".join(text.split())
    name = _ARTICLE.sub("", name, count=1)
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or language.vague.intersection(words) or words[0] in language.not_values:
        return None
    if name.split(" ")[0] in language.not_names:
        return None
    return name
