"""The read path: legs, fusion, factors, and the second look at what may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from memkit.clock import utc_now
from memkit.conversations import turns_at
from memkit.filters import And, Eq, Exists, Filter, Gt, In, Lte, Not, Or
from memkit.places import place_in_conversation, shifted
from memkit.protocols import DenseLeg, LexicalLeg, Scored, SearchLeg
from memkit.retrieval.fusion import Fused, fuse, informed_weight
from memkit.retrieval.gating import gate
from memkit.retrieval.relevance import relevances
from memkit.retrieval.text import index_text
from memkit.retrieval.timing import CERTAIN, with_arm, within
from memkit.retrieval.weighing import Candidate, weigh
from memkit.scope import Reach, Scope
from memkit.selection import living
from memkit.types import Hit, MemoryRecord, RecallResult, State, Why

if TYPE_CHECKING:
    from memkit.config import Settings
    from memkit.engine import Engine
    from memkit.protocols import Vector
    from memkit.reranking.runner import RerankRunner
    from memkit.temporal import Span

# Entries asked of each leg when two are fused; the deeper both lists go, the better.
_DEPTH = 100
# Candidates weighed at least, and beyond the limit: factors move a record by a few places,
# and what surrounds a turn by more.
_WEIGHED = 60
_WEIGHED_BEST = 100
_SPARE = 10
# An event is taken for one that a record tells of if that has so much of its words.
_KNOWN = 0.4
#: The most turns on either side that a hit brings along.
CONTEXT_MAX = 20


@dataclass(frozen=True, slots=True)
class Query:
    """What a recall asks for, checked.

    ``context`` is how many turns before and after each hit are brought along; ``diverse``
    whether repetitions make room; ``at`` the moment that "last week" is counted from;
    ``vector`` that of the text, if it came with one.
    """

    text: str
    limit: int
    reach: Reach
    mode: str
    filter: Filter
    states: tuple[str, ...]
    as_of: datetime | None
    profile: str = "balanced"
    context: int = 0
    diverse: bool = True
    at: datetime | None = None
    min_relevance: float = 0.0
    vector: Vector | None = None


async def recall(engine: Engine, scope: Scope, query: Query) -> RecallResult:
    """The records of a scope that answer a query best."""
    now = utc_now()
    visible = And((scope.readable(query.reach), _current(query, now)))
    legs, notices = await _legs(engine, query)
    around = query.profile != "fast"
    spans = await _spans(engine, scope, visible, query, now) if around else ()
    found = await _found(engine, scope, visible, query, legs, spans)
    shown = await _shown(engine, scope, visible, found)
    best = query.profile == "best"
    if best and "dense" in legs:
        shown = await _looked_closer(engine, scope, query, shown)
    candidates = weigh(
        shown,
        query.text,
        now,
        engine.settings,
        await engine.policies.of(scope.namespace),
        around=around,
        spans=spans,
        diverse=query.limit if query.diverse and around else 0,
    )
    if best and engine.reranker is not None and query.text:
        candidates, notice = await _reranked(engine.reranker, engine.settings, query, candidates)
        notices += () if notice is None else (notice,)
    likely = relevances(candidates, found.lists, found.ceilings, query.limit)
    hits = [
        _hit(candidate, relevance)
        for candidate, relevance in zip(candidates, likely, strict=False)
        if relevance >= query.min_relevance
    ]
    if query.context:
        hits = await _with_context(engine, scope, visible, hits, query.context)
    return RecallResult(tuple(hits), notices)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the legs found: their lists and ceilings by name, and both fused."""

    lists: Mapping[str, Sequence[Scored]]
    ceilings: Mapping[str, float | None]
    fused: Sequence[Fused]
    records: Mapping[str, MemoryRecord]


async def _found(
    engine: Engine,
    scope: Scope,
    visible: Filter,
    query: Query,
    legs: Mapping[str, SearchLeg],
    spans: Sequence[Span],
) -> _Found:
    """Search and fuse; where the query asks about a time, among the records of that time too."""
    least = {"fast": 0, "best": _WEIGHED_BEST}.get(query.profile, _WEIGHED)
    weighed = max(least, query.limit + _SPARE)
    depth = weighed if len(legs) < 2 else max(_DEPTH, 2 * weighed)
    asked, wanted = list(legs.values()), And((visible, query.filter))
    found = await engine.backend.search(scope.namespace, asked, wanted, depth)
    lists: dict[str, Sequence[Scored]] = dict(zip(legs, found.legs, strict=True))
    ceilings = dict(zip(legs, found.ceilings or (None,) * len(legs), strict=True))
    dense = engine.settings.dense_weight
    weights = {
        name: informed_weight(weight, entries[0].score if entries else 0.0, ceilings.get(name))
        for name, weight in (("dense", dense), ("lexical", 1 - dense))
        if (entries := lists.get(name)) is not None
    }
    time = within(spans)
    if time is not None:
        arm = await engine.backend.search(scope.namespace, asked, And((wanted, time)), weighed)
        lists = with_arm(lists, dict(zip(legs, arm.legs, strict=True)), depth)
    return _Found(lists, ceilings, fuse(lists, weights, depth, weighed), found.records)


async def _shown(
    engine: Engine, scope: Scope, visible: Filter, found: _Found
) -> list[tuple[Fused, MemoryRecord]]:
    """The candidates with their records, those alone that may be shown.

    Changed since it was found, or never ours to see: it is not shown, and lends nothing.
    """
    records = dict(found.records)
    missing = [entry.id for entry in found.fused if entry.id not in records]
    if missing:
        stored = await engine.backend.get(scope.namespace, missing)
        records.update((id_, item.record) for id_, item in stored.items())
    allowed = gate(scope, visible)
    return [
        (entry, record)
        for entry in found.fused
        if (record := records.get(entry.id)) is not None and allowed(record)
    ]


