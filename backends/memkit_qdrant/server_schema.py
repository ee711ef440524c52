"""The collections of a store on a server: made, found, and checked; and the store's state."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from qdrant_client import models

from memkit.errors import StoreError, StoreUnavailable
from memkit.protocols import StoreSpec
from memkit_qdrant.conditions import AnyOf, Clause, Ids
from memkit_qdrant.names import Generation, claim_id
from memkit_qdrant.payloads import FACTS
from memkit_qdrant.server_client import ServerClient, shard_key_name
from memkit_qdrant.server_driver import OLDEST_SERVER
from memkit_qdrant.server_forms import (
    added_dense,
    added_words,
    dense_params,
    filter_of,
    keyword_index,
    payload_indexes,
)
from memkit_qdrant.state import StoreState

#: The point that holds a store's state. No namespace is empty, so that no claim has its id.
STATE_ID = claim_id("", "state")
STATE_FIELDS = ("state", "stamp")


async def check_server(client: ServerClient) -> None:
    """See that the server is new enough.

    Raises:
        StoreUnavailable: it is older than the first that counts terms by tenant.
    """
    info = await client.call(client.client.info)
    found = re.match(r"(\d+)\.(\d+)", info.version or "")
    if found is None or (int(found[1]), int(found[2])) < OLDEST_SERVER:
        oldest = ".".join(map(str, OLDEST_SERVER))
        raise StoreUnavailable(
            f"{client.options.location} runs Qdrant {info.version[:20]}, and memkit needs "
            f"{oldest} or later: upgrade the server, or use qdrant+edge:///path"
        )


async def prepare(client: ServerClient, spec: StoreSpec) -> None:
    """See that the collections are there.

    Raises:
        StoreUnavailable: they are not, and are not to be made.
    """
    exists = [
        await client.call(partial(client.client.collection_exists, name))
        for name in (client.collection, client.keys)
    ]
    if all(exists):
        return
    if spec.read_only:
        raise StoreUnavailable(
            f"there is no store at {client.options.location}: open it once for writing, which "
            "makes it"
        )
    dimension = None if spec.fingerprint is None else spec.fingerprint.dimension
    if not exists[0]:
        await _create_records(client, Generation(1), dimension)
    if not exists[1]:
        await _create_keys(client)


def _replicas(client: ServerClient) -> dict[str, Any]:
    options = client.options
    return {
        "replication_factor": options.replication_factor,
        "write_consistency_factor": options.write_consistency_factor,
    }


async def _create_records(
    client: ServerClient, generation: Generation, dimension: int | None
) -> None:
    options = client.options
    custom = options.sharding == "custom"
    dense = {} if dimension is None else {generation.dense: dense_params(dimension, options)}
    words = models.SparseVectorParams(modifier=models.Modifier.IDF)
    await _made(
        client,
        lambda: client.client.create_collection(
            client.collection,
            vectors_config=dense,
            sparse_vectors_config={generation.words: words},
            shard_number=options.shard_number,
            sharding_method=models.ShardingMethod.CUSTOM if custom else None,
            on_disk_payload=True if options.on_disk else None,
            # Versions are compared by fields that have no index.
            strict_mode_config=models.StrictModeConfig(
                unindexed_filtering_retrieve=True, unindexed_filtering_update=True
            ),
            **_replicas(client),
        ),
    )
    if custom:
        for number in range(options.shard_keys):
            await _made(
                client,
                partial(client.client.create_shard_key, client.collection, shard_key_name(number)),
            )
    for name, index in payload_indexes(generation).items():
        await client.call(
            partial(
                client.client.create_payload_index,
                client.collection,
                name,
                index,
                ordering=client.ordering,
            )
        )


async def _create_keys(client: ServerClient) -> None:
    await _made(
        client,
        lambda: client.client.create_collection(
            client.keys,
            vectors_config={},
            strict_mode_config=models.StrictModeConfig(
                unindexed_filtering_retrieve=True, unindexed_filtering_update=True
            ),
            **_replicas(client),
        ),
    )


async def _made(client: ServerClient, make: Callable[[], Awaitable[object]]) -> None:
    """Make something, unless another process has made it meanwhile."""
    try:
        await client.call(make)
    except StoreError:
        # Refused: it may be there by now. If it is not, what follows says so.
        if not await client.call(lambda: client.client.collection_exists(client.collection)):
            raise


async def upgrade(client: ServerClient, saved: SavedState) -> None:
    """Make the indexes that an older store has not, and say so.

    Nobody waits for the server to build them: until it has, it reads all instead.
    """
    if saved.state.current:
        return
    for name in FACTS:
        await client.call(
            partial(
                client.client.create_payload_index,
                client.collection,
                name,
                keyword_index(),
                wait=False,
                ordering=client.ordering,
            )
        )
    await saved.change(StoreState.upgraded)


class SavedState:
    """The state of a store on a server, as this process knows it."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client
        self.state = StoreState()
        self.stamp: int | None = None

    async def load(self) -> None:
        """Read it."""
        rows = await self._client.retrieve_written(
            self._client.keys, None, [STATE_ID], STATE_FIELDS
        )
        if (row := rows.get(STATE_ID)) is not None:
            self.take(row.payload["state"], row.payload["stamp"])

    def take(self, state: object, stamp: int) -> None:
        """Take what was read."""
        if stamp != self.stamp:
            self.state = StoreState.from_json(state, self._client.options.location)
            self.stamp = stamp

    async def save(self, state: StoreState) -> bool:
        """Save another state; false if another process was quicker, whose state is then known."""
        client, stamp = self._client, secrets.randbits(53)
        point = models.PointStruct(
            id=STATE_ID, vector={}, payload={"state": state.to_json(), "stamp": stamp}
        )
        if self.stamp is None:
            await client.call(
                lambda: client.client.upsert(
                    client.keys,
                    [point],
                    ordering=client.ordering,
                    update_mode=models.UpdateMode.INSERT_ONLY,
                )
            )
        else:
            held = filter_of(Clause(must=(Ids((STATE_ID,)), AnyOf("stamp", (self.stamp,)))))
            await client.call(
                lambda: client.client.upsert(
                    client.keys,
                    [point],
                    ordering=client.ordering,
                    update_filter=held,
                    update_mode=models.UpdateMode.UPDATE_ONLY,
                )
            )
        await self.load()
        return self.stamp == stamp

    async def change(self, to: Callable[[StoreState], StoreState]) -> None:
        """Save what ``to`` makes of the state, however often others change it meanwhile."""
        while True:
            wanted = to(self.state)
            if wanted == self.state and self.stamp is not None:
                return
            if await self.save(wanted):
                return


