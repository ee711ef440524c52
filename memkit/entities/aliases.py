"""Aliases: facts that say that two names are one entity's, and the names that they join."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from memkit.errors import InvalidInput
from memkit.facts.asking import Asked, Fact, facts
from memkit.facts.asserting import Asserted, Assertion, assert_fact, name_of
from memkit.naming import ALSO_KNOWN_AS, NAME_MAX
from memkit.scope import Reach, Scope

if TYPE_CHECKING:
    from memkit.engine import Engine

#: Facts about aliases that are read, the newest first.
_FACTS_MOST: Final = 10_000
#: An entity has at most so many names by its aliases: a chain is not followed further.
NAMES_MOST: Final = 100


async def alias(engine: Engine, scope: Scope, name: str, other: str) -> Asserted:
    """Say that ``other`` is another name of the entity ``name``.

    It is the fact ``other also_known_as name``: it lives in the scope, has a history and can be
    undone.

    Raises:
        InvalidInput: one cannot be a name, or both are the same but for case.
    """
    known = name_of(name, "name", NAME_MAX)
    new = name_of(other, "other", NAME_MAX)
    if known == new:
        raise InvalidInput("a name is no alias of itself")
    content = f"{new} is another name of {known}"
    return await assert_fact(engine, scope, Assertion(new, ALSO_KNOWN_AS, known, content=content))


def key_of(name: str) -> str:
    """What two spellings of a name share: its case-folded form, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


class Names:
    """Which names are one entity's: those that differ in case, and those that aliases join.

    Args:
        said: facts about aliases that hold.
        counts: the names of records, by how many name them.
    """

    def __init__(self, said: Iterable[Fact], counts: Mapping[str, int]) -> None:
        self._spelt: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for name, count in counts.items():
            self._spelt[key_of(name)][name] += count
        self._joined: defaultdict[str, list[str]] = defaultdict(list)
        #: How often a name was said to be the one that others are aliases of.
        self._main: Counter[str] = Counter()
        for fact in said:
            alias_, name = fact.record.subject or "", fact.record.object or ""
            for spelt in (alias_, name):
                self._spelt[key_of(spelt)][spelt] += 0
            one, other = key_of(alias_), key_of(name)
            self._main[other] += 1
            self._main[one] -= 1
            self._joined[one].append(other)
            self._joined[other].append(one)
        self._groups: dict[str, tuple[str, ...]] = {}

    def keys(self) -> Iterable[str]:
        """The keys of all names."""
        return self._spelt.keys()

    def group(self, name: str) -> tuple[str, ...]:
        """The keys of an entity's names, the one first that it is known by."""
        key = key_of(name)
        held = self._groups.get(key)
        if held is not None:
            return held
        found, frontier = {key: None}, [key]
        while frontier and len(found) < NAMES_MOST:
            ahead = sorted(each for near in frontier for each in self._joined.get(near, ()))
            frontier = [each for each in dict.fromkeys(ahead) if each not in found]
            found.update(dict.fromkeys(frontier[: NAMES_MOST - len(found)]))
        ordered = tuple(sorted(found, key=self._rank))
        if len(found) < NAMES_MOST:
            for each in found:
                self._groups[each] = ordered
        return ordered

    def _rank(self, key: str) -> tuple[int, int, str]:
        return -self._main[key], -self._spelt.get(key, Counter()).total(), key

    def spelt(self, key: str) -> str:
        """How a name is mostly written."""
        written = self._spelt.get(key)
        if not written:
            return key
        return min(written, key=lambda each: (-written[each], each))

    def spellings(self, keys: Iterable[str]) -> tuple[str, ...]:
        """All ways in which names are written."""
        return tuple(dict.fromkeys(name for key in keys for name in self._spelt.get(key, ())))

    def written(self, name: str) -> int:
        """How many records have a name, spelt so."""
        return self._spelt.get(key_of(name), Counter())[name]

    def count(self, key: str) -> int:
        """How many records have a name, in any spelling; one that has two counts twice."""
        return self._spelt.get(key, Counter()).total()


async def aliases(engine: Engine, scope: Scope, reach: Reach) -> list[Fact]:
    """The facts about aliases that hold."""
    return await facts(engine, scope, Asked(predicate=ALSO_KNOWN_AS, reach=reach), _FACTS_MOST)
