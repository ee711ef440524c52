"""Checking a store, giving its space back, and clearing away what was deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memkit.errors import StoreReadOnly
from memkit.types import Problem
from memkit_pgvector.database import Database
from memkit_pgvector.driver import told
from memkit_pgvector.schema import STAGED_TOKENS, TOKENS
from memkit_pgvector.state import StoreState, read_state
from memkit_pgvector.vectors import LOCK_WRITES

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

_RESTORE = "restore a backup, or rescue what is readable with memkit export"
_REEMBED = "memkit reembed"
_REIMPORT = "memkit export, then memkit import into a new store"
_COMPACT = "memkit doctor --vacuum"
_NO_TIMEOUT = "SET LOCAL statement_timeout = 0"
_RECOUNT = (
    "SELECT ns, count(*) AS records, count(*) FILTER (WHERE embedded) AS embedded, "
    "sum(length) AS words FROM @.records GROUP BY ns"
)


def _orphans(table: str) -> str:
    return (
        f"SELECT count(*) FROM @.{table} t WHERE NOT EXISTS "
        "(SELECT 1 FROM @.records r WHERE r.ns = t.ns AND r.rid = t.rid)"
    )


def _miscounted(table: str, column: str) -> str:
    """Counts the records that a side table holds another number of rows of than they state."""
    return (
        f"SELECT count(*) FROM (SELECT ns, rid, count(*) AS n FROM @.{table} GROUP BY ns, rid) t "
        f"FULL JOIN (SELECT ns, rid, cardinality({column}) AS n FROM @.records "
        f"WHERE {column} <> '{{}}') r ON r.ns = t.ns AND r.rid = t.rid "
        "WHERE t.n IS DISTINCT FROM r.n"
    )


def _rules(state: StoreState) -> list[tuple[str, str, str]]:
    """What must count nothing, what it says if it does not, and the remedy."""
    words, vectors = f"words_{state.words}", f"vectors_{state.vectors}"
    rules = [
        (
            f"SELECT count(*) FROM @.records r WHERE NOT EXISTS (SELECT 1 FROM @.{words} w "
            "WHERE w.ns = r.ns AND w.rid = r.rid)",
            "{} records are in no index of words",
            _REEMBED,
        ),
        (_orphans(words), "{} word lists belong to no record", _REEMBED),
        (
            "SELECT count(*) FROM @.records r WHERE NOT EXISTS "
            "(SELECT 1 FROM @.namespaces n WHERE n.ns = r.ns)",
            "{} records are in a namespace whose name is lost",
            _RESTORE,
        ),
        (_miscounted("uniques", "unique_keys"), "the unique keys of {} records differ", _REIMPORT),
        (_miscounted("signatures", "signature"), "signature keys of {} records differ", _REEMBED),
        (
            f"SELECT count(*) FROM ({_RECOUNT}) a FULL JOIN (SELECT ns, sum(records) AS records, "
            "sum(embedded) AS embedded, sum(words) AS words FROM @.counts GROUP BY ns "
            "HAVING sum(records) <> 0 OR sum(embedded) <> 0 OR sum(words) <> 0) c ON c.ns = a.ns "
            "WHERE (a.records, a.embedded, a.words) IS DISTINCT FROM "
            "(c.records, c.embedded, c.words)",
            "the counts of {} namespaces are wrong",
            _COMPACT,
        ),
    ]
    rules += [
        (_orphans(table), "the token vectors of {} records belong to none", _REEMBED)
        for table in (TOKENS, STAGED_TOKENS)
    ]
    if state.vectors is None:
        rules.append(
            (
                "SELECT count(*) FROM @.records r WHERE embedded",
                "{} records say wrongly that they have a vector",
                _REEMBED,
            )
        )
    else:
        rules += [
            (_orphans(vectors), "{} vectors belong to no record", _REEMBED),
            (
                "SELECT count(*) FROM @.records r WHERE r.embedded <> EXISTS (SELECT 1 "
                f"FROM @.{vectors} v WHERE v.ns = r.ns AND v.rid = r.rid)",
                "{} records say wrongly whether they have a vector",
                _REEMBED,
            ),
        ]
    if state.target is not None:
        rules.append(
            (
                _orphans(f"staging_{state.target[2]}"),
                "{} results of an unfinished re-embedding belong to no record",
                _REEMBED,
            )
        )
    return rules


_INVALID = (
    "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND NOT i.indisvalid "
    "AND c.relkind = 'i' AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p "
    "WHERE p.index_relid = c.oid)"
)


async def check(database: Database) -> list[Problem]:
    """All that is wrong with a store."""

    async def run(connection: Connection) -> list[Problem]:
        problems: list[Problem] = []
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            await connection.execute(_NO_TIMEOUT)
            state = await read_state(connection, database.names)
            for sql, what, remedy in _rules(state):
                cursor = await connection.execute(database.names.sql(sql))
                row: Any = await cursor.fetchone()
                if row[0]:
                    problems.append(Problem(what.format(row[0]), remedy))
            cursor = await connection.execute(_INVALID, [database.names.schema])
            problems += [
                Problem(f"the index {name} was not finished and serves nobody", _COMPACT)
                for (name,) in await cursor.fetchall()
            ]
            cursor = await connection.execute(
                "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') "
                "AND setting = 'off'"
            )
            problems += [
                Problem(
                    f"the server runs with {name} = off: a power cut can lose what was "
                    "acknowledged",
                    f"set {name} = on in its configuration",
                )
                for (name,) in await cursor.fetchall()
            ]
            if state.target is not None:
                problems.append(
                    Problem(f"a re-embedding with {state.target[0]} is not finished", _REEMBED)
                )
        return problems

    return await database.read(run)


async def compact(database: Database) -> None:
    """Rewrite the tables without what was deleted; each is locked meanwhile."""
    await _vacuum(database, "VACUUM (FULL, ANALYZE)")
    names = database.names

    async def recount(connection: Connection) -> None:
        await connection.execute(_NO_TIMEOUT)
        await connection.execute(names.sql(LOCK_WRITES))
        await connection.execute(names.sql("DELETE FROM @.counts"))
        await connection.execute(
            names.sql(
                "INSERT INTO @.counts (ns, slot, records, embedded, words) "
                f"SELECT ns, 0, records, embedded, words FROM ({_RECOUNT}) a"
            )
        )

    await database.change(recount)
    with told(database.location):
        async with database.writing() as connection:
            await _drop_invalid(database, connection)


async def purge(database: Database) -> bool:
    """Clear deleted rows out of the tables and indexes.

    Never wholly done: the write-ahead log, and copies of it on standbys and in archives, hold
    what was written until PostgreSQL reuses them.
    """
    await _vacuum(database, "VACUUM")
    return False


async def _vacuum(database: Database, command: str) -> None:
    if database.spec.read_only:
        raise StoreReadOnly(f"{database.location} was opened read-only")
    with told(database.location):
        async with database.writing() as connection:
            cursor = await connection.execute(
                "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE n.nspname = $1 AND c.relkind = 'r' ORDER BY c.relname",
                [database.names.schema],
            )
            tables = [name for (name,) in await cursor.fetchall()]
            try:
                await connection.execute("SET statement_timeout = 0")
                for name in tables:
                    await connection.execute(database.names.sql(f'{command} @."{name}"'))
            finally:
                if not connection.closed:
                    await connection.execute("RESET statement_timeout")


async def _drop_invalid(database: Database, connection: Connection) -> None:
    cursor = await connection.execute(_INVALID, [database.names.schema])
    for (name,) in await cursor.fetchall():
        await connection.execute(database.names.sql(f'DROP INDEX IF EXISTS @."{name}"'))
