"""A memory as an adapter is handed it: for code that awaits and for code that waits."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from os import PathLike, fspath
from typing import Any, NoReturn, Self, TypeAlias, TypeVar

from memkit.blocking import Memory
from memkit.errors import ConfigurationError, InvalidInput
from memkit.loops import LoopThread, run_here
from memkit.memory import AsyncMemory, Opening

T = TypeVar("T")

#: What an adapter takes for a memory: a handle or a client, what ``AsyncMemory.open`` returns, or
#: where a store is (``None``: the one that the settings name).
MemoryLike: TypeAlias = Memory | AsyncMemory | Opening | str | PathLike[str] | None

# For blocking calls where a loop runs already; it starts when it is first needed.
_loop = LoopThread()
atexit.register(_loop.stop)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do ``work`` to its end in code that does not await, whether or not a loop runs here."""
    here = asyncio._get_running_loop()
    if here is not None and here is _loop.running:
        # A blocking call inside of another one that waits for it in this very loop.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, work).result()
    return run_here(work, _loop)


class Handles:
    """A memory in both its faces, and who closes it.

    Safe to share among threads, tasks and event loops. A copy is the same object, since what
    is copied is a framework's object that holds it; it cannot be pickled, being an open store.

    Args:
        memory: see :data:`MemoryLike`, or other handles to share.
        **opening: arguments of ``Memory.open`` where it is a URL or a path.

    Raises:
        InvalidInput: it is none of these, or it is open already and ``opening`` is given.
    """

    def __init__(self, memory: MemoryLike | Handles = None, **opening: Any) -> None:
        self._sync: Memory | None = None
        self._aio: AsyncMemory | None = None
        self._source: Opening | str | None = None
        self._opening = opening
        self._lock = threading.Lock()
        #: Whether it is opened here, and so closed here.
        self.owned = False
        if opening and not (memory is None or isinstance(memory, str | PathLike)):
            raise InvalidInput(
                f"{', '.join(opening)} cannot be given with a memory that is open: bind it there"
            )
        if isinstance(memory, Handles):
            self._sync, self._aio = memory.sync, memory.aio
        elif isinstance(memory, Memory):
            self._sync, self._aio = memory, memory.asynchronous
        elif isinstance(memory, AsyncMemory):
            self._aio = memory
        elif memory is None or isinstance(memory, str | PathLike | Opening):
            self._source = fspath(memory) if isinstance(memory, str | PathLike) else memory
            self.owned = True
        else:
            raise InvalidInput(
                "memory must be a Memory, an AsyncMemory, a client or the URL of a store, "
                f"not {type(memory).__name__}"
            )

    @property
    def source(self) -> str | None:
        """The URL or path that was handed in, if one was."""
        return self._source if isinstance(self._source, str) else None

    @property
    def opening(self) -> dict[str, Any]:
        """The arguments that came with it."""
        return self._opening

    @property
    def aio(self) -> AsyncMemory:
        """The handle for code that awaits, in any event loop; opened here at the first use.

        Raises:
            StoreError: the store cannot be opened.
        """
        if self._aio is None:
            self._open()
            assert self._aio is not None
        return self._aio

    @property
    def sync(self) -> Memory:
        """The handle for code that waits; opened here at the first use.

        Raises:
            StoreError: the store cannot be opened.
        """
        if self._sync is None:
            aio = self.aio
            if self._sync is None:
                self._sync = _face(aio)
        return self._sync

    async def get(self) -> AsyncMemory:
        """As :attr:`aio`; the event loop does not wait while it is opened."""
        if self._aio is None:
            await asyncio.to_thread(self._open)
        return self.aio

    def _open(self) -> None:
        with self._lock:
            if self._aio is not None:
                return
            if isinstance(self._source, Opening):
                self._aio = run(self._source.start())
            else:
                self._sync = Memory.open(self._source, **self._opening)
                self._aio = self._sync.asynchronous

    def close(self) -> None:
        """Close the memory if it was opened here; one that was handed in stays open."""
        if not self.owned or self._aio is None:
            return
        if isinstance(self._source, Opening):
            # Its face is on the loop that all of them share.
            run(self._aio.close())
        else:
            self.sync.close()

    async def aclose(self) -> None:
        """As :meth:`close`, for code that awaits."""
        await asyncio.to_thread(self.close)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        refuse_pickling(self)


def refuse_pickling(what: object) -> NoReturn:
    """Say why an object that holds a memory cannot be pickled.

    Raises:
        ConfigurationError: always.
    """
    raise ConfigurationError(
        f"{type(what).__name__} cannot be pickled, it holds an open memory: make a new one from "
        "the memory where it is needed"
    )


def _face(memory: AsyncMemory) -> Memory:
    face = memory._face
    if face is None:
        return Memory(memory, _loop)
    made: Memory = face(memory)
    return made
