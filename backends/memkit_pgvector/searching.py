"""Each leg's best among the records that match."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memkit.backing.packing import checked_vector
from memkit.errors import InvalidInput
from memkit.filters import Filter
from memkit.protocols import DenseLeg, LexicalLeg, Scored, SearchLeg, SearchResult
from memkit_pgvector import dense, wire
from memkit_pgvector.binding import Raw
from memkit_pgvector.census import Census, Matching, Size
from memkit_pgvector.compiler import Values, condition
from memkit_pgvector.database import Database
from memkit_pgvector.growth import Growth
from memkit_pgvector.keys import decoded, lexemes
from memkit_pgvector.lexical import COLUMNS_MAX, Totals, lexical_sql, ranked_sql
from memkit_pgvector.reader import key_of
from memkit_pgvector.state import StoreState

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

# How many of an index's best are looked at, for one that is wanted and matches.
_DEPTH, _DEPTH_MAX = 1000, 20_000


@dataclass(frozen=True, slots=True)
class Hits:
    """A leg's list, and the ceiling of its scores where that is known."""

    scored: tuple[Scored, ...] = ()
    ceiling: float | None = None


@dataclass(frozen=True, slots=True)
class _Statement:
    """What answers one leg.

    ``enough`` tells of a quick way's answer whether it is as good as a slow one's.
    """

    sql: str
    values: Sequence[Any]
    enough: Callable[[Hits], bool] | None = None


@dataclass(frozen=True, slots=True)
class _Scene:
    """Where a search takes place: a namespace, a filter and what is known of them.

    ``matching`` is ``None`` where the namespace is small enough to be searched exactly.
    """

    ns: bytes
    filter: Filter
    limit: int
    state: StoreState
    size: Size
    matching: Matching | None

    def begin(self) -> tuple[Values, str]:
        """The values and the condition that a statement begins with."""
        values = Values(Raw(self.ns))
        return values, condition(self.ns, self.filter, values).sql


