"""Checking a store, compacting it, and overwriting the traces of what was deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memkit.types import Problem
from memkit_sqlite.scrubbing import scrub
from memkit_sqlite.store import read_state
from memkit_sqlite.tables import Tables
from memkit_sqlite.tokens import KEPT

if TYPE_CHECKING:
    import apsw

    from memkit_sqlite.store import StoreFile

_PURGE_ATTEMPTS = 5
_RESTORE = "restore a backup, or rescue what is readable with memkit export"
_REEMBED = "memkit reembed"
_REINDEX = "memkit export, then memkit import into a new store"


def _json_mismatch(table: str, column: str, value: str) -> str:
    """Counts the values of a list column that its side table lacks."""
    return (
        f"SELECT count(*) FROM records r, json_each(r.{column}) j WHERE r.{column} IS NOT NULL "
        f"AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.ns = r.ns AND t.value = {value} "
        "AND t.seq = r.seq)"
    )


# What must count nothing, what it says if it does not, and the remedy.
_RULES: tuple[tuple[str, str, str], ...] = (
    (
        "SELECT count(*) FROM records r WHERE NOT EXISTS "
        "(SELECT 1 FROM indexed i WHERE i.seq = r.seq)",
        "{} records are in no index, so no search finds them",
        _REEMBED,
    ),
    (
        "SELECT count(*) FROM indexed i WHERE NOT EXISTS "
        "(SELECT 1 FROM records r WHERE r.seq = i.seq)",
        "{} vectors or word lists belong to no record",
        _REEMBED,
    ),
    (
        "SELECT count(*) FROM staged s WHERE NOT EXISTS "
        "(SELECT 1 FROM records r WHERE r.seq = s.seq)",
        "{} vectors of an unfinished re-embedding belong to no record",
        _REEMBED,
    ),
    (
        "SELECT (SELECT count(*) FROM tokens t WHERE NOT EXISTS "
        "(SELECT 1 FROM records r WHERE r.seq = t.seq)) + (SELECT count(*) FROM staged_tokens t "
        "WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.seq = t.seq))",
        "{} token vectors belong to no record",
        _REEMBED,
    ),
    (
        "SELECT count(*) FROM records r JOIN indexed i ON i.seq = r.seq "
        "WHERE r.embedded <> (i.vector IS NOT NULL)",
        "{} records say wrongly whether they have a vector",
        _REEMBED,
    ),
    (
        "SELECT count(*) FROM indexed i WHERE length(i.terms) % 10 <> 0 OR i.length < 0 "
        "OR i.length < length(i.terms) / 10",
        "{} word lists are damaged",
        _REEMBED,
    ),
    (
        "SELECT count(*) FROM indexed i, store s WHERE i.vector IS NOT NULL "
        "AND (s.dimension IS NULL OR length(i.vector) <> 4 * s.dimension)",
        "{} vectors have not the dimension of the store's embedder",
        _REEMBED,
    ),
    (
        "SELECT count(*) FROM records r WHERE NOT EXISTS "
        "(SELECT 1 FROM namespaces n WHERE n.ns = r.ns)",
        "{} records are in no namespace, so nobody can read them",
        _RESTORE,
    ),
    *(
        (
            f"SELECT count(*) FROM {table} t WHERE NOT EXISTS "
            "(SELECT 1 FROM records r WHERE r.seq = t.seq AND r.ns = t.ns)",
            f"{{}} {what} belong to no record",
            remedy,
        )
        for table, what, remedy in (
            ("tags", "tags", _REINDEX),
            ("entities", "names of entities", _REINDEX),
            ("targets", "link targets", _REINDEX),
            ("signatures", "signature keys", _REEMBED),
            ("uniques", "unique keys", _REINDEX),
        )
    ),
    (_json_mismatch("tags", "tags", "j.value"), "{} tags cannot be found by", _REINDEX),
    (
        _json_mismatch("entities", "entities", "j.value"),
        "{} names of entities cannot be found by",
        _REINDEX,
    ),
    (
        _json_mismatch("targets", "links", "json_extract(j.value, '$[1]')"),
        "{} links cannot be found by their target",
        _REINDEX,
    ),
    (
        _json_mismatch("uniques", "unique_keys", "unique_hash(j.value)"),
        "{} unique keys are lost",
        _REINDEX,
    ),
    (
        "SELECT count(*) FROM indexed i JOIN records r ON r.seq = i.seq, "
        "json_each(i.signature) j WHERE i.signature IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM signatures t WHERE t.ns = r.ns AND t.value = signature_hash(j.value) "
        "AND t.seq = r.seq)",
        "{} signature keys are lost",
        _REEMBED,
    ),
)  # fmt: skip


def check(connection: apsw.Connection) -> list[Problem]:
    """All that is wrong with a store; what SQLite itself finds comes first."""
    found: Any = connection.execute("PRAGMA integrity_check(20)").fetchall()
    problems = [Problem(f"the file is damaged: {row[0]}", _RESTORE) for row in found]
    problems = [problem for problem in problems if not problem.what.endswith(": ok")]
    connection.execute("BEGIN")
    try:
        tokens = connection.table_exists("main", KEPT)
        for sql, what, remedy in _RULES:
            if "tokens" in sql and not tokens:
                # A store of version 1, opened for reading alone.
                continue
            row: Any = connection.execute(sql).fetchone()
            if row[0]:
                problems.append(Problem(what.format(row[0]), remedy))
        state = read_state(connection)
        if state.target is not None:
            problems.append(
                Problem(f"a re-embedding with {state.target[0]} is not finished", _REEMBED)
            )
    finally:
        connection.execute("COMMIT")
    return problems


def trim(tables: Tables) -> None:
    """Forget the oldest changes, in a transaction."""
    tables.trim_changes()


def purge(tables: Tables, file: StoreFile) -> bool:
    """Overwrite what is left of deleted rows, in the file and in its log.

    False if a reader keeps the log from being emptied, or writers keep filling it.
    """
    for _ in range(_PURGE_ATTEMPTS):
        if not _empty_log(tables.connection):
            return False
        if scrub(file):
            # Now the log holds the one page of the change that ended the scrubbing.
            _empty_log(tables.connection)
            return True
    return False


def _empty_log(connection: apsw.Connection) -> bool:
    """Copy the log into the file and cut it to nothing, if no reader is in the way."""
    import apsw

    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        return False
    return True


def compact(tables: Tables) -> None:
    """Rewrite the file without its free space, then the log into it."""
    tables.connection.execute("VACUUM")
    _empty_log(tables.connection)
