"""Event loops of memkit's own: one thread's for work in the background, one a thread for
callers who have none running.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop in a daemon thread, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> asyncio.AbstractEventLoop | None:
        """The loop, if it was started."""
        return self._loop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` there and wait for its result."""
        future = self.submit(work)
        try:
            return future.result()
        except BaseException:
            # KeyboardInterrupt in the waiting thread: the work must not go on unseen.
            future.cancel()
            raise

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run ``work`` there; cancelling what is returned cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self._started())

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` there, unawaited; it must raise nothing."""
        self.submit(work)

    def stop(self) -> None:
        """Cancel what runs and end the thread; not to be called from it."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(_settle(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="memkit-loop", daemon=True
                )
                self._thread.start()
            return self._loop


async def _settle() -> None:
    """Let tasks in flight see their cancellation, so that none is destroyed pending."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()


class _OwnLoop:
    """A thread's loop: closed when the thread ends and lets go of it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def __del__(self) -> None:
        self.loop.close()


_threads = threading.local()


def run_here(work: Coroutine[Any, Any, T], instead: LoopThread) -> T:
    """Run ``work`` in the calling thread, or in ``instead`` if a loop runs here already.

    Handing work to another thread and back costs several times what a small recall takes;
    a thread that runs a loop (a notebook's, a server's) cannot run a second one.
    """
    if asyncio._get_running_loop() is not None:
        return instead.run(work)
    loop = _own_loop()
    task = loop.create_task(work)
    try:
        return loop.run_until_complete(task)
    except BaseException:
        if not task.done():
            # Interrupted from outside, by Ctrl-C: the work ends before the caller goes on.
            task.cancel()
            loop.run_until_complete(asyncio.wait({task}))
        raise


def _own_loop() -> asyncio.AbstractEventLoop:
    try:
        own: _OwnLoop = _threads.own
    except AttributeError:
        own = _threads.own = _OwnLoop()
    return own.loop


@atexit.register
def _let_go() -> None:
    # The main thread's loop: at interpreter shutdown it would be too late to close it.
    _threads.__dict__.clear()


_inherited: list[_OwnLoop] = []


def _after_fork() -> None:
    # The child must neither use nor close its parent's loop: they share one epoll set.
    if (own := _threads.__dict__.pop("own", None)) is not None:
        _inherited.append(own)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