class Searcher:
    """Searches of a database, on its event loop."""

    def __init__(self, database: Database, growth: Growth) -> None:
        self._database = database
        self._growth = growth
        self._census = Census(database.names)

    async def search(
        self, namespace: str, legs: Sequence[SearchLeg], filter: Filter, limit: int
    ) -> SearchResult:
        """Each leg's best ``limit``, whatever way it takes."""
        database = self._database
        ns = key_of(namespace)
        condition(ns, filter, Values())
        if limit <= 0 or not legs:
            return SearchResult(tuple(() for _ in legs), {})
        if database.state.vectors is None and any(isinstance(leg, DenseLeg) for leg in legs):
            await database.refresh()

        async def run(connection: Connection) -> list[Hits]:
            scene = await self._scene(connection, ns, filter, limit)
            return await self._search(connection, scene, legs)

        found = await database.read(run)
        return SearchResult(
            tuple(each.scored for each in found), {}, tuple(each.ceiling for each in found)
        )

    async def _scene(self, connection: Connection, ns: bytes, filter: Filter, limit: int) -> _Scene:
        state = self._database.state
        size = await self._census.size(connection, ns, state)
        matching = None
        if size.records > self._database.settings.exact_rows:
            values = Values(Raw(ns))
            where = condition(ns, filter, values)
            matching = await self._census.matching(
                connection, ns, size, where.shape, where.sql, values.bound
            )
            self._growth.look(ns)
        return _Scene(ns, filter, limit, state, size, matching)

    async def _search(
        self, connection: Connection, scene: _Scene, legs: Sequence[SearchLeg]
    ) -> list[Hits]:
        quick = [self._quick(scene, leg) for leg in legs]
        found = await self._run(
            connection, quick, dense.settings(scene.size, scene.matching, scene.limit)
        )
        slow: list[_Statement | None] = []
        for leg, statement, hits in zip(legs, quick, found, strict=True):
            done = statement is not None and statement.enough is not None and statement.enough(hits)
            # An index may lose sight of some: never fewer than there are.
            slow.append(None if done else self._exact(scene, leg))
        exact = await self._run(connection, slow, {})
        return [
            first if statement is None else last
            for first, last, statement in zip(found, exact, slow, strict=True)
        ]

    async def _run(
        self,
        connection: Connection,
        statements: Sequence[_Statement | None],
        settings: dict[str, str],
    ) -> list[Hits]:
        """Run statements in one round trip, in a transaction if it has settings of its own."""
        cursors: list[Any] = []
        if not any(statements):
            return [Hits() for _ in statements]
        async with connection.pipeline():
            if settings:
                await connection.execute("BEGIN READ ONLY")
                await connection.execute(_set_locally(settings))
            for each in statements:
                if each is None:
                    cursors.append(None)
                    continue
                sql = self._database.names.sql(each.sql)
                cursors.append(await connection.execute(sql, each.values, binary=True))
            if settings:
                await connection.execute("COMMIT")
        return [
            Hits() if cursor is None else _scored(await cursor.fetchall()) for cursor in cursors
        ]

    def _quick(self, scene: _Scene, leg: SearchLeg) -> _Statement | None:
        """What answers a leg quickly, ``None`` if only the exact way will do."""
        matching = scene.matching
        if matching is None or not matching.count:
            return None
        if isinstance(leg, DenseLeg):
            if not scene.size.segments or not dense.is_worth_it(scene.size, matching, scene.limit):
                return None
            values, where = scene.begin()
            query = self._query(scene.state, leg, values)
            sql = dense.indexed_sql(
                scene.ns, scene.state, scene.size.segments, query, where, values, scene.limit
            )
            return _Statement(sql, values.bound, lambda hits: len(hits.scored) >= scene.limit)
        if scene.state.text_search == "bm25" and leg.terms:
            return self._ranked(scene, matching, leg)
        return self._by_rare_words(scene, matching, leg)

    def _ranked(self, scene: _Scene, matching: Matching, leg: LexicalLeg) -> _Statement | None:
        depth = max(_DEPTH, 2 * scene.limit * scene.size.records // matching.count)
        if depth > _DEPTH_MAX:
            return None
        values, where = scene.begin()
        table = f"words_{scene.state.words}"
        index = f"{self._database.names.quoted}.{table}_bm25"
        known = _lexemes(scene.ns, leg)
        sql = ranked_sql(known, table, index, where, values, scene.limit, depth)
        return _Statement(sql, values.bound, lambda hits: len(hits.scored) >= scene.limit)

    def _by_rare_words(
        self, scene: _Scene, matching: Matching, leg: LexicalLeg
    ) -> _Statement | None:
        """Seek candidates by the rare words alone, if there are rare and common ones."""
        known = _lexemes(scene.ns, leg)
        common = scene.size.common
        found = common.split(known, matching.count, scene.limit)
        if found is None or len(known) > COLUMNS_MAX:
            return None
        sought, bound = found
        shares = {each: common.share(each) for each in known if each not in sought}
        values, where = scene.begin()
        totals = Totals(matching.count, max(1, matching.words), shares)
        sql = lexical_sql(known, f"words_{scene.state.words}", where, values, scene.limit, totals)

        def enough(hits: Hits) -> bool:
            # Nothing that holds common words alone can be among them (the bound of MaxScore:
            # Turtle and Flood 1995).
            scored = hits.scored
            return len(scored) >= scene.limit and scored[-1].score > bound

        return _Statement(sql, values.bound, enough)

    def _exact(self, scene: _Scene, leg: SearchLeg) -> _Statement | None:
        """What answers a leg for sure, ``None`` if nothing can match."""
        values, where = scene.begin()
        if isinstance(leg, DenseLeg):
            if scene.state.vectors is None:
                return None
            query = self._query(scene.state, leg, values)
            sql = dense.exact_sql(scene.state, query, where, values, scene.limit)
            return _Statement(sql, values.bound)
        if not isinstance(leg, LexicalLeg):
            raise InvalidInput(f"a search has dense and lexical legs, not {type(leg).__name__}")
        if not leg.terms:
            return None
        totals = None
        if scene.matching is not None:
            matching = scene.matching
            totals = Totals(max(1, matching.count), max(1, matching.words), {})
        table = f"words_{scene.state.words}"
        sql = lexical_sql(_lexemes(scene.ns, leg), table, where, values, scene.limit, totals)
        return _Statement(sql, values.bound)

    @staticmethod
    def _query(state: StoreState, leg: DenseLeg, values: Values) -> str:
        vector = checked_vector(leg.vector, state.dimension)
        bound = values.add(Raw(wire.vector(vector, state.vector_type)))
        return f"{bound}::{state.vector_type}"


def _lexemes(ns: bytes, leg: LexicalLeg) -> list[str]:
    known = lexemes(ns)
    try:
        return list(dict.fromkeys(known[term].decode() for term in leg.terms))
    except UnicodeEncodeError:
        raise InvalidInput("a term holds a lone surrogate") from None


def _set_locally(settings: dict[str, str]) -> str:
    each = [f"set_config('{name}', '{value}', true)" for name, value in settings.items()]
    return f"SELECT {', '.join(each)}"


def _scored(rows: Sequence[Any]) -> Hits:
    # The cosine of a vector of zeros is no number: it comes last.
    scored = [Scored(decoded(row[0]), row[1] if row[1] == row[1] else -1.0) for row in rows]
    # Every row of a lexical leg has the same ceiling beside it.
    return Hits(tuple(scored), rows[0][2] if rows and len(rows[0]) > 2 else None)
