"""Re-embedding in the embedded store: new vectors beside the old, then in their place at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memkit.protocols import Fingerprint, IndexData, Stored
from memkit.types import MemoryRecord
from memkit_qdrant.conditions import Clause, Match
from memkit_qdrant.edge_store import EdgeStore, drive
from memkit_qdrant.names import point_id
from memkit_qdrant.payloads import RECORD, record_of
from memkit_qdrant.plans import vectors_of
from memkit_qdrant.reembedding import (
    STAGING,
    begun,
    finished,
    is_begun,
    pending_clause,
    retargeted,
    staged_dimension,
    staged_fields,
)


def begin(store: EdgeStore, target: Fingerprint, analyzer: str) -> tuple[int, int]:
    """Start, or resume if the target is the same; how many are done, and how many there are."""
    store.check_writable()
    if not is_begun(store.state, target, analyzer):
        store.checkpoint()
        _abandon(store)
        state = retargeted(store.state, target, analyzer)
        assert state.staged is not None
        store.shard.add_generation(state.staged)
        store.shard.flush()
        store.change(state)
    staged, _, _ = begun(store.state)
    total = drive(store.shard.count(None, Clause()))
    return total - drive(store.shard.count(None, pending_clause(staged))), total


def _abandon(store: EdgeStore) -> None:
    """Remove what was staged for another target."""
    staged, target = store.state.staged, store.state.target
    if staged is None or target is None:
        return
    store.change(replace(store.state, target=None, target_analyzer=None))
    store.shard.drop_generation(staged, dense=target.dimension is not None)


def pending(store: EdgeStore, limit: int, after: str | None) -> tuple[list[Stored], str | None]:
    """Up to ``limit`` records that are not staged, and where to go on from."""
    clause = pending_clause(begun(store.state)[0])
    for start in (after, None) if after is not None else (None,):
        rows, more = drive(store.shard.scroll(None, clause, limit, RECORD, after=start))
        if rows:
            return [Stored(record_of(row.payload)) for row in rows], more
    return [], None


def stage(store: EdgeStore, items: Sequence[tuple[MemoryRecord, IndexData]]) -> None:
    """Keep new index data for those records that are still as they were read."""
    store.check_writable()
    staged, target, _ = begun(store.state)
    dimension = staged_dimension(target, [index for _, index in items])
    if dimension is not None:
        store.shard.add_dense(staged, dimension, store.options)
        if target.dimension is None:
            store.change(replace(store.state, target=replace(target, dimension=dimension)))
    wanted = {point_id(record.namespace, record.id): (record, index) for record, index in items}
    for row in drive(store.shard.retrieve(None, list(wanted), STAGING)):
        record, index = wanted[row.id]
        held = record_of(row.payload)
        if (held.version, held.updated_at) == (record.version, record.updated_at):
            store.shard.stage(
                row.id,
                staged,
                vectors_of(record.namespace, index, staged),
                staged_fields(row.payload, index, staged),
                dense=dimension is not None,
            )
    # It is not in the journal: from here on it is on the disk.
    store.checkpoint()


def finish(store: EdgeStore) -> tuple[Fingerprint, str] | None:
    """Put what was staged in its place, unless records are pending; whose it is."""
    store.check_writable()
    before = store.state
    staged, target, analyzer = begun(before)
    if drive(store.shard.count(None, pending_clause(staged))):
        return None
    store.checkpoint()
    embedded = drive(store.shard.count(None, Clause(must=(Match("embedded", staged.number),))))
    store.change(finished(before, embedded=embedded > 0))
    # From here on the new ones serve; a kill before the old ones are gone leaves them unused.
    store.shard.drop_generation(before.generation, dense=before.dimension is not None)
    store.shard.flush()
    return target, analyzer
