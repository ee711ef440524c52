"""Stores on files of their own, and runs of coroutines on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from memkit.protocols import Fingerprint, StoreSpec
from memkit_sqlite import SqliteBackend

DIMENSION = 8
SPEC = StoreSpec(Fingerprint("toy", DIMENSION), "words 1")

Opened: TypeAlias = Callable[..., AbstractAsyncContextManager[SqliteBackend]]
Scenario: TypeAlias = Callable[[], Awaitable[Any]]


@asynccontextmanager
async def _opened(
    path: Path, spec: StoreSpec = SPEC, busy_timeout: float = 30.0
) -> AsyncIterator[SqliteBackend]:
    backend = SqliteBackend(path, busy_timeout=busy_timeout)
    await backend.open(spec)
    try:
        yield backend
    finally:
        await backend.close()


@pytest.fixture
def opened() -> Opened:
    """Opens a store, and closes it again."""
    return _opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test's store is."""
    return tmp_path / "store.db"


@pytest.fixture
def run() -> Callable[[Scenario], Any]:
    """Runs a scenario to its end on a new event loop."""

    def run_scenario(scenario: Scenario) -> Any:
        async def whole() -> Any:
            return await scenario()

        return asyncio.run(whole())

    return run_scenario


@pytest.fixture
def spec() -> StoreSpec:
    """What the stores are opened with."""
    return SPEC
