"""The nearest vectors: exactly, or by a namespace's indexes and exactly what is in none."""

from __future__ import annotations

from collections.abc import Sequence

from memkit_pgvector.census import Matching, Size
from memkit_pgvector.compiler import Values
from memkit_pgvector.segments import Segment, indexed_expression, tail_of
from memkit_pgvector.state import StoreState

# What it costs, in microseconds on the machine of the measurements, to compare a vector that
# a filter left, and to go one step further in an index.
_COMPARED, _STEP = 1.5, 10.0
# So many candidates are kept while an index is searched: recall of 0.99 at 100,000 vectors.
_CANDIDATES, _CANDIDATES_MAX = 400, 1000
_STEPS_MAX = 100_000
# So many vectors at most are compared where an index would do, if not so well.
_COMPARED_MAX = 50_000
_SPARE = 2


def exact_sql(state: StoreState, query: str, matching: str, values: Values, limit: int) -> str:
    """The query for the nearest ``limit`` of all that match, ids and cosines."""
    return (
        f"SELECT r.id, 1 - (v.vec <=> {query}) FROM @.vectors_{state.vectors} v "
        "JOIN @.records r ON r.ns = v.ns AND r.rid = v.rid "
        f"WHERE v.ns = $1::uuid AND r.ns = $1::uuid AND {matching} "
        f"ORDER BY v.vec <=> {query}, r.id LIMIT {values.add(limit)}"
    )


def _steps(size: Size, matching: Matching, limit: int) -> float:
    """How many candidates an index goes through for what is wanted and as much again."""
    return _SPARE * limit * size.embedded / max(1, matching.embedded)


def is_worth_it(size: Size, matching: Matching, limit: int) -> bool:
    """Whether the indexes are quicker than comparing all that match, and as good."""
    steps = max(_CANDIDATES, _steps(size, matching, limit))
    if steps > _CANDIDATES_MAX:
        # It would have to go on where it stopped, and loses sight of many then.
        return matching.embedded > _COMPARED_MAX
    return matching.embedded * _COMPARED > steps * _STEP * max(1, len(size.segments))


def settings(size: Size, matching: Matching | None, limit: int) -> dict[str, str]:
    """The settings of the transaction in which :func:`indexed_sql` runs."""
    steps = 0.0 if matching is None else _steps(size, matching, limit)
    return {
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.ef_search": str(int(min(_CANDIDATES_MAX, max(_CANDIDATES, steps)))),
        "hnsw.max_scan_tuples": str(_STEPS_MAX),
        "hnsw.scan_mem_multiplier": "8",
        # Else the planner may well read all and sort.
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "enable_sort": "off",
        "enable_seqscan": "off",
    }


def indexed_sql(
    ns: bytes,
    state: StoreState,
    segments: Sequence[Segment],
    query: str,
    matching: str,
    values: Values,
    limit: int,
) -> str:
    """The query for the nearest ``limit``, nearly always the true ones."""
    at = values.add(limit)
    # An index goes on where it stopped without looking back: some of what it gives last is not
    # as near as what would have come next.
    more = values.add(_SPARE * limit)
    expression = indexed_expression(state)
    halved = query if state.vector_type == "halfvec" else f"{query}::halfvec({state.dimension})"
    head = (
        f"SELECT r.id, v.vec <=> {query} AS distance FROM @.vectors_{state.vectors} v "
        "JOIN @.records r ON r.ns = v.ns AND r.rid = v.rid "
        f"WHERE v.ns = '{ns.hex()}'::uuid AND r.ns = $1::uuid AND {matching}"
    )
    parts = [
        f"({head} AND v.seq > {each.low} AND v.seq <= {each.high} "
        f"ORDER BY {expression} <=> {halved} LIMIT {more})"
        for each in segments
    ]
    parts.append(f"({head} AND v.seq > {tail_of(segments)} ORDER BY 2, 1 LIMIT {at})")
    return (
        f"SELECT f.id, 1 - f.distance FROM ({' UNION ALL '.join(parts)}) AS f "
        f"ORDER BY f.distance, f.id LIMIT {at}"
    )
