"""The pairs of a page of records that are worth a look: near texts, and facts of one subject."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from memkit.clock import utc_now
from memkit.contradictions.asserted import among
from memkit.contradictions.keeping import pair_id
from memkit.contradictions.pairs import Rules, comparable, may_meet
from memkit.facts.settling import groups_of, is_fact
from memkit.filters import And, Eq, Exists, Filter, Not
from memkit.protocols import DenseLeg, LexicalLeg, Scored, SearchLeg, Stored
from memkit.retrieval.analysis import analyze
from memkit.retrieval.gating import gate
from memkit.retrieval.text import index_text
from memkit.scope import Scope
from memkit.selection import living
from memkit.types import MemoryRecord, State, Visibility

if TYPE_CHECKING:
    from memkit.engine import Engine

#: So many neighbours of a record are looked at.
NEIGHBOURS: Final = 8
#: The least cosine of two records that are set against each other. With all-MiniLM-L6-v2 none of
#: 139 pairs of sentences that contradict each other has less, and half of them have 0.89.
LEAST_COSINE: Final = 0.45
#: Without a vector so many of a record's words are asked for, the longest.
_TERMS: Final = 24
#: Records whose neighbours are asked for at once.
_AT_ONCE: Final = 20

#: Project, task, and whose private records: ``None`` for what is shared.
Place: TypeAlias = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that may contradict each other, and the cosine of their vectors if known."""

    id: str
    first: Stored
    second: Stored
    cosine: float | None = None


async def pairs_of(
    engine: Engine, scope: Scope, page: Sequence[Stored], rules: Rules, seen: set[int]
) -> list[Pair]:
    """The pairs in which a record of a page stands, that were not seen before.

    A record's neighbours are those of its own place: the same project, task and audience, so that
    whoever may read one of them may read the other.
    """
    texts = [each for each in page if comparable(each.record) and not is_fact(each.record)]
    near = await _near(engine, scope, texts)
    known = {each.record.id: each for each in page}
    wanted = {id_ for _, ids in near for id_, _ in ids if id_ not in known}
    known |= await _read(engine, scope, sorted(wanted))
    found_pairs: list[Pair] = []
    for item, ids in near:
        for id_, cosine in ids:
            other = known.get(id_)
            if other is None or other.record.state != State.ACTIVE:
                continue
            if may_meet(item.record, other.record):
                _add(found_pairs, seen, Pair(_id(item, other), item, other, cosine))
    for first, second in await _facts(engine, scope, page, rules):
        _add(found_pairs, seen, Pair(_id(first, second), first, second))
    return found_pairs


def _id(a: Stored, b: Stored) -> str:
    return pair_id(a.record.namespace, a.record.id, b.record.id)


def _add(pairs: list[Pair], seen: set[int], pair: Pair) -> None:
    # A number for each: of many records there are many pairs.
    number = hash(pair.id)
    if number not in seen:
        seen.add(number)
        pairs.append(pair)


async def _near(
    engine: Engine, scope: Scope, texts: Sequence[Stored]
) -> list[tuple[Stored, Sequence[tuple[str, float | None]]]]:
    """The nearest neighbours of records, with their cosines where they have vectors."""
    places: defaultdict[Place, list[tuple[Stored, SearchLeg]]] = defaultdict(list)
    for item in texts:
        leg = _leg(item)
        if leg is not None:
            places[_place(item.record)].append((item, leg))
    found: list[tuple[Stored, Sequence[tuple[str, float | None]]]] = []
    for place, asked in places.items():
        wanted = And((_beside(scope, *place), living(utc_now())))
        for at in range(0, len(asked), _AT_ONCE):
            # Together: what they are searched among is worked out once.
            some = asked[at : at + _AT_ONCE]
            legs = [leg for _, leg in some]
            result = await engine.backend.search(scope.namespace, legs, wanted, NEIGHBOURS + 1)
            for (item, _), entries in zip(some, result.legs, strict=True):
                found.append((item, _others(item, entries)))
    return found


def _leg(item: Stored) -> SearchLeg | None:
    if item.vector is not None:
        return DenseLeg(item.vector)
    terms = sorted(set(analyze(index_text(item.record))), key=lambda term: (-len(term), term))
    return LexicalLeg(tuple(terms[:_TERMS])) if terms else None


def _others(item: Stored, entries: Sequence[Scored]) -> list[tuple[str, float | None]]:
    others = [entry for entry in entries if entry.id != item.record.id][:NEIGHBOURS]
    if item.vector is None:
        return [(entry.id, None) for entry in others]
    return [(entry.id, entry.score) for entry in others if entry.score >= LEAST_COSINE]


def _place(record: MemoryRecord) -> Place:
    private = record.visibility == Visibility.PRIVATE
    return record.project, record.task, record.agent if private else None


@lru_cache(maxsize=1024)
def _beside(scope: Scope, project: str | None, task: str | None, owner: str | None) -> Filter:
    """The filter of the active records of exactly one place."""
    audience = Visibility.SHARED if owner is None else Visibility.PRIVATE
    parts: list[Filter] = [
        Eq("state", State.ACTIVE.value),
        Eq("visibility", audience.value),
    ]
    for name, value in (("project", project), ("task", task)):
        parts.append(Not(Exists(name)) if value is None else Eq(name, value))
    if owner is not None:
        parts.append(Eq("agent", owner))
    unhidden = scope.unhidden()
    if unhidden is not None:
        parts.append(unhidden)
    return And(tuple(parts))


async def _read(engine: Engine, scope: Scope, ids: Sequence[str]) -> Mapping[str, Stored]:
    found: dict[str, Stored] = {}
    for at in range(0, len(ids), 500):
        found |= await engine.visible(scope, ids[at : at + 500])
    return found


async def _facts(
    engine: Engine, scope: Scope, page: Sequence[Stored], rules: Rules
) -> list[tuple[Stored, Stored]]:
    """The pairs of facts that contradict each other, of the groups of a page's facts."""
    asked = []
    for item in page:
        rule = rules.get(item.record.predicate or "")
        if rule is not None and rule.single and is_fact(item.record):
            asked.append(item.record)
    if not asked:
        return []
    allowed = gate(scope, scope.accessible())
    return [
        (Stored(a), Stored(b))
        for group in await groups_of(engine, asked)
        for a, b in among([record for record in group if allowed(record)], rules)
    ]
