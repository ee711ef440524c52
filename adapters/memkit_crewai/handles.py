"""The memory that a storage was handed, narrowed to the agent that it speaks for."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from memkit.handles import Handles, MemoryLike, run

__all__ = ["AGENT", "Handle", "MemoryLike"]

T = TypeVar("T")

#: Who CrewAI's memories are by, where the handle names nobody.
AGENT = "crewai"


class Handle:
    """A memory narrowed to the agent that a storage speaks for.

    Args:
        memory: a handle, a client, or the URL or path of a store.
        agent: who speaks, where the handle does not say.

    Raises:
        InvalidInput: it is none of them.
        InvalidScope: the handle is bound to another agent.
    """

    def __init__(self, memory: MemoryLike, agent: str | None) -> None:
        self._handles = Handles(memory)
        aio = self._handles.aio
        if agent is not None or aio.scope.agent is None:
            aio = aio.at(agent=agent or AGENT)
        self.aio = aio

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do asynchronous work and wait for it, in any thread, with or without a loop."""
        return run(work)

    def close(self) -> None:
        """Close the memory if it was opened here; one that was handed in stays open."""
        self._handles.close()
