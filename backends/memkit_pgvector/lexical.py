"""BM25 as SQL, over the records that a filter leaves.

It is the formula of :mod:`memkit.backing.lexical`. A term's frequency in a record is read off
the rank that PostgreSQL gives the record for that term alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from memkit.backing.lexical import K1, B
from memkit_pgvector import wire
from memkit_pgvector.binding import Raw
from memkit_pgvector.compiler import Values
from memkit_pgvector.lexeme_vectors import rank_steps, word_of

#: Up to so many terms have a column each; more are a table that is joined.
COLUMNS_MAX = 32


@dataclass(frozen=True, slots=True)
class Totals:
    """What a filter leaves of a large namespace: how many records, with how many words.

    ``shares`` are the shares of them that hold the lexemes which candidates are not sought by.
    """

    records: int
    words: int
    shares: Mapping[str, float]


def lexical_sql(
    lexemes: Sequence[str],
    table: str,
    matching: str,
    values: Values,
    limit: int,
    totals: Totals | None = None,
) -> str:
    """The query for the best ``limit`` ids and scores, each with the ceiling of all scores.

    Args:
        lexemes: the query's, each once, at least one.
        table: that of the words.
        matching: the filter's condition on ``records r``.
        values: what the statement binds, the namespace first.
        limit: how many are wanted.
        totals: ``None`` to count all that matches.
    """
    quoted = [f"'{each}'" for each in lexemes]
    sought = quoted
    if totals is not None:
        sought = [f"'{each}'" for each in lexemes if each not in totals.shares]
    any_term = values.add("|".join(sought))
    steps = values.add(_steps())
    if totals is None:
        sums = (
            "SELECT count(*)::float8 AS number, sum(r.length)::float8 AS words "
            f"FROM @.records r WHERE r.ns = $1::uuid AND {matching}"
        )
    else:
        number, total = values.add(float(totals.records)), values.add(float(totals.words))
        sums = f"SELECT {number}::float8 AS number, {total}::float8 AS words"
    candidates = (
        f"FROM @.{table} w JOIN @.records r ON r.ns = w.ns AND r.rid = w.rid "
        f"WHERE w.ns = $1::uuid AND r.ns = $1::uuid AND w.tsv @@ {any_term}::tsquery "
        f"AND {matching}"
    )
    slope = f"{K1} * ({1 - B} + {B} * c.length / (n.words / n.number))"
    if len(quoted) > COLUMNS_MAX:
        many = values.add(quoted)
        return (
            f"WITH n AS MATERIALIZED ({sums}), "
            f"c AS MATERIALIZED (SELECT r.id, r.length, w.tsv {candidates}), "
            "p AS MATERIALIZED (SELECT c.id, c.length, t.term, "
            f"{_frequency('c.tsv', 't.term', steps)} AS tf "
            f"FROM c JOIN unnest({many}::text[]::tsquery[]) AS t (term) "
            "ON c.tsv @@ t.term), "
            "d AS MATERIALIZED (SELECT p.term::text AS term, "
            f"{_idf('count(*)')} AS idf FROM p CROSS JOIN n GROUP BY p.term::text, n.number), "
            f"e AS MATERIALIZED (SELECT (coalesce(sum(d.idf), 0) + ({len(quoted)} - count(*)) * "
            f"max({_idf('0')})) / {K1 + 1} AS ceiling FROM d CROSS JOIN n) "
            f"SELECT c.id, sum(d.idf * c.tf / (c.tf + {slope})) AS score, max(e.ceiling) "
            "FROM p AS c JOIN d ON d.term = c.term::text CROSS JOIN n CROSS JOIN e GROUP BY c.id "
            f"ORDER BY score DESC, c.id LIMIT {values.add(limit)}"
        )
    at = [values.add(term) + "::tsquery" for term in quoted]
    columns = ", ".join(f"{_frequency('w.tsv', term, steps)} AS tf{n}" for n, term in enumerate(at))
    counts = []
    for n, lexeme in enumerate(lexemes):
        share = None if totals is None else totals.shares.get(lexeme)
        if share is None:
            counts.append(f"count(*) FILTER (WHERE c.tf{n} > 0)")
        else:
            counts.append(f"{values.add(share)}::float8 * n.number")
    weights = ", ".join(f"{_idf(count)} AS idf{n}" for n, count in enumerate(counts))
    score = " + ".join(f"d.idf{n} * s.tf{n} / (s.tf{n} + s.slope)" for n in range(len(at)))
    ceiling = f"({' + '.join(f'd.idf{n}' for n in range(len(at)))}) / {K1 + 1} AS ceiling"
    return (
        f"WITH n AS MATERIALIZED ({sums}), "
        f"c AS MATERIALIZED (SELECT r.id, r.length, {columns} {candidates}), "
        f"d AS MATERIALIZED (SELECT {weights} FROM c CROSS JOIN n GROUP BY n.number) "
        f"SELECT s.id, {score} AS score, {ceiling} FROM (SELECT c.*, {slope} AS slope "
        "FROM c CROSS JOIN n) AS s CROSS JOIN d "
        f"ORDER BY score DESC, s.id LIMIT {values.add(limit)}"
    )


@cache
def _steps() -> Raw:
    return Raw(wire.float8s(rank_steps()))


def _frequency(vector: str, term: str, steps: str) -> str:
    """How often a term is in a vector."""
    rank = f"ts_rank('{{1,1,1,1}}'::float4[], {vector}, {term})::float8"
    return f"width_bucket({rank}, {steps}::float8[])"


def ranked_sql(
    lexemes: Sequence[str],
    table: str,
    index: str,
    matching: str,
    values: Values,
    limit: int,
    depth: int,
) -> str:
    """The query for the best ``limit`` among the first ``depth`` of pg_textsearch's index.

    Its words are those of one namespace, since each is a hash of that too; only how many
    records there are, and how long they are, it knows of all namespaces together.
    """
    words = " ".join(word_of(each.encode()).decode() for each in lexemes)
    query = f"to_bm25query({values.add(words)}::text, {values.add(index)}::text)"
    return (
        "SELECT r.id, w.score FROM (SELECT t.ns, t.rid, "
        f"-(t.bag <@> {query})::float8 AS score FROM @.{table} t "
        f"ORDER BY t.bag <@> {query} LIMIT {values.add(depth)}) w "
        "JOIN @.records r ON r.ns = w.ns AND r.rid = w.rid "
        f"WHERE r.ns = $1::uuid AND w.score > 0 AND {matching} "
        f"ORDER BY w.score DESC, r.id LIMIT {values.add(limit)}"
    )


def _idf(df: str) -> str:
    return f"{K1 + 1} * ln(1 + (n.number - {df} + 0.5) / ({df} + 0.5))"
