"""The namespaces in memory: loaded from their rows and the log's tail, kept up with the log."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from memkit.errors import StoreCorrupt
from memkit_chroma import rows
from memkit_chroma.catalog import Catalog
from memkit_chroma.entries import Entry
from memkit_chroma.gateway import Gateway
from memkit_chroma.partition import Partition, Row


class Memory:
    """What a process holds of a store. Whoever uses it holds :attr:`lock`."""

    def __init__(self, gateway: Gateway, catalog: Catalog) -> None:
        self.lock = threading.RLock()
        self.catalog = catalog
        self._gateway = gateway
        self._partitions: OrderedDict[str, Partition] = OrderedDict()
        #: Up to which position the rows are known to hold everything.
        self.flushed = 0
        #: The entries from there on.
        self.tail: list[Entry] = []
        self.waiting = 0

    def begin(self, flushed: int) -> None:
        """Forget everything: it is read anew from this position on."""
        with self.lock:
            self._partitions.clear()
            self.tail.clear()
            self.waiting = 0
            self.flushed = flushed

    def take(self, entry: Entry) -> None:
        """Take in a commit."""
        with self.lock:
            self.catalog.take(entry)
            self.tail.append(entry)
            self.waiting += len(entry.steps)
            if entry.moved:
                self.begin(entry.position)
                return
            for step in entry.steps:
                if entry.slim:
                    self._partitions.pop(step.namespace, None)
                    continue
                partition = self._partitions.get(step.namespace)
                if partition is not None:
                    partition.apply(step, entry.position)

    def forget_flushed(self, position: int) -> None:
        """Let go of the log's tail up to here: the rows hold it."""
        if position <= self.flushed:
            return
        self.flushed = position
        self.tail = [entry for entry in self.tail if entry.position > position]
        self.waiting = sum(len(entry.steps) for entry in self.tail)

    def forget(self, namespace: str) -> None:
        """Have a namespace read anew when it is next asked for."""
        self._partitions.pop(namespace, None)

    def held(self, namespace: str) -> Partition | None:
        """A namespace, if it is in memory."""
        partition = self._partitions.get(namespace)
        if partition is not None:
            self._partitions.move_to_end(namespace)
        return partition

    def load(self, namespace: str, generation: int) -> Partition:
        """A namespace from its rows, and what the log's tail says beyond them.

        The position up to which rows hold everything must be read before the rows are.
        """
        known = namespace in self.catalog
        partition = Partition(self._rows(namespace, generation) if known else ())
        for entry in self.tail:
            for step in entry.steps:
                if step.namespace == namespace and not entry.slim:
                    partition.apply(step, entry.position)
        self._partitions[namespace] = partition
        self._make_room(namespace)
        return partition

    def _rows(self, namespace: str, generation: int) -> list[tuple[Row, bool]]:
        found: dict[str, tuple[Row, bool]] = {}
        for kind in rows.KINDS:
            name = rows.collection_name(self._gateway, generation, kind)
            pages = self._gateway.pages(name, where=rows.of_namespace(namespace))
            for metadata in (each for page in pages for each in page.metadatas):
                row = rows.row_from(namespace, metadata)
                # While a row moves from one collection to the other it is in both.
                other = found.get(row.id)
                if other is None or other[0].position < row.position:
                    found[row.id] = (row, kind == rows.EMBEDDED)
        # Ids grow with time, so the newest come last, as they do when they arrive one by one.
        return sorted(found.values(), key=lambda item: item[0].id)

    def _make_room(self, kept: str) -> None:
        most = self._gateway.place.memory_rows
        while len(self._partitions) > 1 and sum(p.size for p in self._partitions.values()) > most:
            oldest = next(name for name in self._partitions if name != kept)
            del self._partitions[oldest]

    def fetch_vectors(
        self, namespace: str, partition: Partition, generation: int, wanted: list[int]
    ) -> bool:
        """Bring vectors of these rows into memory; whether all of them were in Chroma."""
        name = rows.collection_name(self._gateway, generation, rows.EMBEDDED)
        numbers = {rows.row_id(namespace, partition.rows[number].id): number for number in wanted}
        found = 0
        for page in self._gateway.pages(name, list(numbers), vectors=True):
            for id_, vector in zip(page.ids, page.vectors, strict=True):
                partition.matrix.put(numbers[id_], np.asarray(vector, np.float32))
            found += len(page.ids)
        return found == len(numbers)


def lost_vectors(location: str, count: int) -> StoreCorrupt:
    """The error of vectors that are neither in Chroma nor in its log."""
    return StoreCorrupt(f"{location} has lost {count} vectors: make them anew with memkit reembed")