async def add_dense(client: ServerClient, generation: Generation, dimension: int) -> None:
    """Make room for dense vectors, unless there is."""
    info = await client.call(lambda: client.client.get_collection(client.collection))
    there = info.config.params.vectors
    if isinstance(there, dict) and generation.dense in there:
        return
    await _made(
        client,
        lambda: client.client.create_vector_name(
            client.collection, generation.dense, added_dense(dimension), ordering=client.ordering
        ),
    )


async def add_generation(client: ServerClient, generation: Generation) -> None:
    """Make room for the terms and signatures of a generation, unless there is."""
    info = await client.call(lambda: client.client.get_collection(client.collection))
    if generation.words not in (info.config.params.sparse_vectors or {}):
        await _made(
            client,
            lambda: client.client.create_vector_name(
                client.collection, generation.words, added_words(), ordering=client.ordering
            ),
        )
    await client.call(
        lambda: client.client.create_payload_index(
            client.collection, generation.signature, keyword_index(), ordering=client.ordering
        )
    )


async def drop_generation(client: ServerClient, generation: Generation) -> None:
    """Remove all index data of a generation."""
    info = await client.call(lambda: client.client.get_collection(client.collection))
    params = info.config.params
    dense = params.vectors if isinstance(params.vectors, dict) else {}
    for name in (generation.words, generation.dense):
        if name in (params.sparse_vectors or {}) or name in dense:
            await client.call(
                partial(
                    client.client.delete_vector_name,
                    client.collection,
                    name,
                    ordering=client.ordering,
                )
            )
    await client.call(
        lambda: client.client.delete_payload_index(
            client.collection, generation.signature, ordering=client.ordering
        )
    )
    await client.call(
        lambda: client.client.delete_payload(
            client.collection,
            [generation.signature],
            models.Filter(),
            ordering=client.ordering,
        )
    )
