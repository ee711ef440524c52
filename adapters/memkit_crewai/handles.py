"""The memory that a storage was handed, or opens: one handle that blocks, one that awaits."""

from __future__ import annotations

import atexit
from collections.abc import Coroutine
from os import PathLike, fspath
from typing import Any, TypeAlias, TypeVar

from memkit import AsyncMemory, Memory
from memkit.errors import InvalidInput
from memkit.loops import LoopThread

T = TypeVar("T")

#: What a storage takes for a memory: a handle, a client, or where a store is (``None``: the
#: default one, by the settings).
MemoryLike: TypeAlias = Memory | AsyncMemory | str | PathLike[str] | None

#: Who CrewAI's memories are by, where the handle names nobody.
AGENT = "crewai"

# For asynchronous handles that are used where a loop runs already; it starts when it is needed.
_loop = LoopThread()
atexit.register(_loop.stop)


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
        self._opened: Memory | None = None
        if memory is None or isinstance(memory, str | PathLike):
            memory = self._opened = Memory.open(None if memory is None else fspath(memory))
        if isinstance(memory, Memory):
            aio = memory.asynchronous
        elif isinstance(memory, AsyncMemory):
            aio = memory
        else:
            raise InvalidInput(
                "memory must be a Memory, an AsyncMemory, a client or the URL of a store, "
                f"not {type(memory).__name__}"
            )
        if agent is not None or aio.scope.agent is None:
            aio = aio.at(agent=agent or AGENT)
        self.aio = aio
        if isinstance(memory, Memory):
            self._sync = memory.at(agent=aio.scope.agent)
        elif (face := aio._face) is not None:
            self._sync = face(aio)
        else:
            self._sync = Memory(aio, _loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do asynchronous work and wait for it, in any thread, with or without a loop."""
        return self._sync._run(work)

    def close(self) -> None:
        """Close the memory if it was opened here; one that was handed in stays open."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()
