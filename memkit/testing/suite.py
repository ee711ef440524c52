"""What every theme of the conformance suite stands on: stores, gates and comparisons."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pytest

from memkit.filters import EVERYTHING, Filter
from memkit.protocols import Backend, Capabilities, Fingerprint, Order, Stored, StoreSpec
from memkit.testing.records import NAMESPACE, unit_vector
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory
    from memkit.protocols import Vector

ANALYZER = "conformance-1"


class Suite:
    """The settings of a conformance run and how its tests reach a store.

    Attributes:
        backend_factory: ``"module:callable"`` that makes a backend from a :class:`~pathlib.Path`;
            other processes import it too. Tests that start processes need it.
        dimension: of the vectors that are stored.
        vector_tolerance: by how much one number of a stored vector may differ.
        dense_recall: the share of the true nearest records that a dense leg must return.
        isolated_statistics: lexical scores in a namespace do not depend on other namespaces.
        foreign_rows: how many records crowd around the small namespace.
        kills: how often a writing process is killed.
        random_filters: how many random filters are compared with the reference.
        settle_seconds: how long a process may take to see what another one wrote.
    """

    backend_factory: str = ""
    dimension: int = 32
    vector_tolerance: float = 0.0
    dense_recall: float = 1.0
    isolated_statistics: bool = True
    foreign_rows: int = 100_000
    kills: int = 10
    random_filters: int = 250
    settle_seconds: float = 1.0

    def make_backend(self, place: Path) -> Backend:
        """A fresh, unopened backend on the store at ``place``.

        The same place given twice is the same store. A backend of a server makes the name of
        a database or collection from the path.
        """
        if not self.backend_factory:
            raise NotImplementedError("set backend_factory, or override make_backend")
        return load_factory(self.backend_factory)(place)

    @property
    def fingerprint(self) -> Fingerprint:
        """That of the vectors the suite stores."""
        return Fingerprint("conformance", self.dimension)

    def spec(self, *, read_only: bool = False, migrating: bool = False) -> StoreSpec:
        """What the suite opens stores with."""
        return StoreSpec(self.fingerprint, ANALYZER, migrating=migrating, read_only=read_only)

    def vector(self, seed: int) -> Vector:
        """A random unit vector of the suite's dimension."""
        return unit_vector(seed, self.dimension)

    @asynccontextmanager
    async def opened(self, place: Path, spec: StoreSpec | None = None) -> AsyncIterator[Backend]:
        """An open backend on the store at ``place``, closed at the end."""
        backend = self.make_backend(place)
        await backend.open(self.spec() if spec is None else spec)
        try:
            yield backend
        finally:
            await backend.close()

    @asynccontextmanager
    async def opened_memory(self, place: Path) -> AsyncIterator[AsyncMemory]:
        """A memory on the store at ``place`` that finds by words alone, closed at the end.

        Whoever has a memory of another make, a client of a server for instance, overrides it:
        the tests of messages and events need nothing else.
        """
        from memkit.config import load_settings
        from memkit.engine import Engine
        from memkit.memory import AsyncMemory
        from memkit.retrieval.analysis import ANALYZER as WORDS
        from memkit.scope import Scope
        from memkit.vectorizer import Vectorizer

        backend = self.make_backend(place)
        info = await backend.open(StoreSpec(None, WORDS))
        engine = Engine(backend, Vectorizer(None), load_settings().settings, info)
        try:
            yield AsyncMemory(engine, Scope(NAMESPACE))
        finally:
            await engine.close()

    def capabilities(self, memory: AsyncMemory) -> Capabilities:
        """What the store behind a memory has of its own."""
        return memory._engine.backend.capabilities

    def assert_vector(self, held: Vector | None, given: Vector | None) -> None:
        """Fail unless ``held`` is ``given``, to the backend's stated precision."""
        if given is None or held is None:
            assert held is given, "a vector is there that was not given, or the other way round"
            return
        assert held.dtype == np.float32
        assert held.shape == given.shape
        if self.vector_tolerance == 0.0:
            assert held.tobytes() == np.ascontiguousarray(given).tobytes()
        else:
            assert float(np.abs(held - given).max()) <= self.vector_tolerance


S = TypeVar("S", bound=Suite)
Scenario = Callable[[S, Backend], Coroutine[Any, Any, None]]


