"""Which namespaces there are and how many records each holds, counted along with the log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from memkit_chroma.entries import Entry
from memkit_chroma.gateway import Gateway
from memkit_chroma.ledger import plain_vector
from memkit_chroma.rows import namespace_key

_HEAD = "namespace-"
_CHANGE = {"P": 1, "D": -1}


@dataclass(slots=True)
class _Size:
    """How many records, as of which position."""

    count: int
    position: int


class Catalog:
    """The namespaces of a store. Whoever uses it holds the memory's lock."""

    def __init__(self, gateway: Gateway, collection: str) -> None:
        self._gateway = gateway
        self._collection = collection
        self._sizes: dict[str, _Size] = {}

    def begin(self) -> None:
        """Read what the store says; the log beyond that is taken in entry by entry."""
        held = self._gateway.get(self._collection)
        self._sizes = {
            row["name"]: _Size(int(row["count"]), int(row["p"]))
            for id_, row in zip(held.ids, held.metadatas, strict=True)
            if id_.startswith(_HEAD)
        }

    def take(self, entry: Entry) -> None:
        """Count what a commit put and deleted."""
        touched: dict[str, int] = {}
        for step in entry.steps:
            change = _CHANGE.get(step.op)
            if change is not None:
                touched[step.namespace] = touched.get(step.namespace, 0) + change
        for namespace, change in touched.items():
            size = self._sizes.setdefault(namespace, _Size(0, 0))
            if size.position < entry.position:
                size.count += change
                size.position = entry.position

    def sizes(self) -> dict[str, int]:
        """The namespaces that hold records, and how many."""
        return {name: size.count for name, size in self._sizes.items() if size.count}

    def __contains__(self, namespace: str) -> bool:
        size = self._sizes.get(namespace)
        return size is not None and size.count > 0

    def rows(self, namespaces: Iterable[str]) -> list[tuple[str, dict[str, Any]]]:
        """What is to be written of these namespaces."""
        found = []
        for namespace in namespaces:
            size = self._sizes.get(namespace)
            if size is not None:
                row = {"name": namespace, "count": size.count, "p": size.position}
                found.append((f"{_HEAD}{namespace_key(namespace)}", row))
        return found

    def write(self, rows: list[tuple[str, dict[str, Any]]]) -> None:
        """Write them."""
        if rows:
            vectors = [plain_vector(number) for number in range(len(rows))]
            ids = [id_ for id_, _ in rows]
            self._gateway.upsert(self._collection, ids, vectors, [row for _, row in rows])
