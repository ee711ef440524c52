"""One transaction that carries out the batches of several calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from memkit.backing.compatibility import check_compatible
from memkit.backing.packing import checked_vector
from memkit.backing.times import micros
from memkit.errors import InvalidInput, MemkitError
from memkit.protocols import Delete, Operation, Patch, Put, StoreSpec, Touch, WriteResult
from memkit_pgvector import statements as sql
from memkit_pgvector import tokens, wire
from memkit_pgvector.binding import Raw
from memkit_pgvector.effects import Effects, changed, effects_of
from memkit_pgvector.keys import decoded, encoded, new_token
from memkit_pgvector.ledger import Held, Ledger, record_keys, unique_keys
from memkit_pgvector.rows import RECORD_COLUMNS
from memkit_pgvector.schema import CHANGES_MAX, TOKENS, Names
from memkit_pgvector.staging import staged_tables
from memkit_pgvector.state import SELECT_STATE, StoreState, state_from
from memkit_pgvector.statements import COPY_ROWS, Tables, key_arrays

if TYPE_CHECKING:
    from memkit.protocols import Vector
    from memkit_pgvector.pool import Connection

# Work on fewer rows is done on the event loop itself.
_INLINE_ROWS = 64


@dataclass(slots=True, eq=False)
class Call:
    """One ``write``: its operations, and what came of them."""

    operations: Sequence[Operation]
    results: list[WriteResult] = field(default_factory=list)
    error: BaseException | None = None
    done: asyncio.Future[None] = field(default_factory=asyncio.Future)

    @property
    def vector(self) -> Vector | None:
        """Its first vector, ``None`` if it has none."""
        for each in self.operations:
            index = each.index if isinstance(each, Put | Patch) else None
            if index is not None and index.vector is not None:
                return index.vector
        return None


class VectorsNeeded(Exception):
    """The transaction wants to write vectors, and there is no table for them yet."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self.dimension = dimension


