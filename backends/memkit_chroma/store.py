"""What a backend holds while it is open: connection, session, writer and threads."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from memkit.errors import StoreClosed
from memkit.protocols import StoreInfo, StoreSpec
from memkit_chroma.folder import Holding, hold
from memkit_chroma.gateway import Gateway
from memkit_chroma.places import Place
from memkit_chroma.reading import Listings
from memkit_chroma.session import Session
from memkit_chroma.writer import Writer

T = TypeVar("T")
_THREADS = 8


class OpenStore:
    """An open store. It closes itself when it is dropped, or at the interpreter's exit."""

    def __init__(self, place: Place, spec: StoreSpec) -> None:
        self._process = os.getpid()
        holding = hold(place, spec)
        try:
            gateway = Gateway(holding.place, holding.revive, holding.pause)
            try:
                self.session = Session(gateway, spec)
            except BaseException:
                gateway.close()
                raise
        except BaseException:
            holding.release()
            raise
        self._place = place
        self.listings = Listings(self.session)
        self.writer = None if spec.read_only else Writer(self.session)
        self._threads = ThreadPoolExecutor(_THREADS, "memkit-chroma-read")
        self._finalizer = weakref.finalize(
            self, _close, self._process, self.writer, self._threads, gateway, holding
        )

    @property
    def here(self) -> bool:
        """Whether this process made it; a fork's child has its object but not its threads."""
        if self._process == os.getpid():
            return True
        self._finalizer.detach()
        return False

    def info(self) -> StoreInfo:
        """What the store says of itself."""
        state = self.session.state
        folder = self._place.folder
        return StoreInfo(
            location=self._place.location,
            schema_version=state.schema,
            fingerprint=state.fingerprint,
            analyzer=state.analyzer or self.session.spec.analyzer,
            size_bytes=None if folder is None else _size(str(folder)),
            identity=state.identity,
        )

    async def in_thread(self, work: Callable[[OpenStore], T]) -> T:
        """Run ``work`` where it does not hold up the event loop."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, work, self)
        except RuntimeError as error:
            if self._finalizer.alive:
                raise
            raise StoreClosed("the store is closed: open it again") from error

    def close(self) -> None:
        """Finish the accepted writes and free everything; called again, nothing."""
        self._finalizer()


def _close(
    process: int,
    writer: Writer | None,
    threads: ThreadPoolExecutor,
    gateway: Gateway,
    holding: Holding,
) -> None:
    if process != os.getpid():
        return
    if writer is not None:
        writer.close()
    threads.shutdown(wait=True)
    gateway.close()
    holding.release()


def _size(folder: str) -> int:
    total = 0
    for here, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(here, name)).st_size
            except FileNotFoundError:
                # Chroma removes files of its own.
                continue
    return total