async def _reranked(
    reranker: RerankRunner, settings: Settings, query: Query, candidates: list[Candidate]
) -> tuple[list[Candidate], str | None]:
    """The candidates in the order that the reranker gives the first of them, if in time."""
    from memkit.reranking.blending import blend

    texts = [index_text(each.record) for each in candidates[: reranker.max_candidates]]
    relevance, notice = await reranker.scores(query.text, texts)
    if not relevance:
        return candidates, notice
    scores = blend([each.score for each in candidates], relevance, settings.rerank_weight)
    blended = [
        each._replace(score=score, factors={**each.factors, "rerank": score / each.score})
        if each.score > 0 and score != each.score
        else each
        for each, score in zip(candidates, scores, strict=True)
    ]
    blended.sort(key=lambda each: (-each.score, each.record.id))
    return blended, notice


async def _looked_closer(
    engine: Engine, scope: Scope, query: Query, shown: list[tuple[Fused, MemoryRecord]]
) -> list[tuple[Fused, MemoryRecord]]:
    """The candidates with late interaction in their scores, as far as tokens are kept."""
    from memkit.retrieval.late import LOOKED_AT, blend

    if engine.token_store is None:
        return shown
    ids = [entry.id for entry, _ in shown[:LOOKED_AT]]
    held = await engine.token_store.tokens(scope.namespace, ids)
    tokens = await engine.vectorizer.query_tokens(query.text) if held and query.text else None
    if tokens is None:
        return shown
    blended = blend([entry for entry, _ in shown], tokens, held)
    return [(entry, record) for entry, (_, record) in zip(blended, shown, strict=True)]


async def _spans(
    engine: Engine, scope: Scope, visible: Filter, query: Query, now: datetime
) -> tuple[Span, ...]:
    """The times that the query asks about; events are looked up among the memories."""
    from memkit.temporal import find

    asked = find(query.text, now if query.at is None else query.at)
    spans = list(asked.spans)
    for anchor in asked.anchors:
        if anchor.certainty >= CERTAIN:
            moment = await _moment(engine, scope, visible, query, anchor.phrase)
            if moment is not None:
                spans.append(anchor.resolve(moment))
    return tuple(spans)


async def _moment(
    engine: Engine, scope: Scope, visible: Filter, query: Query, phrase: str
) -> datetime | None:
    """When the event was that a phrase names: by its words, most of which a record must have."""
    from memkit.retrieval.analysis import analyze

    leg = LexicalLeg(analyze(phrase))
    found = await engine.backend.search(scope.namespace, [leg], visible, 1)
    (entries,) = found.legs
    if not entries or informed_weight(1.0, entries[0].score, (*found.ceilings, None)[0]) < _KNOWN:
        return None
    stored = await engine.backend.get(scope.namespace, [entries[0].id])
    record = next((item.record for item in stored.values()), None)
    if record is None or not gate(scope, visible)(record):
        return None
    return record.occurred_at or record.created_at


async def _legs(engine: Engine, query: Query) -> tuple[dict[str, SearchLeg], tuple[str, ...]]:
    from memkit.retrieval.analysis import analyze

    legs: dict[str, SearchLeg] = {}
    notices: tuple[str, ...] = ()
    if query.vector is not None:
        if query.mode != "lexical":
            legs["dense"] = DenseLeg(query.vector)
    elif query.mode != "lexical":
        vector, notice = await engine.vectorizer.query(
            query.text, engine.settings.embedder_wait_seconds, tokens=query.profile == "best"
        )
        if vector is not None:
            legs["dense"] = DenseLeg(vector)
        if notice is not None:
            notices = (notice,)
    # Without a vector the words answer alone, even where meaning alone was asked for.
    if query.mode != "dense" or not legs:
        terms = analyze(query.text)
        if terms:
            legs["lexical"] = LexicalLeg(terms)
    return legs, notices


def _current(query: Query, now: datetime) -> Filter:
    return standing_at(query.as_of, now, query.states)


def standing_at(
    moment: datetime | None, now: datetime, states: tuple[str, ...] = (State.ACTIVE.value,)
) -> Filter:
    """The filter of what stood at a moment; ``None``: of what is in these states now."""
    if moment is None:
        return And((_states(states), living(now)))
    return And(
        (
            In("state", (State.ACTIVE.value, State.SUPERSEDED.value)),
            Lte("created_at", moment),
            Or((Not(Exists("superseded_at")), Gt("superseded_at", moment))),
            living(now),
        )
    )


def _states(states: tuple[str, ...]) -> Filter:
    return Eq("state", states[0]) if len(states) == 1 else In("state", states)


def _hit(candidate: Candidate, relevance: float) -> Hit:
    entry = candidate.entry
    why = Why(entry.legs, entry.score, candidate.factors)
    return Hit(candidate.record, candidate.score, why, relevance)


async def _with_context(
    engine: Engine, scope: Scope, visible: Filter, hits: Sequence[Hit], reach: int
) -> list[Hit]:
    """The hits, each with the turns around it that the scope shows."""
    places = {hit.record.id: place_in_conversation(hit.record) for hit in hits}
    steps = [step for step in range(-reach, reach + 1) if step]
    wanted = {shifted(place, step) for place in places.values() if place for step in steps}
    allowed = gate(scope, visible)
    around: dict[object, MemoryRecord] = {}
    for item in await turns_at(engine.backend, wanted):
        if allowed(item.record):
            around[place_in_conversation(item.record)] = item.record
    shown = []
    for hit in hits:
        place = places[hit.record.id]
        turns = () if place is None else (around.get(shifted(place, step)) for step in steps)
        shown.append(replace(hit, context=tuple(turn for turn in turns if turn is not None)))
    return shown
