"""Searches: each leg's best, never fewer than there are, equal scores in the order of ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from memkit.backing.packing import checked_vector
from memkit.protocols import DenseLeg, Scored, SearchLeg, SearchResult
from memkit.types import MemoryRecord
from memkit_qdrant.conditions import Clause, Match
from memkit_qdrant.names import term_indices
from memkit_qdrant.payloads import record_of
from memkit_qdrant.reading import Selection, check_limit
from memkit_qdrant.transport import Ranking, Row, Transport

# Asked for beyond what is wanted, so that equal scores at the end are seldom cut apart: words'
# scores often are equal, cosines hardly ever.
_SPARE, _SPARE_WORDS = 1, 8
# What the best record for a term alone adds to its idf, roughly: the engine tells scores only.
_BEST_PART = 1.3
# Of more terms than this the ceiling is not worth the questions.
_CEILING_TERMS = 24
_GROWTH = 4
# More than there can be points.
_MOST = 2**31


class Found(Mapping[str, MemoryRecord]):
    """Records that came along, each unpacked when it is looked at."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._rows = rows

    def __getitem__(self, id_: str) -> MemoryRecord:
        return record_of(self._rows[id_].payload)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


@dataclass(slots=True)
class _Leg:
    """A leg on its way: what to ask next, and the answer when it is complete."""

    ranking: Ranking
    found: tuple[Scored, ...] = ()
    done: bool = False


async def search(
    transport: Transport,
    selection: Selection,
    legs: Sequence[SearchLeg],
    limit: int,
    dimension: int | None,
) -> SearchResult:
    """Each leg's best ``limit`` among the records that match.

    Args:
        transport: the engine.
        selection: the records that match.
        legs: what they are ranked by.
        limit: how many are wanted of each.
        dimension: of the stored vectors, ``None`` if there are none.
    """
    check_limit(limit)
    prepared = [_prepare(selection, leg, limit, dimension) for leg in legs]
    packed: dict[str, Row] = {}
    clause = selection.clause
    if clause is not None and limit > 0:
        while pending := [leg for leg in prepared if leg is not None and not leg.done]:
            answers = await transport.rank(
                selection.namespace,
                clause,
                [leg.ranking for leg in pending],
                selection.fields,
            )
            for leg, rows in zip(pending, answers, strict=True):
                _take(leg, rows, selection, limit, packed, approximate=transport.approximate)
    ceilings = await _ceilings(transport, selection, prepared)
    ranked = {each.id for leg in prepared if leg is not None for each in leg.found}
    return SearchResult(
        tuple(() if leg is None else leg.found for leg in prepared),
        Found({id_: packed[id_] for id_ in ranked}),
        ceilings,
    )


async def _ceilings(
    transport: Transport, selection: Selection, legs: Sequence[_Leg | None]
) -> tuple[float | None, ...]:
    """About the sum of the idf of each lexical leg's terms, by the best record of each term."""
    found: list[float | None] = []
    for leg in legs:
        vector = None if leg is None else leg.ranking.vector
        if leg is None or not leg.found or not isinstance(vector, tuple):
            found.append(None)
            continue
        indices, clause = vector[0], selection.clause
        if clause is None or len(indices) > _CEILING_TERMS:
            found.append(None)
            continue
        single = [replace(leg.ranking, vector=([index], [1.0]), limit=1) for index in indices]
        answers = await transport.rank(selection.namespace, clause, single, ())
        scores = [rows[0].score for rows in answers if rows]
        # A term that no record holds is rarer than any other.
        absent = (len(indices) - len(scores)) * max(scores, default=0.0)
        found.append((sum(scores) + absent) / _BEST_PART or None)
    return tuple(found)


def _prepare(
    selection: Selection, leg: SearchLeg, limit: int, dimension: int | None
) -> _Leg | None:
    """What is asked for a leg, ``None`` if nothing can be ranked by it."""
    generation = selection.generation
    if isinstance(leg, DenseLeg):
        if dimension is None:
            return None
        vector = checked_vector(leg.vector, dimension)
        return _Leg(Ranking(generation.dense, vector, limit + _SPARE))
    indices = sorted(set(term_indices(selection.namespace, leg.terms)))
    if not indices:
        return None
    # Frequencies are those among the namespace's records: no other tenant moves a score.
    corpus = Clause(must=(Match("namespace", selection.namespace),))
    weights = [1.0] * len(indices)
    return _Leg(Ranking(generation.words, (indices, weights), limit + _SPARE_WORDS, corpus=corpus))


def _take(
    leg: _Leg,
    rows: list[Row],
    selection: Selection,
    limit: int,
    packed: dict[str, Row],
    *,
    approximate: bool,
) -> None:
    """Take an answer as the leg's, or see what to ask instead."""
    ranking = leg.ranking
    whole = len(rows) < ranking.limit
    if whole and approximate and ranking.corpus is None and not ranking.exact:
        # An index may have lost its way to some: that there are no more is seen without it.
        leg.ranking = replace(ranking, exact=True)
        return
    scored = []
    for row in rows:
        id_ = selection.id_of(row)
        if id_ is not None:
            packed[id_] = row
            scored.append((-row.score, id_))
    scored.sort()
    # Those that score like the last one asked for may have others of that score behind them.
    settled = len(scored) > limit and scored[limit - 1][0] < -rows[-1].score
    if not whole and not settled and ranking.limit < _MOST:
        leg.ranking = replace(ranking, limit=min(_MOST, ranking.limit * _GROWTH))
        return
    leg.found = tuple(Scored(id_, -score) for score, id_ in scored[:limit])
    leg.done = True
