"""The embedded engine behind the transport: one shard, called where the caller stands.

The library holds Python's lock throughout every call, so that a thread would not help.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qdrant_edge as qe

from memkit.errors import StoreError
from memkit_qdrant.conditions import Clause
from memkit_qdrant.edge_driver import engine_errors
from memkit_qdrant.edge_forms import filter_of, payload_indexes, vector_of
from memkit_qdrant.edge_options import EdgeOptions
from memkit_qdrant.names import Generation
from memkit_qdrant.payloads import FACTS
from memkit_qdrant.plans import Action, Insert, Overwrite, Remove, Replace
from memkit_qdrant.transport import Payload, Ranking, Row

if TYPE_CHECKING:
    from memkit_qdrant.transport import AnyVector

# Points of one update: the library holds Python's lock meanwhile.
_CHUNK = 64
_ALL = 2**31
# Of the graph's nodes that a search looks at, more than the engine's own 100: recall is 0.98.
_EF = 160
# Loose filters cut the graph to pieces, unless ACORN looks past the neighbours left out.
_ACORN_BELOW = 0.6


class EdgeShard:
    """One open shard.

    Args:
        shard: the engine's object.
    """

    def __init__(self, shard: qe.EdgeShard) -> None:
        self._shard = shard
        #: Whether a graph was built, so that a search may miss some.
        self.approximate = False

    @classmethod
    def create(
        cls, folder: Path, generation: Generation, dimension: int | None, options: EdgeOptions
    ) -> EdgeShard:
        """A new shard in an empty folder."""
        folder.mkdir()
        dense = {} if dimension is None else {generation.dense: options.dense(dimension)}
        config = qe.EdgeConfig(
            vectors=dense,
            sparse_vectors={generation.words: qe.EdgeSparseVectorParams(modifier=qe.Modifier.Idf)},
            # The journal is ours: it is made durable, and batches in it are whole.
            wal_enabled=False,
        )
        with engine_errors():
            made = cls(qe.EdgeShard.create(str(folder), config))
            for name, index in payload_indexes(generation).items():
                made.update(qe.UpdateOperation.create_field_index(name, index))
        return made

    @classmethod
    def load(cls, folder: Path) -> EdgeShard:
        """The shard that is in a folder."""
        with engine_errors():
            return cls(qe.EdgeShard.load(str(folder)))

    # Reading: the transport.

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
        with engine_errors():
            found = self._shard.retrieve(list(ids), _fields(fields), list(vectors) or False)
        return [_row(each) for each in found]

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
        request = qe.ScrollRequest(
            offset=after,
            limit=limit,
            filter=filter_of(clause),
            with_payload=_fields(fields),
            with_vector=list(vectors) or False,
        )
        with engine_errors():
            found, more = self._shard.scroll(request)
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
        direction = qe.Direction.Desc if descending else qe.Direction.Asc
        request = qe.ScrollRequest(
            limit=limit,
            filter=filter_of(clause),
            with_payload=_fields(fields),
            order_by=qe.OrderBy(by, direction),
        )
        with engine_errors():
            found, _ = self._shard.scroll(request)
        return [_row(each) for each in found]

    async def count(self, namespace: str | None, clause: Clause) -> int:
        """How many points match."""
        with engine_errors():
            return self._shard.count(qe.CountRequest(exact=True, filter=filter_of(clause)))

    async def facet(self, namespace: str | None, clause: Clause, key: str) -> dict[str, int]:
        """How many points hold each value of an indexed text field."""
        request = qe.FacetRequest(key, limit=_ALL, exact=True, filter=filter_of(clause))
        with engine_errors():
            found = self._shard.facet(request).hits
        # Values of deleted points are known until the files are built anew.
        return {str(hit.value): hit.count for hit in found if hit.count}

    async def rank(
        self, namespace: str, clause: Clause, legs: Sequence[Ranking], fields: Sequence[str]
    ) -> list[list[Row]]:
        """Each leg's nearest points that match, best first."""
        condition = filter_of(clause)
        requests = [
            qe.QueryRequest(
                limit=leg.limit,
                query=qe.Query.Nearest(vector_of(leg.vector), using=leg.using),
                filter=condition,
                params=self._params(leg),
                with_payload=_fields(fields),
            )
            for leg in legs
        ]
        with engine_errors():
            if len(requests) == 1:
                answers = [self._shard.query(requests[0])]
            else:
                answers = self._shard.query_batch(qe.QueryBatchRequest(requests))
        return [[_scored(each) for each in answer] for answer in answers]

    def _params(self, leg: Ranking) -> qe.SearchParams:
        if leg.corpus is not None:
            return qe.SearchParams(idf=qe.IdfParams(filter_of(leg.corpus)))
        return qe.SearchParams(
            hnsw_ef=max(_EF, 2 * leg.limit),
            exact=leg.exact,
            acorn=qe.AcornSearchParams(enable=True, max_selectivity=_ACORN_BELOW),
        )

    # Writing.

    def update(self, operation: qe.UpdateOperation) -> None:
        """Carry out one of the engine's operations."""
        with engine_errors():
            self._shard.update(operation)

    def apply(self, actions: Iterable[Action]) -> None:
        """Carry out a plan's actions; carried out again they change nothing."""
        points: list[qe.Point] = []
        gone: list[Any] = []
        for action in actions:
            match action:
                case Insert(id_, vectors, payload) | Replace(id_, vectors, payload):
                    named = {name: vector_of(each) for name, each in vectors.items()}
                    points.append(qe.Point(id_, named, payload))
                case Overwrite(id_, payload):
                    self.update(qe.UpdateOperation.overwrite_payload([id_], payload))
                case Remove(id_):
                    gone.append(id_)
        for start in range(0, len(points), _CHUNK):
            self.update(qe.UpdateOperation.upsert_points(points[start : start + _CHUNK]))
        if gone:
            self.update(qe.UpdateOperation.delete_points(gone))

    def stage(
        self,
        id_: str,
        generation: Generation,
        vectors: dict[str, AnyVector],
        fields: Payload,
        *,
        dense: bool,
    ) -> None:
        """Give a point the vectors of another generation, and set fields of its payload.

        Args:
            id_: the point.
            generation: whose vectors these are.
            vectors: by name.
            fields: of the payload; the others stay.
            dense: whether the generation has dense vectors.
        """
        update = qe.UpdateOperation
        names = {generation.words, generation.dense} if dense else {generation.words}
        if absent := sorted(names - set(vectors)):
            self.update(update.delete_vectors([id_], absent))
        if vectors:
            named = {name: vector_of(each) for name, each in vectors.items()}
            self.update(update.update_vectors([qe.PointVectors(id_, named)]))
        self.update(update.set_payload([id_], fields))

    def add_dense(self, generation: Generation, dimension: int, options: EdgeOptions) -> None:
        """Make room for dense vectors of this dimension, unless there is."""
        with suppress(StoreError):
            # What the library cannot be asked about, it refuses to search.
            zeros = qe.Query.Nearest([0.0] * dimension, using=generation.dense)
            with engine_errors():
                self._shard.query(qe.QueryRequest(limit=1, query=zeros))
            return
        self.update(
            qe.UpdateOperation.create_dense_vector(generation.dense, dimension, qe.Distance.Dot)
        )

    def add_generation(self, generation: Generation) -> None:
        """Make room for the terms and signatures of a generation."""
        self.update(
            qe.UpdateOperation.create_sparse_vector(generation.words, modifier=qe.Modifier.Idf)
        )
        index = qe.KeywordIndexParams(enable_hnsw=False)
        self.update(qe.UpdateOperation.create_field_index(generation.signature, index))

    def add_fact_indexes(self) -> None:
        """Make the indexes that came with version 2 of the schema; those that are there stay."""
        for name in FACTS:
            index = qe.KeywordIndexParams(enable_hnsw=False)
            self.update(qe.UpdateOperation.create_field_index(name, index))

    def drop_generation(self, generation: Generation, *, dense: bool) -> None:
        """Remove all index data of a generation."""
        drop = qe.UpdateOperation
        self.update(drop.delete_vector_name(generation.words))
        if dense:
            self.drop_dense(generation)
        self.update(drop.delete_field_index(generation.signature))
        self.update(drop.delete_payload_by_filter(qe.Filter(must=[]), [generation.signature]))

    def drop_dense(self, generation: Generation) -> None:
        """Remove the dense vectors of a generation."""
        self.update(qe.UpdateOperation.delete_vector_name(generation.dense))

    @property
    def points(self) -> int:
        """How many points there are, about."""
        with engine_errors():
            return self._shard.info().points_count

    def copy_to(self, other: EdgeShard, names: Sequence[str], page: int) -> None:
        """Give another shard all points, with the vectors of these names."""
        after: Any = None
        while True:
            request = qe.ScrollRequest(
                offset=after, limit=page, with_payload=True, with_vector=list(names)
            )
            with engine_errors():
                found, after = self._shard.scroll(request)
            points: Any = [qe.Point(each.id, each.vector or {}, each.payload) for each in found]
            other.update(qe.UpdateOperation.upsert_points(points))
            if after is None:
                return

    def flush(self) -> None:
        """Bring all that was written to the disk itself."""
        with engine_errors():
            self._shard.flush()

    def optimize(self) -> bool:
        """Build the graphs; nothing else of this process runs meanwhile."""
        with engine_errors():
            return self._shard.optimize()

    def close(self) -> None:
        """Close it; called again, nothing."""
        with engine_errors():
            self._shard.close()


def _fields(fields: Sequence[str]) -> Any:
    return list(fields) if fields else False


def _row(point: qe.Record) -> Row:
    return Row(str(point.id), point.payload or {}, point.vector or {})  # type: ignore[arg-type]


def _scored(point: qe.ScoredPoint) -> Row:
    return Row(str(point.id), point.payload or {}, {}, point.score)
