"""What both engines must be able to do; all else is built on it once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from memkit_qdrant.conditions import Clause

if TYPE_CHECKING:
    from memkit.protocols import Vector

    #: A dense vector, or a sparse one as its dimensions and their values.
    AnyVector: TypeAlias = Vector | tuple[list[int], list[float]]

Payload: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A point as the engine gives it back."""

    id: str
    payload: Mapping[str, Any]
    vectors: Mapping[str, Any] = field(default_factory=dict)
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """One leg: the nearest to a vector.

    Attributes:
        using: the name of the vectors.
        vector: the query's.
        limit: how many are wanted.
        exact: without the help of an index that may miss some.
        corpus: over which points the frequency of terms is counted.
    """

    using: str
    vector: AnyVector
    limit: int
    exact: bool = False
    corpus: Clause | None = None


class Transport(Protocol):
    """Reading from an engine. Each call is of one namespace, or of all where it is ``None``."""

    @property
    def approximate(self) -> bool:
        """Whether a dense ranking may miss points."""
        ...

    async def retrieve(
        self,
        namespace: str | None,
        ids: Sequence[str],
        fields: Sequence[str],
        vectors: Sequence[str] = (),
    ) -> list[Row]:
        """The points with these ids."""
        ...

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
        ...

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
        ...

    async def count(self, namespace: str | None, clause: Clause) -> int:
        """How many points match, exactly."""
        ...

    async def facet(self, namespace: str | None, clause: Clause, key: str) -> dict[str, int]:
        """How many points hold each value of an indexed text field, exactly."""
        ...

    async def rank(
        self, namespace: str, clause: Clause, legs: Sequence[Ranking], fields: Sequence[str]
    ) -> list[list[Row]]:
        """Each leg's nearest points that match, best first, in one round trip."""
        ...
