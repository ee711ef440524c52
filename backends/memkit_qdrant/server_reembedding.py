"""Re-embedding on a server: new vectors beside the old, then in their place at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from qdrant_client import models

from memkit.protocols import Fingerprint, IndexData, Stored
from memkit.types import MemoryRecord
from memkit_qdrant.conditions import Clause, Ids, Match
from memkit_qdrant.names import Generation, point_id
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
from memkit_qdrant.server_client import ServerClient
from memkit_qdrant.server_forms import filter_of, vector_of
from memkit_qdrant.server_schema import SavedState, add_dense, add_generation, drop_generation
from memkit_qdrant.state import StoreState
from memkit_qdrant.transport import Row


async def begin(
    client: ServerClient, saved: SavedState, target: Fingerprint, analyzer: str
) -> tuple[int, int]:
    """Start, or resume if the target is the same; how many are done, and how many there are."""
    await saved.load()
    abandoned = saved.state.staged
    if not is_begun(saved.state, target, analyzer):

        def retarget(state: StoreState) -> StoreState:
            if is_begun(state, target, analyzer):
                return state
            return retargeted(state, target, analyzer)

        await saved.change(retarget)
        if abandoned is not None:
            await drop_generation(client, abandoned)
    staged, _, _ = begun(saved.state)
    await add_generation(client, staged)
    total = await client.count(None, Clause())
    return total - await client.count(None, pending_clause(staged)), total


async def pending(
    client: ServerClient, saved: SavedState, limit: int, after: str | None
) -> tuple[list[Stored], str | None]:
    """Up to ``limit`` records that are not staged, and where to go on from."""
    clause = pending_clause(begun(saved.state)[0])
    for start in (after, None) if after is not None else (None,):
        rows, more = await client.scroll(None, clause, limit, RECORD, after=start)
        if rows:
            return [Stored(record_of(row.payload)) for row in rows], more
    return [], None


async def stage(
    client: ServerClient,
    saved: SavedState,
    items: Sequence[tuple[MemoryRecord, IndexData]],
) -> None:
    """Keep new index data for those records that are still as they were read."""
    await saved.load()
    staged, target, _ = begun(saved.state)
    dimension = staged_dimension(target, [index for _, index in items])
    if dimension is not None:
        await add_dense(client, staged, dimension)
        if target.dimension is None:
            known = replace(target, dimension=dimension)
            await saved.change(lambda state: replace(state, target=known))
    for record, index in items:
        id_ = point_id(record.namespace, record.id)
        rows = await client.retrieve_written(client.collection, record.namespace, [id_], STAGING)
        if (row := rows.get(id_)) is None:
            continue
        held = record_of(row.payload)
        if (held.version, held.updated_at) == (record.version, record.updated_at):
            await _stage_one(client, record, index, staged, row, dense=dimension is not None)


async def _stage_one(
    client: ServerClient,
    record: MemoryRecord,
    index: IndexData,
    staged: Generation,
    row: Row,
    *,
    dense: bool,
) -> None:
    """Give a point the vectors of another generation, if it still is what was read."""
    unchanged = filter_of(
        Clause(must=(Ids((row.id,)), Match("stamp", int(row.payload.get("stamp", 0)))))
    )
    key = client.shard_key(record.namespace)
    vectors = vectors_of(record.namespace, index, staged)
    names = {staged.words, staged.dense} if dense else {staged.words}
    operations: list[Any] = []
    if absent := sorted(names - set(vectors)):
        operations.append(
            models.DeleteVectorsOperation(
                delete_vectors=models.DeleteVectors(filter=unchanged, vector=absent, shard_key=key)
            )
        )
    if vectors:
        named: Any = {name: vector_of(each) for name, each in vectors.items()}
        operations.append(
            models.UpdateVectorsOperation(
                update_vectors=models.UpdateVectors(
                    points=[models.PointVectors(id=row.id, vector=named)],
                    update_filter=unchanged,
                    shard_key=key,
                )
            )
        )
    # Last, so that a record is called done when its vectors are there.
    operations.append(
        models.SetPayloadOperation(
            set_payload=models.SetPayload(
                payload=staged_fields(row.payload, index, staged),
                filter=unchanged,
                shard_key=key,
            )
        )
    )
    await client.call(
        lambda: client.client.batch_update_points(
            client.collection, operations, ordering=client.ordering
        )
    )


async def finish(client: ServerClient, saved: SavedState) -> tuple[Fingerprint, str] | None:
    """Put what was staged in its place, unless records are pending; whose it is."""
    await saved.load()
    before = saved.state
    staged, target, analyzer = begun(before)
    if await client.count(None, pending_clause(staged)):
        return None
    embedded = await client.count(None, Clause(must=(Match("embedded", staged.number),)))
    await saved.change(
        lambda state: finished(state, embedded=embedded > 0) if state.target else state
    )
    # From here on the new ones serve, and other processes see that theirs are not.
    await drop_generation(client, before.generation)
    return target, analyzer