def load_factory(name: str) -> Callable[[Path], Backend]:
    """The callable that ``"module:callable"`` names."""
    module, _, attribute = name.partition(":")
    factory: Callable[[Path], Backend] = getattr(import_module(module), attribute)
    return factory


def require(backend: Backend, *capabilities: str) -> None:
    """Skip the test unless the backend declares these capabilities."""
    for name in capabilities:
        if not getattr(backend.capabilities, name):
            pytest.skip(f"the backend does not declare capabilities.{name}")


def require_protocol(backend: Backend, protocol: type) -> None:
    """Skip the test unless the backend implements this protocol too."""
    if not isinstance(backend, protocol):
        pytest.skip(f"the backend does not implement {protocol.__name__}")


def on_store(*capabilities: str) -> Callable[[Scenario[S]], Callable[[S, Path], None]]:
    """Make a plain test of a scenario: it runs on a new open store that it closes again.

    Args:
        capabilities: those without which the test is skipped.
    """

    def decorate(scenario: Scenario[S]) -> Callable[[S, Path], None]:
        def test(self: S, tmp_path: Path) -> None:
            async def run() -> None:
                async with self.opened(tmp_path / "store") as backend:
                    require(backend, *capabilities)
                    await scenario(self, backend)

            asyncio.run(run())

        # Not functools.wraps: pytest would follow __wrapped__ to the coroutine function.
        test.__name__ = scenario.__name__
        test.__qualname__ = scenario.__qualname__
        test.__doc__ = scenario.__doc__
        return test

    return decorate


MemoryScenario = Callable[[S, "AsyncMemory"], Coroutine[Any, Any, None]]


def on_memory(scenario: MemoryScenario[S]) -> Callable[[S, Path], None]:
    """Make a plain test of a scenario: it runs on a memory on a new store."""

    def test(self: S, tmp_path: Path) -> None:
        async def run() -> None:
            async with self.opened_memory(tmp_path / "store") as memory:
                await scenario(self, memory)

        asyncio.run(run())

    test.__name__ = scenario.__name__
    test.__qualname__ = scenario.__qualname__
    test.__doc__ = scenario.__doc__
    return test


async def scan_all(
    backend: Backend,
    filter: Filter = EVERYTHING,
    *,
    namespace: str = NAMESPACE,
    order: Order | None = None,
    limit: int = 100,
    vectors: bool = False,
) -> list[Stored]:
    """Everything that matches, over all pages."""
    found: list[Stored] = []
    cursor: str | None = None
    while True:
        page = await backend.scan(
            namespace,
            filter,
            order=Order() if order is None else order,
            cursor=cursor,
            limit=limit,
            vectors=vectors,
        )
        assert len(page.items) <= limit, "a page holds more than its limit"
        found.extend(page.items)
        if page.cursor is None:
            return found
        assert page.items, "an empty page leads to another one"
        cursor = page.cursor


async def get_one(backend: Backend, record: MemoryRecord) -> Stored:
    """The stored state of a record that must be there, with its vector."""
    found = await backend.get(record.namespace, [record.id], vectors=True)
    assert list(found) == [record.id], "a record that was stored is not there"
    return found[record.id]


def ids_of(items: Sequence[Stored]) -> list[str]:
    """The ids of stored records, in order."""
    return [item.record.id for item in items]


def assert_same_record(held: MemoryRecord, given: MemoryRecord) -> None:
    """Fail unless both records are equal field by field, types included."""
    for name in MemoryRecord.__dataclass_fields__:
        assert same_value(getattr(held, name), getattr(given, name)), (
            f"{name} came back changed: {getattr(held, name)!r:.200} "
            f"instead of {getattr(given, name)!r:.200}"
        )


def same_value(held: Any, given: Any) -> bool:
    """Equality that tells ``1``, ``1.0`` and ``True`` apart, inside lists and mappings too."""
    if isinstance(given, Mapping):
        return (
            isinstance(held, Mapping)
            and held.keys() == given.keys()
            and all(same_value(held[key], value) for key, value in given.items())
        )
    if isinstance(given, list | tuple):
        return (
            type(held) is type(given)
            and len(held) == len(given)
            and all(map(same_value, held, given))
        )
    if isinstance(given, str):
        # State and Visibility are strings too, and as good as their values.
        return isinstance(held, str) and held == given
    return type(held) is type(given) and bool(held == given)
