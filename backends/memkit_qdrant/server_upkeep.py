"""Upkeep of a store on a server: what can be seen to be wrong, and clearing out."""

from __future__ import annotations

import asyncio
from functools import partial

from qdrant_client import models

from memkit.errors import StoreUnavailable
from memkit.types import Problem
from memkit_qdrant.conditions import Clause
from memkit_qdrant.names import claim_id
from memkit_qdrant.payloads import record_of
from memkit_qdrant.reading import walk
from memkit_qdrant.server_client import ServerClient
from memkit_qdrant.state import StoreState

_POLL_SECONDS = 0.2
# A share of a segment's points that is always less than one point's.
_ANY = 1e-6


async def check(client: ServerClient, state: StoreState) -> list[Problem]:
    """All that is wrong with the store."""
    remedy = "restore the collection from a snapshot, or export it and import it anew"
    damaged = lost = 0
    unique: dict[str, str] = {}
    generation = state.generation
    fields = ("record", "namespace", "id", "unique", "embedded")
    names = (generation.dense,) if state.dimension is not None else ()
    async for row in walk(client, None, Clause(), fields, names):
        try:
            record = record_of(row.payload)
        except (KeyError, TypeError, ValueError):
            damaged += 1
            continue
        place = (record.namespace, record.id)
        damaged += place != (row.payload.get("namespace"), row.payload.get("id"))
        embedded = generation.number in row.payload.get("embedded", ())
        lost += embedded is not (generation.dense in row.vectors)
        for key in row.payload.get("unique", ()):
            unique[claim_id(record.namespace, key)] = record.id
    problems = []
    for count, what in (
        (damaged, "records cannot be read or are not what their fields say"),
        (lost, "records have lost their vectors or have some they should not"),
        (await _unclaimed(client, unique), "unique keys are not claimed by who holds them"),
    ):
        if count:
            problems.append(Problem(f"{count} {what}", remedy))
    return problems


async def _unclaimed(client: ServerClient, unique: dict[str, str]) -> int:
    ids = list(unique)
    found = 0
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        rows = await client.retrieve_written(client.keys, None, some, ("owner",))
        found += sum(id_ not in rows or rows[id_].payload.get("owner") != unique[id_]
                     for id_ in some)  # fmt: skip
    return found


async def compact(client: ServerClient) -> None:
    """Have the server clear deleted points out of its files, and wait until it has.

    Raises:
        StoreUnavailable: it was not done within the timeout.
    """
    info = await client.call(lambda: client.client.get_collection(client.collection))
    before = info.config.optimizer_config
    for diff in (
        models.OptimizersConfigDiff(deleted_threshold=_ANY, vacuum_min_vector_number=100),
        models.OptimizersConfigDiff(
            deleted_threshold=before.deleted_threshold,
            vacuum_min_vector_number=before.vacuum_min_vector_number,
        ),
    ):
        await client.call(
            partial(client.client.update_collection, client.collection, optimizers_config=diff)
        )
        await _settled(client)


async def _settled(client: ServerClient) -> None:
    """Wait until the server's optimizers have nothing left to do."""
    for _ in range(int(client.options.timeout / _POLL_SECONDS) + 1):
        info = await client.call(lambda: client.client.get_collection(client.collection))
        if info.status != models.CollectionStatus.YELLOW:
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise StoreUnavailable(
        f"{client.options.location} still clears out after {client.options.timeout:g} seconds: "
        "it goes on by itself"
    )
