"""Writing to a server that knows no transactions, so that versions and unique keys hold.

A point is written on a condition: that it is not there, or that it still bears the mark of the
write that was read. Which writers won is read back: each leaves a mark of its own, and passes
on those before it. Unique keys are points of their own, claimed first; a claim whose record
never came is taken over.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from qdrant_client import models

from memkit.backing.compatibility import refuse_write
from memkit.errors import EmbedderMismatch, StoreUnavailable
from memkit.protocols import Delete, Operation, StoreSpec, Touch, WriteResult
from memkit.retrying import Patience
from memkit_qdrant.conditions import AnyOf, Clause, Ids, Match
from memkit_qdrant.names import claim_id, point_id
from memkit_qdrant.planning import Planner
from memkit_qdrant.plans import (
    Action,
    Held,
    Insert,
    Overwrite,
    Place,
    Plan,
    Remove,
    Replace,
    held_fields,
    places,
)
from memkit_qdrant.server_client import ServerClient
from memkit_qdrant.server_forms import filter_of, vector_of
from memkit_qdrant.server_schema import STATE_FIELDS, STATE_ID, SavedState, add_dense
from memkit_qdrant.state import StoreState

T = TypeVar("T")
#: Seconds in which a claim's record must follow it.
GRACE = 5.0
_POLL = 0.1
_CHUNK = 256
_STRIPES = 64
_CONTENTION = Patience(retries=30, first_wait=0.005, longest_wait=0.5)
_CLAIM = ("namespace", "key", "owner", "stamp")


class Writer:
    """Writes batches to one store.

    Args:
        client: requests to its collections.
        saved: its state.
        spec: what it was opened with.
        grace: seconds in which a claim's record must follow it.
    """

    def __init__(
        self, client: ServerClient, saved: SavedState, spec: StoreSpec, grace: float = GRACE
    ) -> None:
        self.client = client
        self.saved = saved
        self.spec = spec
        self._grace = grace
        # Writers of this process wait for each other, rather than lose to each other.
        self._locks = [asyncio.Lock() for _ in range(_STRIPES)]
        self._running: set[asyncio.Task[Any]] = set()

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run ``work`` on its own, so that nobody's cancelling cuts it in two."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def finish(self) -> None:
        """Wait for all that was begun."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        """Carry out a batch; see :meth:`memkit.protocols.Backend.write`."""
        if self.spec.read_only:
            raise refuse_write(self.client.options.location)
        results: dict[int, WriteResult] = {}
        todo = dict(enumerate(batch))
        attempt = 0
        async with self._alone(batch):
            while True:
                plan, dangling = await self._plan(list(todo.values()))
                lost = await self._commit(plan, dangling)
                won = {n: result for n, result in zip(todo, plan.results, strict=True)
                       if place_of(todo[n]) not in lost}  # fmt: skip
                results.update(won)
                todo = {n: each for n, each in todo.items() if n not in won}
                if not todo:
                    return [results[n] for n in range(len(batch))]
                wait = _CONTENTION.wait(attempt)
                if wait is None:
                    raise StoreUnavailable(
                        "others change the same records all the time: try again later"
                    )
                attempt += 1
                await asyncio.sleep(wait)

    @asynccontextmanager
    async def _alone(self, batch: Sequence[Operation]) -> AsyncIterator[None]:
        records, keys = places(batch)
        stripes = sorted({hash(place) % _STRIPES for place in (*records, *keys)})
        async with AsyncExitStack() as held:
            for stripe in stripes:
                await held.enter_async_context(self._locks[stripe])
            yield

    # Planning.

    async def _plan(self, batch: Sequence[Operation]) -> tuple[Plan, dict[Place, int]]:
        """The plan of a batch, and the marks of claims that it takes over."""
        records, keys = places(batch)
        claims = await self._claims(keys)
        state = self.saved.state
        held = await self._held(records, state)
        holders, dangling = await self._holders(claims, held, records)
        dimension = state.dimension
        if dimension is None and self.spec.fingerprint is not None:
            dimension = self.spec.fingerprint.dimension
        planner = Planner(held, holders, state.generation, state.staged, dimension, stamped=True)
        plan = planner.plan(batch)
        if plan.actions:
            await self._prepare(planner)
        return plan, dangling

    async def _claims(self, keys: Iterable[Place]) -> dict[Place, Mapping[str, Any]]:
        """The claims of these keys; the store's state is read with them."""
        wanted = {claim_id(*place): place for place in keys}
        fields = (*_CLAIM, *STATE_FIELDS)
        ids = [STATE_ID, *wanted]
        rows: dict[str, Any] = {}
        for start in range(0, len(ids), _CHUNK):
            rows |= await self.client.retrieve_written(
                self.client.keys, None, ids[start : start + _CHUNK], fields
            )
        state = rows.pop(STATE_ID, None)
        if state is None:
            raise StoreUnavailable(f"{self.client.options.location} has lost its state")
        self.saved.take(state.payload["state"], state.payload["stamp"])
        # Vectors of two models never mix, though another process has re-embedded meanwhile.
        self.saved.state.check(self.spec)
        return {wanted[id_]: row.payload for id_, row in rows.items()}

    async def _held(self, records: Iterable[Place], state: StoreState) -> dict[Place, Held]:
        fields = held_fields(state.generation, state.staged)
        held: dict[Place, Held] = {}
        for namespace, wanted in self._by_shard(records).items():
            ids = {point_id(*place): place for place in wanted}
            rows = await self._retrieve(namespace, list(ids), fields)
            held.update({ids[id_]: Held(row.payload) for id_, row in rows.items()})
        return held

    def _by_shard(self, records: Iterable[Place]) -> dict[str, list[Place]]:
        """Places by one namespace of each shard key."""
        groups: dict[str | None, list[Place]] = defaultdict(list)
        for place in records:
            groups[self.client.shard_key(place[0])].append(place)
        return {group[0][0]: group for group in groups.values()}

    async def _retrieve(
        self, namespace: str, ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Any]:
        rows: dict[str, Any] = {}
        for start in range(0, len(ids), _CHUNK):
            rows |= await self.client.retrieve_written(
                self.client.collection, namespace, ids[start : start + _CHUNK], fields
            )
        return rows

    async def _holders(
        self,
        claims: Mapping[Place, Mapping[str, Any]],
        held: Mapping[Place, Held],
        records: Collection[Place],
    ) -> tuple[dict[Place, str], dict[Place, int]]:
        """Who holds these keys, and the marks of the claims whose record never came."""
        holders: dict[Place, str] = {}
        doubtful: dict[Place, Mapping[str, Any]] = {}
        for place, claim in claims.items():
            owner = held.get((place[0], claim["owner"]))
            if owner is not None and place[1] in owner.unique:
                holders[place] = claim["owner"]
            elif owner is None and (place[0], claim["owner"]) in records:
                # The batch puts the very record that a kill kept from following its claim.
                holders[place] = claim["owner"]
            else:
                doubtful[place] = claim
        deadline = time.monotonic() + self._grace
        while doubtful:
            owners = {(place[0], str(claim["owner"])) for place, claim in doubtful.items()}
            found = await self._held(owners, self.saved.state)
            for place, claim in list(doubtful.items()):
                owner = found.get((place[0], claim["owner"]))
                if owner is not None and place[1] in owner.unique:
                    holders[place] = claim["owner"]
                    del doubtful[place]
            if not doubtful or time.monotonic() >= deadline:
                break
            # Its writer may be on the way from the claim to the record.
            await asyncio.sleep(_POLL)
            fresh = await self._claims(doubtful)
            for place, claim in list(doubtful.items()):
                now = fresh.get(place)
                if now is None:
                    del doubtful[place]
                elif now["stamp"] != claim["stamp"]:
                    doubtful[place] = now
                    deadline = time.monotonic() + self._grace
        return holders, {place: claim["stamp"] for place, claim in doubtful.items()}

    async def _prepare(self, planner: Planner) -> None:
        """See that the store says what is in it, before it is."""
        dimension = planner.dimension if planner.embedded else None
        before = self.saved.state
        if before.analyzer is not None and (before.dimension is not None or dimension is None):
            return
        await self.saved.change(lambda state: state.written(self.spec, dimension))
        after = self.saved.state
        if dimension is not None:
            if after.dimension != dimension:
                raise EmbedderMismatch("another process has stored vectors of another model")
            await add_dense(self.client, after.generation, dimension)

    # Carrying out.

    async def _commit(self, plan: Plan, dangling: Mapping[Place, int]) -> set[Place]:
        """Carry out a plan; the places of the records that others were quicker to write."""
        began = time.monotonic()
        lost = await self._claim(plan, dangling)
        actions = {place: act for place, act in plan.actions.items() if place not in lost}
        lost |= await self._carry_out(actions, plan.stamp)
        if time.monotonic() - began > self._grace / 2:
            lost |= await self._confirm(plan, actions, lost)
        given_up = {key: id_ for key, id_ in plan.taken.items() if (key[0], id_) in lost}
        await self._release(plan, given_up, lost)
        return lost

    async def _claim(self, plan: Plan, dangling: Mapping[Place, int]) -> set[Place]:
        """Claim the plan's keys; the records whose keys others have claimed."""
        points = [
            models.PointStruct(
                id=claim_id(*place),
                vector={},
                payload={
                    "namespace": place[0],
                    "key": place[1],
                    "owner": owner,
                    "stamp": plan.stamp,
                },
            )
            for place, owner in plan.taken.items()
        ]
        if not points:
            return set()
        stale = tuple(dangling[place] for place in plan.taken if place in dangling)
        for start in range(0, len(points), _CHUNK):
            some = points[start : start + _CHUNK]
            await self._upsert(self.client.keys, None, some, mode=models.UpdateMode.INSERT_ONLY)
            if stale:
                await self._upsert(
                    self.client.keys,
                    None,
                    some,
                    mode=models.UpdateMode.UPDATE_ONLY,
                    where=Clause(must=(AnyOf("stamp", stale),)),
                )
        claims = await self._claims(plan.taken)
        return {
            (place[0], owner)
            for place, owner in plan.taken.items()
            if claims.get(place, {}).get("owner") != owner
        }

    async def _carry_out(self, actions: Mapping[Place, Action], stamp: int) -> set[Place]:
        lost: set[Place] = set()
        for namespace, group in self._by_shard(actions).items():
            chosen = {place: actions[place] for place in group}
            for start in range(0, len(group), _CHUNK):
                part = [chosen[place] for place in group[start : start + _CHUNK]]
                await self._write_part(namespace, part)
            ids = {
                action.id: place
                for place, action in chosen.items()
                if not isinstance(action, Remove)
            }
            rows = await self._retrieve(namespace, list(ids), ("stamps",))
            for id_, place in ids.items():
                row = rows.get(id_)
                if row is None or stamp not in row.payload.get("stamps", ()):
                    lost.add(place)
        return lost

    async def _write_part(self, namespace: str, actions: Sequence[Action]) -> None:
        collection = self.client.collection
        new = [_point(each) for each in actions if isinstance(each, Insert)]
        if new:
            await self._upsert(collection, namespace, new, mode=models.UpdateMode.INSERT_ONLY)
        replaced = [each for each in actions if isinstance(each, Replace)]
        if replaced:
            expected = tuple(each.expected for each in replaced if each.expected is not None)
            await self._upsert(
                collection,
                namespace,
                [_point(each) for each in replaced],
                mode=models.UpdateMode.UPDATE_ONLY,
                where=Clause(must=(AnyOf("stamp", expected),)),
            )
        key = self.client.shard_key(namespace)
        overwrites: list[Any] = [
            models.OverwritePayloadOperation(
                overwrite_payload=models.SetPayload(
                    payload=each.payload,
                    filter=filter_of(
                        Clause(must=(Ids((each.id,)), Match("stamp", each.expected or 0)))
                    ),
                    shard_key=key,
                )
            )
            for each in actions
            if isinstance(each, Overwrite)
        ]
        if overwrites:
            await self.client.call(
                lambda: self.client.client.batch_update_points(
                    collection, overwrites, ordering=self.client.ordering
                )
            )
        gone: list[Any] = [each.id for each in actions if isinstance(each, Remove)]
        if gone:
            await self.client.call(
                lambda: self.client.client.delete(
                    collection,
                    models.PointIdsList(points=gone),
                    ordering=self.client.ordering,
                    shard_key_selector=key,
                )
            )

    async def _upsert(
        self,
        collection: str,
        namespace: str | None,
        points: Sequence[models.PointStruct],
        *,
        mode: models.UpdateMode,
        where: Clause | None = None,
    ) -> None:
        key = self.client.shard_key(namespace)
        await self.client.call(
            lambda: self.client.client.upsert(
                collection,
                list(points),
                ordering=self.client.ordering,
                shard_key_selector=key,
                update_filter=None if where is None else filter_of(where),
                update_mode=mode,
            )
        )

    async def _confirm(
        self, plan: Plan, actions: Mapping[Place, Action], lost: set[Place]
    ) -> set[Place]:
        """Take back new records whose claims were taken over while they were long on the way."""
        claims = await self._claims(plan.taken)
        late = {
            (key[0], owner)
            for key, owner in plan.taken.items()
            if claims.get(key, {}).get("owner") != owner and (key[0], owner) not in lost
        }
        for place in late:
            if isinstance(action := actions.get(place), Insert):
                await self._write_part(place[0], [Remove(action.id)])
        return late

    async def _release(self, plan: Plan, given_up: Mapping[Place, str], lost: set[Place]) -> None:
        """Free the keys that records gave up, and those that were claimed in vain."""
        freed = {key: id_ for key, id_ in plan.freed.items() if (key[0], id_) not in lost}
        for keys, mark in (
            (freed, AnyOf("owner", tuple(set(freed.values())))),
            (given_up, AnyOf("stamp", (plan.stamp,))),
        ):
            if not keys:
                continue
            condition = filter_of(
                Clause(must=(Ids(tuple(claim_id(*place) for place in keys)), mark))
            )
            await self.client.call(
                partial(
                    self.client.client.delete,
                    self.client.keys,
                    models.FilterSelector(filter=condition),
                    ordering=self.client.ordering,
                )
            )


def _point(action: Insert | Replace) -> models.PointStruct:
    vectors: Any = {name: vector_of(each) for name, each in action.vectors.items()}
    return models.PointStruct(id=action.id, vector=vectors, payload=action.payload)


def place_of(operation: Operation) -> Place:
    """The record that an operation is about."""
    if isinstance(operation, Touch | Delete):
        return operation.namespace, operation.id
    return operation.record.namespace, operation.record.id
