"""The two faces of a memory that an adapter was handed: one that blocks, one that awaits."""

from __future__ import annotations

import atexit
from os import PathLike, fspath
from typing import Any, TypeAlias

from memkit import AsyncMemory, Memory
from memkit.errors import InvalidInput
from memkit.loops import LoopThread, run_here
from memkit.memory import Opening

#: What an adapter takes for a memory: a handle, a client, or where a store is (``None``: the
#: default one, by the settings).
MemoryLike: TypeAlias = Memory | AsyncMemory | Opening | str | PathLike[str] | None

# For asynchronous handles that are used where a loop runs already; it starts when it is needed.
_loop = LoopThread()
atexit.register(_loop.stop)


def face_of(memory: AsyncMemory) -> Memory:
    """The blocking face of an asynchronous handle, on the same engine."""
    face = memory._face
    if face is not None:
        made: Memory = face(memory)
        return made
    return Memory(memory, _loop)


class Handles:
    """A memory's handles, both for one scope.

    Args:
        memory: a ``Memory``, an ``AsyncMemory``, a client, what ``AsyncMemory.open`` returns, or
            the URL or path of a store.
        **opening: arguments of ``Memory.open`` where it is a URL or a path.

    Attributes:
        sync: the blocking handle.
        aio: the asynchronous one; it belongs to no event loop.
    """

    def __init__(self, memory: MemoryLike, **opening: Any) -> None:
        self._owned = memory is None or isinstance(memory, str | PathLike | Opening)
        self._awaited = isinstance(memory, Opening)
        if opening and (self._awaited or not self._owned):
            raise InvalidInput(
                f"{', '.join(opening)} cannot be given with a memory that is open: bind it there"
            )
        if isinstance(memory, Memory):
            self.sync, self.aio = memory, memory.asynchronous
        elif isinstance(memory, AsyncMemory):
            self.sync, self.aio = face_of(memory), memory
        elif isinstance(memory, Opening):
            self.aio = run_here(memory.start(), _loop)
            self.sync = face_of(self.aio)
        elif memory is None or isinstance(memory, str | PathLike):
            self.sync = Memory.open(None if memory is None else fspath(memory), **opening)
            self.aio = self.sync.asynchronous
        else:
            raise InvalidInput(
                "memory must be a Memory, an AsyncMemory, a client or the URL of a store, "
                f"not {type(memory).__name__}"
            )

    def close(self) -> None:
        """Close the memory if it was opened here; one that was handed in stays open."""
        if self._awaited:
            # Not by the face: the loop that it shares with others would stop.
            run_here(self.aio.close(), _loop)
        elif self._owned:
            self.sync.close()
