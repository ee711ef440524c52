"""An open store: its log, what of it is in memory, and how the one is kept up with the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import uuid4

import numpy as np

from memkit.backing.compatibility import check_compatible
from memkit.errors import InvalidInput, StoreError
from memkit.filters import Filter
from memkit.protocols import DenseLeg, SearchLeg, SearchResult, StoreSpec
from memkit_chroma import rows
from memkit_chroma.catalog import Catalog
from memkit_chroma.entries import CHANGES_BITS, Entry, State
from memkit_chroma.gateway import Gateway
from memkit_chroma.ledger import Ledger, Overtaken, unavailable
from memkit_chroma.memory import Memory, lost_vectors
from memkit_chroma.partition import Partition

T = TypeVar("T")
#: Version 2 keeps with a patch or deletion what it was about; version 3 has facts, which older
#: code could not read.
SCHEMA_VERSION = 3
_ATTEMPTS = 5
_QUEUE = "memkit.queue"
# Entries beyond the last known checkpoint that a process which only reads keeps in memory.
_TAIL = 2000
#: Entries without content that stay in the log, for the change feed, and how many more pile up
#: before the oldest are removed.
KEPT_ENTRIES = 10_000
SHORTENED_ENTRIES = 1_000


class Session:
    """One process's view of a store.

    Two locks, taken in this order: ``ledger_lock`` for whoever uses the log, ``memory.lock``
    for whoever looks at what is in memory. In embedded mode nobody else writes, so reading
    needs the second one alone.
    """

    def __init__(self, gateway: Gateway, spec: StoreSpec) -> None:
        self.gateway = gateway
        self.spec = spec
        self.shared = gateway.place.shared
        place = gateway.place
        #: Processes on one folder commit in turn: it costs less than to race and lose. Who
        #: comes first is settled in the log all the same.
        self.queue = place.folder / _QUEUE if place.folder and place.serve else None
        self.ledger_lock = threading.RLock()
        self.ledger = Ledger(gateway, lambda entry: self.memory.take(entry))
        self.memory = Memory(gateway, Catalog(gateway, self.ledger.meta))
        self._looks = self._looked = 0
        self._open()

    def _open(self) -> None:
        location = self.gateway.place.location
        read_only = self.spec.read_only
        database = self.gateway.place.folder is None
        if database and not self.gateway.has_database(make=not read_only):
            raise unavailable(location)
        if not self.ledger.exists():
            if read_only:
                raise unavailable(location)
            self.ledger.make(State(SCHEMA_VERSION))
        self.restart()
        if not read_only:
            self._claim()
        elif not self.spec.migrating:
            check_compatible(self.state.fingerprint, self.state.analyzer, self.spec)

    def _claim(self) -> None:
        """See that the store fits what is expected; one that holds nothing takes it on."""
        while True:
            state, wanted = self.state, self.spec.fingerprint
            held = state.fingerprint
            if state.schema < SCHEMA_VERSION or state.identity is None:
                identity = state.identity or uuid4().hex
                state = replace(state, schema=SCHEMA_VERSION, identity=identity)
            if state.analyzer != self.spec.analyzer and (
                state.analyzer is None or not self.namespaces()
            ):
                state = replace(state, analyzer=self.spec.analyzer)
            if (
                held is not None
                and (wanted is None or not held.matches(wanted))
                and not self._has_vectors()
            ):
                state = replace(state, fingerprint=None)
            if state == self.state or self.commit_state(state):
                break
        if not self.spec.migrating:
            check_compatible(self.state.fingerprint, self.state.analyzer, self.spec)

    def _has_vectors(self) -> bool:
        with self.memory.lock:
            waiting = any(
                step.index is not None and step.index.vector is not None
                for entry in self.memory.tail
                for step in entry.steps
            )
        name = rows.collection_name(self.gateway, self.state.generation, rows.EMBEDDED)
        return waiting or self.gateway.count(name) > 0

    def commit_state(self, state: State) -> bool:
        """Commit nothing but another state; false if another process was first."""
        with self.ledger_lock:
            try:
                done = self.ledger.commit((), state)
            except Overtaken:
                self.restart()
                return False
            if not done:
                self.catch_up()
            return done

    @property
    def state(self) -> State:
        """What the store says of itself, as far as it was read."""
        return self.ledger.state

    # Keeping up.

    def restart(self) -> None:
        """Forget what is in memory, and go on from the last checkpoint."""
        with self.ledger_lock:
            self.gateway.forget()
            for _ in range(_ATTEMPTS):
                self.memory.begin(self.ledger.begin(SCHEMA_VERSION))
                self.memory.catalog.begin()
                try:
                    self.ledger.catch_up()
                except Overtaken:
                    continue
                return
        raise StoreError(f"{self.gateway.place.location}: its log is cut short faster than read")

    def catch_up(self) -> None:
        """Take in all that is committed, by whatever process.

        Callers that wait for each other share one look at the log, as long as it was begun
        after they came.
        """
        if not self.shared and not self.ledger.unsure:
            return
        came = self._looks
        with self.ledger_lock:
            if self._looked > came:
                return
            self._looks += 1
            self.catch_up_now()
            self._looked = self._looks
            if self.memory.waiting > _TAIL:
                flushed = self.ledger.flushed()
                with self.memory.lock:
                    self.memory.forget_flushed(flushed)

    def read(self, namespace: str, work: Callable[[Partition], T]) -> T:
        """What ``work`` makes of a namespace as it is now; it must not be long or changed."""
        self.catch_up()
        return self.look(namespace, work)

    def look(self, namespace: str, work: Callable[[Partition], T]) -> T:
        """The same, of the namespace as far as it was read."""
        while True:
            with self.memory.lock:
                partition = self.memory.held(namespace)
                if partition is not None:
                    return work(partition)
            self.load(namespace)

    def load(self, namespace: str) -> None:
        """Bring a namespace into memory."""
        try:
            namespace.encode()
        except UnicodeEncodeError:
            raise InvalidInput("a namespace holds a lone surrogate") from None
        with self.ledger_lock:
            for _ in range(_ATTEMPTS):
                generation = self.state.generation
                if self.shared:
                    flushed = self.ledger.flushed()
                    with self.memory.lock:
                        self.memory.forget_flushed(flushed)
                with self.memory.lock:
                    if self.memory.held(namespace) is not None:
                        return
                    self.memory.load(namespace, generation)
                if self.shared:
                    # The rows may have been moved to other collections while they were read.
                    self.catch_up_now()
                if self.state.generation == generation:
                    return
        raise StoreError(f"{self.gateway.place.location}: its rows move faster than they are read")

    def catch_up_now(self) -> None:
        """Look at the log once more; for whoever holds ``ledger_lock``."""
        try:
            self.ledger.catch_up()
        except Overtaken:
            self.restart()

    # Searching.

    def search(
        self, namespace: str, legs: Sequence[SearchLeg], filter: Filter, limit: int
    ) -> SearchResult:
        """Each leg's best ``limit`` among the records that match."""
        self.catch_up()
        self.check_spec()
        dense = [leg.vector for leg in legs if isinstance(leg, DenseLeg)]
        if dense:
            self._check_queries(dense)
            self.fetch(namespace)

        def work(partition: Partition) -> SearchResult:
            among = partition.select(filter)
            ranked = [partition.rank(leg, among, limit) for leg in legs]
            return SearchResult(
                tuple(each for each, _ in ranked), {}, tuple(ceiling for _, ceiling in ranked)
            )

        return self.look(namespace, work)

    def check_spec(self) -> None:
        """See that nobody has replaced the vectors by those of another model."""
        if not self.spec.migrating:
            check_compatible(self.state.fingerprint, self.state.analyzer, self.spec)

    def _check_queries(self, vectors: Sequence[np.ndarray]) -> None:
        held = self.state.fingerprint
        for vector in vectors:
            if np.ndim(vector) != 1 or not np.isfinite(vector).all():
                raise InvalidInput("a query's vector is one row of finite numbers")
            if held is not None and held.dimension not in (None, len(vector)):
                raise InvalidInput(
                    f"the query's vector has {len(vector)} dimensions, the store's have "
                    f"{held.dimension}"
                )

    def fetch(self, namespace: str, among: Sequence[str] | None = None) -> None:
        """Bring vectors of a namespace into memory, all or those of these ids."""
        missing: list[int] = []
        for attempt in range(_ATTEMPTS):
            missing = self.look(namespace, lambda partition: _pending(partition, among))
            if not missing:
                return
            if attempt:
                # Another process has moved some rows: what became of them is in the log.
                self.gateway.forget()
                with self.ledger_lock:
                    self.catch_up_now()

            def work(partition: Partition) -> bool:
                wanted = _pending(partition, among)
                return self.memory.fetch_vectors(
                    namespace, partition, self.state.generation, wanted
                )

            if self.look(namespace, work):
                return
        raise lost_vectors(self.gateway.place.location, len(missing))

    # The log.

    def oldest(self) -> int:
        """A position before which the log holds nothing any more."""
        return max(1, self.ledger.position - KEPT_ENTRIES - SHORTENED_ENTRIES)

    def newest_change(self) -> int:
        """The position of the newest change; 0 in a new store."""
        self.catch_up()
        return self.state.changed

    def dropped(self) -> int:
        """The position in the change feed up to which changes may be gone."""
        self.catch_up()
        last = self.ledger.position - KEPT_ENTRIES
        return 0 if last < SHORTENED_ENTRIES else (last << CHANGES_BITS) | ((1 << CHANGES_BITS) - 1)

    def entries(self, first: int, last: int) -> list[Entry]:
        """The entries between two positions, both included, that are there."""
        with self.ledger_lock:
            return self.ledger.entries(first, last)

    # Counting.

    def namespaces(self) -> dict[str, int]:
        """Every namespace that holds records, and how many."""
        self.catch_up()
        with self.memory.lock:
            return self.memory.catalog.sizes()


def _pending(partition: Partition, among: Sequence[str] | None) -> list[int]:
    if among is None:
        return partition.matrix.pending()
    numbers = [partition.row_of[id_] for id_ in among if id_ in partition.row_of]
    return partition.matrix.pending(np.array(numbers, np.intp))
