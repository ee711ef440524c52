"""What both backends answer in the same way, over whichever engine is below."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from memkit.errors import InvalidInput
from memkit.filters import Filter
from memkit.protocols import Order, ScanPage, SearchLeg, SearchResult, Stored
from memkit_qdrant import alike, ranking, reading
from memkit_qdrant.conditions import Clause
from memkit_qdrant.names import Generation
from memkit_qdrant.payloads import RANGES
from memkit_qdrant.state import StoreState
from memkit_qdrant.transport import Transport

T = TypeVar("T")
NEWEST_FIRST = Order()
# What is read of so many records or fewer is quickly done.
BRIEF = 200


@dataclass(frozen=True, slots=True)
class View:
    """An engine to read from, and the state of the store in it."""

    transport: Transport
    state: StoreState

    @property
    def generation(self) -> Generation:
        """The index data that serve."""
        return self.state.generation

    @property
    def dense(self) -> bool:
        """Whether there are dense vectors."""
        return self.state.dimension is not None

    def select(self, namespace: str, filter: Filter) -> reading.Selection:
        """The records of a namespace that match."""
        return reading.Selection.of(namespace, self.generation, filter)


Reading = Callable[[View], Coroutine[Any, Any, T]]


@contextmanager
def proper_text() -> Iterator[None]:
    """Refuse what has no UTF-8 form, wherever it is met."""
    try:
        yield
    except UnicodeEncodeError:
        raise InvalidInput("a text holds a lone surrogate, which is no character") from None


class CollectionBackend:
    """Reading, as both backends do it. A backend says how it reaches its engine."""

    async def _read(self, work: Reading[T], *, brief: bool) -> T:
        """The result of ``work`` on a view of the store.

        Args:
            work: what to read.
            brief: it takes less than handing it to a thread would.
        """
        raise NotImplementedError

    async def get(
        self, namespace: str, ids: Sequence[str], *, vectors: bool = False
    ) -> dict[str, Stored]:
        """The records with these ids."""
        wanted = list(ids)
        return await self._read(
            lambda view: reading.get(
                view.transport, namespace, view.generation, wanted,
                vectors=vectors, dense=view.dense,
            ),
            brief=len(wanted) <= BRIEF,
        )  # fmt: skip

    async def scan(
        self,
        namespace: str,
        filter: Filter,
        *,
        order: Order = NEWEST_FIRST,
        cursor: str | None = None,
        limit: int = 100,
        vectors: bool = False,
    ) -> ScanPage:
        """A page of the records that match, in order."""
        return await self._read(
            lambda view: reading.scan(
                view.transport, view.select(namespace, filter), order, cursor, limit,
                vectors=vectors, dense=view.dense,
            ),
            brief=limit <= BRIEF and order.field in RANGES,
        )  # fmt: skip

    async def count(self, namespace: str, filter: Filter, by: str | None = None) -> dict[str, int]:
        """How many records match, in all or by the values of a field."""
        return await self._read(
            lambda view: reading.count(view.transport, view.select(namespace, filter), by),
            brief=by is None,
        )

    async def search(
        self, namespace: str, legs: Sequence[SearchLeg], filter: Filter, limit: int
    ) -> SearchResult:
        """Each leg's best ``limit`` among the records that match."""
        return await self._read(
            lambda view: ranking.search(
                view.transport,
                view.select(namespace, filter),
                list(legs),
                limit,
                view.state.dimension,
            ),
            brief=limit <= BRIEF,
        )

    async def sharing(
        self, namespace: str, signature: Sequence[str], filter: Filter, limit: int
    ) -> list[Stored]:
        """The newest records that share a key of a signature, those that share most first."""
        return await self._read(
            lambda view: alike.sharing(
                view.transport, view.select(namespace, filter), signature, limit, dense=view.dense
            ),
            brief=limit <= BRIEF,
        )

    async def namespaces(self) -> dict[str, int]:
        """Every namespace that holds records, and how many."""
        return await self._read(
            lambda view: view.transport.facet(None, Clause(), "namespace"), brief=False
        )