class Transaction:
    """Batches that are committed together, tried until that is done or is not to be.

    The token is written with them: if the connection is lost at the commit, the next try finds
    out by it whether there is anything left to do.
    """

    def __init__(self, calls: Sequence[Call], names: Names, spec: StoreSpec) -> None:
        self.calls = calls
        self.token = new_token()
        self.written: str | None = None
        self.changes = 0
        self._names = names
        self._spec = spec
        self._operations = [each for call in calls for each in call.operations]

    async def run(self, connection: Connection, known: set[bytes], *, tell_wal: bool) -> None:
        """Try once; the connection is given up if this fails.

        Args:
            connection: outside any transaction.
            known: the namespaces whose names are stored for sure; those of this one are added.
            tell_wal: find out how far the write-ahead log has come.

        Raises:
            VectorsNeeded: see there; nothing was written.
        """
        tables = Tables(connection, self._names)
        ledger, state = await self._read(connection, tables)
        for call in self.calls:
            call.results, call.error = [], None
            try:
                self._check(call, state)
                call.results = ledger.apply(call.operations)
            except MemkitError as error:
                call.error = error
        if all(call.error is not None for call in self.calls):
            await tables.run("ROLLBACK")
            return
        self.changes = len(ledger.changes)
        if self.changes > CHANGES_MAX:
            raise InvalidInput(f"a batch makes at most {CHANGES_MAX} changes: write it in parts")
        copies: dict[str, bytes] = {}
        if len(self._operations) < _INLINE_ROWS:
            effects = effects_of(ledger, state)
        else:
            effects, copies = await asyncio.to_thread(_prepared, ledger, state)
        await self._write(connection, tables, ledger, effects, copies, state, known, tell_wal)

    async def _read(self, connection: Connection, tables: Tables) -> tuple[Ledger, StoreState]:
        records = sorted(record_keys(self._operations))
        uniques = sorted(unique_keys(self._operations))
        async with connection.pipeline():
            await tables.run("BEGIN")
            await tables.run(sql.INSERT_RECEIPT, [Raw(self.token)])
            # The first to touch the records' table: whoever is replacing the others has
            # locked it, and what comes next sees those in their place.
            rows = await tables.run(sql.SELECT_HELD, key_arrays(records))
            row = await tables.run(SELECT_STATE)
            taken = await tables.run(sql.SELECT_HOLDERS, key_arrays(uniques)) if uniques else None
        held = {
            (ns.bytes, rid.bytes): Held(
                version, tuple(map(decoded, unique)), tuple(map(decoded, signature)), *rest
            )
            for ns, rid, version, unique, signature, *rest in await rows.fetchall()
        }
        holders = {
            (ns.bytes, key.bytes): (rid.bytes, decoded(id_))
            for ns, key, rid, id_ in (await taken.fetchall() if taken is not None else ())
        }
        return Ledger(held, holders), state_from(await row.fetchone())

    def _check(self, call: Call, state: StoreState) -> None:
        """See that the call's index data belong into this store."""
        indexed = any(
            isinstance(each, Put | Patch) and each.index is not None for each in call.operations
        )
        only_counts = all(isinstance(each, Touch | Delete) for each in call.operations)
        if indexed or not (self._spec.migrating or only_counts):
            check_compatible(state.fingerprint, state.analyzer, self._spec)
        vector = call.vector
        if vector is None:
            return
        if self._spec.fingerprint is None:
            raise InvalidInput("a store opened without an embedder takes no vectors")
        if state.vectors is None:
            checked = checked_vector(vector, self._spec.fingerprint.dimension)
            raise VectorsNeeded(checked.size)

    async def _write(
        self,
        connection: Connection,
        tables: Tables,
        ledger: Ledger,
        effects: Effects,
        copies: dict[str, bytes],
        state: StoreState,
        known: set[bytes],
        tell_wal: bool,
    ) -> None:
        words, vectors = f"words_{state.words}", f"vectors_{state.vectors}"
        kinds = (
            ("records", "records", RECORD_COLUMNS, effects.records),
            ("words", words, sql.word_columns(state.text_search), effects.words),
            ("vectors", vectors, sql.VECTOR_COLUMNS, effects.vectors),
            ("tokens", TOKENS, tokens.COLUMNS, effects.tokens),
        )
        first = bool(copies)
        if first:
            async with connection.pipeline():
                await self._remove(tables, effects, words, vectors, state)
            for kind, table, columns, _ in kinds:
                if kind in copies:
                    await tables.copy(table, columns, copies[kind])
        new = {ns: name for ns, name in effects.namespaces.items() if ns not in known}
        last: Any = None
        async with connection.pipeline():
            if not first:
                await self._remove(tables, effects, words, vectors, state)
            for kind, table, columns, rows in kinds:
                if kind not in copies:
                    await tables.insert(table, columns, rows)
            await tables.insert_uniques(effects.uniques)
            await tables.insert_signatures(effects.signatures)
            if ledger.changes:
                await tables.run(sql.INSERT_CHANGES, self._changes(ledger, state))
            for ns, name in sorted(new.items()):
                await tables.run(sql.INSERT_NAMESPACE, [Raw(ns), encoded(name)])
            # Last, so that a namespace's row of these is locked for the commit alone.
            for ns, sums in changed(effects.counts):
                await tables.run(sql.UPSERT_COUNTS, [Raw(ns), *sums])
            await tables.run("COMMIT")
            # In a transaction of its own: PostgreSQL lets only one that notifies commit at once.
            if ledger.changes:
                await tables.run(sql.NOTIFY, [self._names.channel])
            if tell_wal:
                last = await tables.run(sql.WAL_POSITION)
        known.update(new)
        if last is not None:
            self.written = (await last.fetchone())[0]

    async def _remove(
        self, tables: Tables, effects: Effects, words: str, vectors: str, state: StoreState
    ) -> None:
        """Delete and change rows."""
        await tables.delete("uniques", "key", effects.uniques_gone)
        await tables.delete_signatures(effects.signatures_gone)
        await tables.delete("records", "rid", effects.gone)
        await tables.delete(words, "rid", effects.gone)
        await tokens.remove(tables, effects, state)
        if state.vectors is not None:
            await tables.delete(vectors, "rid", [*effects.gone, *effects.moved])
        for staged in staged_tables(state):
            # What a re-embedding made of the old text is void.
            await tables.delete(staged, "rid", [*effects.gone, *effects.moved])
        await tables.run_rows(sql.UPDATE_RECORD, effects.patches)
        await tables.run_rows(sql.TOUCH_RECORD, effects.touches)
        await tables.run_rows(sql.update_words(words, state.text_search), effects.reworded)

    @staticmethod
    def _changes(ledger: Ledger, state: StoreState) -> list[Any]:
        changes = ledger.changes
        return [
            Raw(wire.uuids(each.ns for each in changes)),
            Raw(wire.texts(each.id for each in changes)),
            [each.op for each in changes],
            micros(datetime.now(UTC)),
            state.feed_offset,
            [None if each.about is None else encoded(each.about) for each in changes],
        ]


def _prepared(ledger: Ledger, state: StoreState) -> tuple[Effects, dict[str, bytes]]:
    """The rows, and of the tables that get many of them what is copied there."""
    effects = effects_of(ledger, state)
    many = {
        "records": effects.records,
        "words": effects.words,
        "vectors": effects.vectors,
        "tokens": effects.tokens,
    }
    return effects, {
        kind: wire.copy_data(rows) for kind, rows in many.items() if len(rows) >= COPY_ROWS
    }
