"""What a batch comes to: at most one action for each record, and the unique keys that move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from memkit.protocols import IndexData, Operation, Patch, Put, WriteResult
from memkit_qdrant.names import Generation, term_weights
from memkit_qdrant.transport import Payload

if TYPE_CHECKING:
    from memkit_qdrant.transport import AnyVector

#: A record's namespace and id, or a namespace and a unique key.
Place: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Held:
    """A stored record: its payload, whole."""

    payload: Mapping[str, Any]

    @property
    def unique(self) -> tuple[str, ...]:
        """The unique keys it holds."""
        return tuple(self.payload.get("unique", ()))

    @property
    def stamps(self) -> tuple[int, ...]:
        """The marks of the last writes to it, the newest first."""
        return tuple(self.payload.get("stamps", ()))


@dataclass(frozen=True, slots=True)
class Insert:
    """A point that is not there yet."""

    id: str
    vectors: dict[str, AnyVector]
    payload: Payload


@dataclass(frozen=True, slots=True)
class Replace:
    """A point that is there, with new vectors."""

    id: str
    vectors: dict[str, AnyVector]
    payload: Payload
    expected: int | None


@dataclass(frozen=True, slots=True)
class Overwrite:
    """A point that is there, whose vectors stay."""

    id: str
    payload: Payload
    expected: int | None


@dataclass(frozen=True, slots=True)
class Remove:
    """A point that goes."""

    id: str


Action: TypeAlias = Insert | Replace | Overwrite | Remove


@dataclass(slots=True)
class Plan:
    """What a batch comes to.

    Attributes:
        results: of its operations.
        actions: one at most for each record, by its place.
        taken: the unique keys that records come to hold, and whose they become.
        freed: the unique keys that are given up, and whose they were.
        stamp: the mark that this batch leaves on every point it writes.
    """

    results: list[WriteResult] = field(default_factory=list)
    actions: dict[Place, Action] = field(default_factory=dict)
    taken: dict[Place, str] = field(default_factory=dict)
    freed: dict[Place, str] = field(default_factory=dict)
    stamp: int = 0


def places(batch: Iterable[Operation]) -> tuple[set[Place], set[Place]]:
    """The records that a batch is about, and the unique keys."""
    records: set[Place] = set()
    keys: set[Place] = set()
    for operation in batch:
        if isinstance(operation, Put | Patch):
            record = operation.record
            records.add((record.namespace, record.id))
            keys.update((record.namespace, key) for key in operation.unique or ())
        else:
            records.add((operation.namespace, operation.id))
    return records, keys


def carried_fields(staged: Generation | None) -> tuple[str, ...]:
    """The fields of a payload that a change of counters alone leaves."""
    return ("indexed", "embedded") + (() if staged is None else (staged.signature,))


def held_fields(generation: Generation, staged: Generation | None) -> tuple[str, ...]:
    """The fields of a payload that planning needs."""
    return ("record", "unique", "stamps", generation.signature, *carried_fields(staged))


def vectors_of(namespace: str, index: IndexData, generation: Generation) -> dict[str, AnyVector]:
    """A point's vectors by name."""
    vectors: dict[str, AnyVector] = {}
    if index.terms:
        vectors[generation.words] = term_weights(namespace, index.terms)
    if index.vector is not None:
        vectors[generation.dense] = index.vector
    return vectors
