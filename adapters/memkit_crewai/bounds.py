"""The bound of a recall: what its caller asked for, kept while CrewAI's steps run.

CrewAI's deep recall lets a model choose the scopes to search, and looks at who may see a
private record only after the best were counted. A storage that knows the caller's own words
holds to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from memkit.errors import MemkitError
from memkit_crewai.paths import Labels, contains


@dataclass(frozen=True, slots=True)
class Bound:
    """What the caller of one recall on one storage asked for.

    Attributes:
        storage: the ``id`` of the storage that it holds for.
        place: the scope.
        source: who asks, for private records.
        include_private: whether private records of every source are wanted.
        failures: what went wrong in a search; CrewAI would go on without a word.
    """

    storage: int
    place: Labels
    source: str | None
    include_private: bool
    failures: list[MemkitError] = field(default_factory=list)

    def held(self, place: Labels) -> Labels:
        """``place`` if it lies within the bound, else the bound."""
        return place if contains(self.place, place) else self.place


_bound: ContextVar[Bound | None] = ContextVar("memkit_crewai_bound", default=None)


@contextmanager
def binding(bound: Bound) -> Iterator[None]:
    """Hold to a bound in this block and in the threads that copy its context."""
    token = _bound.set(bound)
    try:
        yield
    finally:
        _bound.reset(token)


def bound_of(storage: object) -> Bound | None:
    """The bound that holds for a storage here, if one does."""
    bound = _bound.get()
    return bound if bound is not None and bound.storage == id(storage) else None
