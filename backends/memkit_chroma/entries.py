"""Entries of the log: what a commit did, as text and back."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from memkit.protocols import Fingerprint

if TYPE_CHECKING:
    from memkit.protocols import Vector

#: put, patch with new index data, patch that keeps them, touch, delete.
Op = Literal["P", "R", "K", "T", "D"]
#: How many changes one commit may hold: positions of the change feed are made of both.
CHANGES_BITS = 20
_FEED = {"P": "put", "R": "patch", "K": "patch", "D": "delete"}


@dataclass(frozen=True, slots=True)
class Index:
    """A record's index data, as stored."""

    vector: Vector | None
    terms: bytes
    length: int
    signature: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What a commit did to one record.

    Attributes:
        op: see :data:`Op`.
        namespace, id: which record.
        packed: the record afterwards, ``""`` for a deletion or where the entry is slim.
        unique: its unique keys afterwards; meaningless for a touch.
        index: its new index data; ``None`` keeps what it has.
        about: what the feed keeps of a patch or deletion.
    """

    op: Op
    namespace: str
    id: str
    packed: str = ""
    unique: tuple[str, ...] = ()
    index: Index | None = None
    about: str | None = None

    @property
    def feed(self) -> str | None:
        """What the change feed calls it; ``None`` if it is no change."""
        return _FEED.get(self.op)


@dataclass(frozen=True, slots=True)
class State:
    """What a store says of itself, as of a commit.

    Attributes:
        schema: the version of the layout.
        analyzer, fingerprint: what made its terms and vectors.
        generation: which collections hold the rows.
        target: what it is being re-embedded to, and the generation that is staged.
        reserved: the greatest generation that was ever begun.
        changed: the position of the newest change.
        identity: what tells it from every other store.
    """

    schema: int
    analyzer: str | None = None
    fingerprint: Fingerprint | None = None
    generation: int = 1
    target: tuple[Fingerprint, str, int] | None = None
    reserved: int = 1
    changed: int = 0
    identity: str | None = None

    def text(self) -> str:
        """As JSON."""
        target = None
        if self.target is not None:
            target = [_fingerprint(self.target[0]), *self.target[1:]]
        return json.dumps(
            {
                "schema": self.schema,
                "analyzer": self.analyzer,
                "fingerprint": _fingerprint(self.fingerprint),
                "generation": self.generation,
                "target": target,
                "reserved": self.reserved,
                "changed": self.changed,
                "identity": self.identity,
            }
        )


def state_from(text: str) -> State:
    """The state of :meth:`State.text`; what a newer memkit has added is passed over."""
    held = json.loads(text)
    target = held.get("target")
    return State(
        held["schema"],
        held["analyzer"],
        _fingerprint_from(held["fingerprint"]),
        held["generation"],
        None if target is None else (_required(target[0]), target[1], target[2]),
        held["reserved"],
        held["changed"],
        held.get("identity"),
    )


def _fingerprint(value: Fingerprint | None) -> list[Any] | None:
    return None if value is None else [value.model, value.dimension, value.normalized]


def _fingerprint_from(value: list[Any] | None) -> Fingerprint | None:
    return None if value is None else _required(value)


def _required(value: list[Any]) -> Fingerprint:
    return Fingerprint(value[0], value[1], value[2])


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit.

    Attributes:
        position: its number; each is one more than that of the commit before.
        token: what tells it from another one that was tried at the same position.
        at: when, in microseconds since 1970.
        steps: what it did; without their content if ``slim``.
        state: the store's state from here on; ``None`` if it stays.
        slim: the rows hold its content, and the log no longer does.
        moved: the rows are in other collections from here on, wholly.
        parts: how many rows of the log its content stands in, 0 if in its own.
    """

    position: int
    token: str
    at: int
    steps: tuple[Step, ...]
    state: State | None = None
    slim: bool = False
    moved: bool = False
    parts: int = 0

    def text(self) -> str:
        """As JSON, whole."""
        return json.dumps(
            {
                "at": self.at,
                "moved": self.moved,
                "state": None if self.state is None else self.state.text(),
                "steps": [_step(step) for step in self.steps],
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    def slimmed(self) -> Entry:
        """Without the content of its steps."""
        steps = tuple(
            Step(step.op, step.namespace, step.id, about=step.about) for step in self.steps
        )
        return replace(self, steps=steps, slim=True, parts=0)

    def positions(self) -> list[tuple[int, Step]]:
        """The steps that are changes, with their positions in the change feed."""
        changes = [step for step in self.steps if step.feed is not None]
        return [
            (self.position << CHANGES_BITS | number, step) for number, step in enumerate(changes, 1)
        ]


def entry_from(position: int, token: str, text: str, *, slim: bool, parts: int) -> Entry:
    """The entry of :meth:`Entry.text`."""
    held = json.loads(text)
    state = held["state"]
    return Entry(
        position,
        token,
        held["at"],
        tuple(_step_from(step) for step in held["steps"]),
        None if state is None else state_from(state),
        slim,
        held["moved"],
        parts,
    )


def _step(step: Step) -> list[Any]:
    head: list[Any] = [step.op, step.namespace, step.id]
    if not step.packed:
        return head if step.about is None else [*head, step.about]
    head += [step.packed, step.unique]
    if step.index is not None:
        head += pack_index(step.index)
    return head if step.about is None else [*head, step.about]


def _step_from(held: Sequence[Any]) -> Step:
    if len(held) == 3:
        return Step(held[0], held[1], held[2])
    if len(held) == 4:
        return Step(held[0], held[1], held[2], about=held[3])
    index = unpack_index(held[5:9]) if len(held) >= 9 else None
    about = held[-1] if len(held) in (6, 10) else None
    return Step(held[0], held[1], held[2], held[3], tuple(held[4]), index, about)


def pack_index(index: Index) -> list[Any]:
    """Index data as JSON values."""
    vector = None if index.vector is None else base64.b64encode(index.vector.tobytes()).decode()
    return [
        base64.b64encode(index.terms).decode(),
        index.length,
        index.signature,
        vector,
    ]


def unpack_index(held: Sequence[Any]) -> Index:
    """The index data of :func:`pack_index`."""
    terms, length, signature, vector = held
    array = None
    if vector is not None:
        array = np.frombuffer(base64.b64decode(vector), "<f4")
    return Index(array, base64.b64decode(terms), length, tuple(signature))
