"""From the log into the rows: what commits did, brought together and written once a record."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from memkit.errors import StoreUnavailable
from memkit_chroma import rows
from memkit_chroma.entries import Entry, Index, State
from memkit_chroma.lease import Lease
from memkit_chroma.ledger import Overtaken, plain_vector
from memkit_chroma.session import KEPT_ENTRIES, SHORTENED_ENTRIES, Session

# Between two tries while another process has the turn.
_TURN_SECONDS = 0.1


@dataclass(slots=True)
class _Outcome:
    """What became of one record over several commits."""

    position: int = 0
    packed: str = ""
    unique: tuple[str, ...] | None = None
    index: Index | None = None
    deleted: bool = False
    #: Whether it may have a row already.
    known: bool = False


@dataclass(slots=True)
class _Work:
    """What is to be done to the collections."""

    upserts: dict[str, list[tuple[str, Any, dict[str, Any]]]] = field(
        default_factory=lambda: {kind: [] for kind in rows.KINDS}
    )
    updates: dict[str, list[tuple[str, dict[str, Any]]]] = field(
        default_factory=lambda: {kind: [] for kind in rows.KINDS}
    )
    deletes: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in rows.KINDS})


class Flusher:
    """Brings the rows of a store up to its log; runs in the thread that writes."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lease = Lease(session.gateway, session.ledger.meta)
        self._trimmed = 0

    def flush(self) -> bool:
        """Write what the log holds into the rows; false if another process is at it."""
        session = self._session
        with session.memory.lock:
            if not session.memory.tail:
                return True
        if not self._lease.take():
            return False
        try:
            return self.flush_in_turn()
        finally:
            self._lease.give_back()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Nobody else writes to the rows meanwhile.

        Raises:
            StoreUnavailable: another process does all the time.
        """
        location, timeout = (
            self._session.gateway.place.location,
            self._session.gateway.place.timeout,
        )
        deadline = time.monotonic() + 5 * timeout
        while not self._lease.take():
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"{location}: another process is busy with it: try again")
            time.sleep(_TURN_SECONDS)
        try:
            yield
        finally:
            self._lease.give_back()

    def move(self, state: State, position: int) -> bool:
        """Have the rows of another generation serve, which are as of ``position``.

        In a turn, and by whoever holds the ledger's lock. False if there are newer commits.
        """
        session = self._session
        session.catch_up_now()
        if session.ledger.position != position:
            return False
        try:
            if not session.ledger.commit((), state, moved=True):
                return False
        except Overtaken:
            session.restart()
            return False
        session.ledger.checkpoint(session.ledger.position, session.ledger.token, session.state)
        return True

    def flush_in_turn(self) -> bool:
        """The same as :meth:`flush`, by whoever has the turn already."""
        session = self._session
        with session.ledger_lock:
            if session.shared:
                session.catch_up_now()
                flushed = session.ledger.flushed()
            else:
                flushed = session.memory.flushed
            with session.memory.lock:
                session.memory.forget_flushed(flushed)
                tail = list(session.memory.tail)
                position, token, state = (
                    session.ledger.position,
                    session.ledger.token,
                    session.state,
                )
                work = self._plan(tail)
                touched = {step.namespace for entry in tail for step in entry.steps}
                namespaces = session.memory.catalog.rows(touched)
        if not tail:
            return True
        if not self._carry_out(state.generation, work):
            return False
        if not self._lease.in_time:
            return False
        session.memory.catalog.write(namespaces)
        session.ledger.checkpoint(position, token, state)
        with session.memory.lock:
            session.memory.forget_flushed(position)
        full = [entry for entry in tail if not entry.slim]
        if full and self._lease.in_time:
            session.ledger.slim(full)
        self._shorten(position)
        return True

    def _plan(self, tail: Sequence[Entry]) -> _Work:
        outcomes: dict[tuple[str, str], _Outcome] = defaultdict(_Outcome)
        for entry in tail:
            if entry.slim:
                continue
            for step in entry.steps:
                outcome = outcomes[step.namespace, step.id]
                outcome.position = entry.position
                outcome.known = outcome.known or step.op != "P"
                outcome.packed = step.packed
                outcome.deleted = step.op == "D"
                if step.op == "D":
                    outcome.index = outcome.unique = None
                elif step.op != "T":
                    outcome.unique = step.unique
                if step.index is not None:
                    outcome.index = step.index
        work = _Work()
        for (namespace, id_), outcome in outcomes.items():
            self._add(work, namespace, id_, outcome)
        return work

    def _add(self, work: _Work, namespace: str, id_: str, outcome: _Outcome) -> None:
        row = rows.row_id(namespace, id_)
        if outcome.deleted:
            for kind in rows.KINDS:
                work.deletes[kind].append(row)
            return
        fields = rows.record_fields(namespace, outcome.packed, outcome.unique, outcome.position)
        if outcome.index is None:
            for kind in self._kinds(namespace, id_):
                work.updates[kind].append((row, fields))
            return
        vector = outcome.index.vector
        kind = rows.UNEMBEDDED if vector is None else rows.EMBEDDED
        # A new row has no keys to remove, and Chroma takes none then.
        fields = {**fields, **rows.index_fields(outcome.index)}
        if not outcome.known:
            fields = {key: value for key, value in fields.items() if value is not None}
        place = plain_vector(outcome.position + len(work.upserts[kind]))
        work.upserts[kind].append((row, place if vector is None else vector, fields))
        if outcome.known:
            other = rows.EMBEDDED if vector is None else rows.UNEMBEDDED
            work.deletes[other].append(row)

    def _kinds(self, namespace: str, id_: str) -> Sequence[str]:
        """In which of its collections a record's row may be."""
        partition = self._session.memory.held(namespace)
        number = None if partition is None else partition.row_of.get(id_)
        if partition is None or number is None:
            return rows.KINDS
        return (rows.EMBEDDED if partition.embedded(number) else rows.UNEMBEDDED,)

    def _carry_out(self, generation: int, work: _Work) -> bool:
        gateway = self._session.gateway
        for kind in rows.KINDS:
            upserts, updates = work.upserts[kind], work.updates[kind]
            if upserts:
                name = rows.make(gateway, generation, kind)
                for first in range(0, len(upserts), gateway.chunk):
                    part = upserts[first : first + gateway.chunk]
                    if not self._lease.in_time:
                        return False
                    gateway.upsert(
                        name,
                        [id_ for id_, _, _ in part],
                        [vector for _, vector, _ in part],
                        [fields for _, _, fields in part],
                    )
            name = rows.collection_name(gateway, generation, kind)
            if updates and self._lease.in_time:
                gateway.update(name, [id_ for id_, _ in updates], [row for _, row in updates])
        for kind in rows.KINDS:
            name = rows.collection_name(gateway, generation, kind)
            if work.deletes[kind] and self._lease.in_time:
                gateway.delete(name, work.deletes[kind])
        return self._lease.in_time

    def _shorten(self, position: int) -> None:
        """Remove the oldest entries once there are many more than are kept."""
        last = position - KEPT_ENTRIES
        if last - self._trimmed < SHORTENED_ENTRIES:
            return
        first = self._trimmed + 1
        if not self._trimmed:
            first = max(1, last - 10 * SHORTENED_ENTRIES)
        self._session.ledger.shorten(first, last)
        self._trimmed = last
