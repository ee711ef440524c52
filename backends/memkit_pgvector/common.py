"""How often the commonest terms of large namespaces occur, counted now and then.

A search for a rare and a common word need not look at all records that hold the common one:
those without the rare one seldom win. Knowing which words are common is what it takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memkit.backing.lexical import K1
from memkit_pgvector.binding import Raw

if TYPE_CHECKING:
    from memkit_pgvector.database import Database

# Words that fewer than one record in so many holds are not common; so many are remembered.
_ONE_IN = 200
_KEPT = 2000
_RARE = 0.5 / _ONE_IN
# Candidates that are more than this share of all are as well all looked at.
_WORTH = 0.3
# The best hold more than one of the words; if that was too hopeful, all are looked at.
_HOPE = 1.5
# Counted again when the namespace has grown by so much.
_GROWN = 1.25

SELECT_COMMON = "SELECT total, lexemes, counts FROM @.common WHERE ns = $1::uuid AND words = $2"


@dataclass(frozen=True, slots=True)
class Common:
    """The share of a namespace's records that hold each of its common lexemes."""

    shares: Mapping[str, float]

    def split(
        self, lexemes: Sequence[str], records: int, limit: int
    ) -> tuple[list[str], float] | None:
        """The rarest lexemes, which the best ``limit`` are sought by, and the most that all
        others together add to a score; ``None`` where that is not worth it.
        """
        ordered = sorted(lexemes, key=self.share)
        candidates, expected = 0.0, 0.0
        for at, lexeme in enumerate(ordered[:-1], 1):
            candidates += self.share(lexeme) * records
            if candidates > _WORTH * records:
                return None
            if not expected and candidates >= limit:
                # What a record of average length gets for this lexeme alone.
                expected = self.weight(lexeme, records) / (K1 + 1)
            rest = sum(self.weight(each, records) for each in ordered[at:])
            if rest < expected * _HOPE:
                return ordered[:at], rest
        return None

    def share(self, lexeme: str) -> float:
        """The share of the records that hold a lexeme, a guess for a rare one."""
        return self.shares.get(lexeme, _RARE)

    def weight(self, lexeme: str, records: int) -> float:
        """The most that a lexeme can add to a score among so many records."""
        df = self.share(lexeme) * records
        return (K1 + 1) * math.log1p((records - df + 0.5) / (df + 0.5))


NOTHING_COMMON = Common({})


def common_from(row: Any) -> Common:
    """What a row of :data:`SELECT_COMMON` says."""
    if row is None:
        return NOTHING_COMMON
    total, lexemes, counts = row
    return Common({each: n / total for each, n in zip(lexemes, counts, strict=True)})


async def count_common(database: Database, ns: bytes) -> None:
    """Count the common lexemes of a namespace, unless that was done when it was much the same."""
    names, table = database.names, database.state.words
    async with database.writing() as connection:
        cursor = await connection.execute(
            names.sql(
                "SELECT (SELECT sum(records)::bigint FROM @.counts WHERE ns = $1::uuid), "
                "(SELECT total FROM @.common WHERE ns = $1::uuid AND words = $2)"
            ),
            [Raw(ns), table],
        )
        row: Any = await cursor.fetchone()
        records, total = row
        if not records or (total is not None and records < total * _GROWN):
            return
        async with connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute(
                names.sql(
                    "INSERT INTO @.common AS c (ns, words, total, lexemes, counts) "
                    "SELECT $1::uuid, $2::integer, $3::bigint, coalesce(array_agg(word), '{}'), "
                    "coalesce(array_agg(ndoc::bigint), '{}') FROM (SELECT word, ndoc "
                    f"FROM ts_stat($4) WHERE ndoc > $3::bigint / {_ONE_IN} "
                    f"ORDER BY ndoc DESC LIMIT {_KEPT}) s "
                    "ON CONFLICT (ns) DO UPDATE SET words = excluded.words, "
                    "total = excluded.total, lexemes = excluded.lexemes, counts = excluded.counts"
                ),
                [
                    Raw(ns),
                    table,
                    records,
                    names.sql(f"SELECT tsv FROM @.words_{table} WHERE ns = '{ns.hex()}'"),
                ],
            )
