"""What re-embedding is on both engines: which records are pending, and what is staged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from memkit.errors import EmbedderMismatch, StoreError
from memkit.protocols import Fingerprint, IndexData
from memkit_qdrant.conditions import Clause, Match, negated, where
from memkit_qdrant.names import Generation
from memkit_qdrant.state import StoreState
from memkit_qdrant.transport import Payload

#: The fields of a payload that staging needs.
STAGING = ("record", "indexed", "embedded", "stamp")


def begun(state: StoreState) -> tuple[Generation, Fingerprint, str]:
    """The generation that is staged, and what it is of.

    Raises:
        StoreError: none is.
    """
    if state.staged is None or state.target is None or state.target_analyzer is None:
        raise StoreError("no re-embedding was begun, or another process has finished it")
    return state.staged, state.target, state.target_analyzer


def is_begun(state: StoreState, target: Fingerprint, analyzer: str) -> bool:
    """Whether a re-embedding to this target was begun already."""
    return (
        state.target is not None
        and state.target.matches(target)
        and state.target_analyzer == analyzer
    )


def retargeted(state: StoreState, target: Fingerprint, analyzer: str) -> StoreState:
    """The state once a re-embedding to another target has begun."""
    return replace(state, newest=state.newest + 1, target=target, target_analyzer=analyzer)


def finished(state: StoreState, *, embedded: bool) -> StoreState:
    """The state once what was staged serves; ``embedded``: there are vectors among it."""
    staged, target, analyzer = begun(state)
    return replace(
        state,
        generation=staged,
        fingerprint=target if embedded else None,
        analyzer=analyzer,
        target=None,
        target_analyzer=None,
    )


def pending_clause(staged: Generation) -> Clause:
    """The records that have no index data of a generation."""
    clause = where(negated(Match("indexed", staged.number)))
    assert clause is not None
    return clause


def staged_dimension(target: Fingerprint, items: list[IndexData]) -> int | None:
    """The dimension of what is staged, ``None`` if no vectors are.

    Raises:
        EmbedderMismatch: it is not the target's.
    """
    sizes = {int(index.vector.shape[-1]) for index in items if index.vector is not None}
    if target.dimension is not None:
        sizes.add(target.dimension)
    if len(sizes) > 1:
        raise EmbedderMismatch(
            f"the new vectors differ in dimension, or from those of {target}: begin anew"
        )
    return next(iter(sizes), None)


def staged_fields(held: Mapping[str, Any], index: IndexData, staged: Generation) -> Payload:
    """The fields of a payload that say what is staged of its record."""
    fields: Payload = {}
    for name, there in (("indexed", True), ("embedded", index.vector is not None)):
        others = [number for number in held.get(name, ()) if number != staged.number]
        fields[name] = [*others, staged.number] if there else others
    fields[staged.signature] = list(index.signature)
    return fields
