"""A memory as LlamaIndex's objects are handed it: the blocking handle and the awaiting one."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from memkit import AsyncMemory, Memory


@pytest.fixture(params=["Memory", "AsyncMemory"])
def handle(request: pytest.FixtureRequest, memory: Memory) -> Memory | AsyncMemory:
    """Both faces of one tenant's memory."""
    acme = memory.at(namespace="acme")
    return acme if request.param == "Memory" else acme.asynchronous


@pytest.fixture(autouse=True)
def offline(no_sockets: None) -> None:
    """Nothing here may reach for a network."""


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that awaits in a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
