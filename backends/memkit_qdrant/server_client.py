"""A server's two collections behind the transport: each request with all that the URL asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qdrant_client import models

from memkit.backing.hashing import signature_hash
from memkit_qdrant.conditions import Clause
from memkit_qdrant.server_driver import Caller
from memkit_qdrant.server_forms import filter_of, vector_of
from memkit_qdrant.server_options import ServerOptions
from memkit_qdrant.transport import Ranking, Row

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

# More values than are ever counted by.
_VALUES = 1_000_000
_EF = 160
_ACORN_BELOW = 0.6


class ServerClient:
    """Requests to one store's collections.

    Args:
        client: the library's.
        options: the store's settings.
        call: makes the requests.
    """

    approximate = True

    def __init__(self, client: AsyncQdrantClient, options: ServerOptions, call: Caller) -> None:
        self.client = client
        self.options = options
        self.call = call
        self.collection = options.collection
        self.keys = f"{options.collection}-keys"
        self.ordering = models.WriteOrdering(options.ordering)

    def shard_key(self, namespace: str | None) -> str | None:
        """The shard key under which a namespace is; ``None``: all, or the server's choice."""
        if self.options.sharding != "custom" or namespace is None:
            return None
        return shard_key_name(signature_hash(namespace) % self.options.shard_keys)

    def _reading(self, namespace: str | None) -> dict[str, Any]:
        """What every request to read has besides."""
        more: dict[str, Any] = {"collection_name": self.collection}
        if self.options.consistency is not None:
            more["consistency"] = self._consistency(self.options.consistency)
        if (key := self.shard_key(namespace)) is not None:
            more["shard_key_selector"] = key
        return more

    @staticmethod
    def _consistency(value: str | int) -> Any:
        return value if isinstance(value, int) else models.ReadConsistencyType(value)

    async def retrieve(
        self,
        namespace: str | None,
        ids: Sequence[str],
        fields: Sequence[str],
        vectors: Sequence[str] = (),
    ) -> list[Row]:
        """The points with these ids."""
        if not ids:
            return []
        found = await self.call(
            lambda: self.client.retrieve(
                ids=list(ids),
                with_payload=_fields(fields),
                with_vectors=list(vectors) or False,
                **self._reading(namespace),
            )
        )
        return [_row(each) for each in found]

    async def retrieve_written(
        self, collection: str, namespace: str | None, ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Row]:
        """Points as the writes before have left them, on most of the replicas at least."""
        if not ids:
            return {}
        more = self._reading(namespace if collection == self.collection else None)
        more.setdefault("consistency", models.ReadConsistencyType.MAJORITY)
        more["collection_name"] = collection
        found = await self.call(
            lambda: self.client.retrieve(
                ids=list(ids), with_payload=_fields(fields), with_vectors=False, **more
            )
        )
        return {str(each.id): _row(each) for each in found}

    async def scroll(
        self,
        namespace: str | None,
        clause: Clause,
        limit: int,
        fields: Sequence[str],
        *,
        after: str | None = None,
        vectors: Sequence[str] = (),
    ) -> tuple[list[Row], str | None]:
        """Some of the points that match, in the order of their ids, and where to go on."""
        condition = filter_of(clause)
        found, more = await self.call(
            lambda: self.client.scroll(
                scroll_filter=condition,
                limit=limit,
                offset=after,
                with_payload=_fields(fields),
                with_vectors=list(vectors) or False,
                **self._reading(namespace),
            )
        )
        return [_row(each) for each in found], None if more is None else str(more)

    async def ordered(
        self,
        namespace: str,
        clause: Clause,
        limit: int,
        fields: Sequence[str],
        *,
        by: str,
        descending: bool,
    ) -> list[Row]:
        """The first points that match, in the order of a field that has a range index."""
        direction = models.Direction.DESC if descending else models.Direction.ASC
        condition = filter_of(clause)
        found, _ = await self.call(
            lambda: self.client.scroll(
                scroll_filter=condition,
                limit=limit,
                order_by=models.OrderBy(key=by, direction=direction),
                with_payload=_fields(fields),
                **self._reading(namespace),
            )
        )
        return [_row(each) for each in found]

    async def count(self, namespace: str | None, clause: Clause) -> int:
        """How many points match, exactly."""
        condition, more = filter_of(clause), self._reading(namespace)
        # The one request to read that takes no consistency.
        more.pop("consistency", None)
        found = await self.call(
            lambda: self.client.count(count_filter=condition, exact=True, **more)
        )
        return found.count

    async def facet(self, namespace: str | None, clause: Clause, key: str) -> dict[str, int]:
        """How many points hold each value of an indexed text field, exactly."""
        condition = filter_of(clause)
        found = await self.call(
            lambda: self.client.facet(
                key=key,
                facet_filter=condition,
                limit=_VALUES,
                exact=True,
                **self._reading(namespace),
            )
        )
        return {str(hit.value): hit.count for hit in found.hits if hit.count}

    async def rank(
        self, namespace: str, clause: Clause, legs: Sequence[Ranking], fields: Sequence[str]
    ) -> list[list[Row]]:
        """Each leg's nearest points that match, best first, in one request."""
        condition, more = filter_of(clause), self._reading(namespace)
        key = more.pop("shard_key_selector", None)
        requests = [
            models.QueryRequest(
                query=vector_of(leg.vector),
                using=leg.using,
                filter=condition,
                params=_params(leg),
                limit=leg.limit,
                with_payload=_fields(fields),
                shard_key=key,
            )
            for leg in legs
        ]
        answers = await self.call(lambda: self.client.query_batch_points(requests=requests, **more))
        return [
            [Row(str(each.id), each.payload or {}, {}, each.score) for each in answer.points]
            for answer in answers
        ]


def shard_key_name(number: int) -> str:
    """The name of one of the shard keys of custom sharding."""
    return f"memkit-{number}"


def _params(leg: Ranking) -> models.SearchParams:
    if leg.corpus is not None:
        return models.SearchParams(idf=models.IdfCorpusParams(corpus=filter_of(leg.corpus)))
    if leg.exact:
        return models.SearchParams(exact=True)
    return models.SearchParams(
        hnsw_ef=max(_EF, 2 * leg.limit),
        acorn=models.AcornSearchParams(enable=True, max_selectivity=_ACORN_BELOW),
    )


def _fields(fields: Sequence[str]) -> Any:
    return list(fields) if fields else False


def _row(point: models.Record) -> Row:
    vectors: Any = point.vector or {}
    return Row(str(point.id), point.payload or {}, vectors)
