"""Threads that go on storing memories, and know which were acknowledged."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from memkit import Memory
from memkit.errors import StoreUnavailable

# Whoever waits longer waits for something that will not come.
_LIMIT_SECONDS = 60.0


class Writers:
    """``lanes`` threads that store one memory after the other, each of them once."""

    def __init__(self, memory: Memory, lanes: int = 4, *, read_back: bool = False) -> None:
        self.acknowledged: dict[str, str] = {}
        self.refused: set[str] = set()
        self._memory = memory
        self._read_back = read_back
        self._ending = threading.Event()
        self._changed = threading.Condition()
        self._counts = [0] * lanes
        self._failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), daemon=True) for lane in range(lanes)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(_LIMIT_SECONDS)
            assert not thread.is_alive(), "a writer hangs"
        if error is None and self._failures:
            raise self._failures[0]

    def await_more(self, each: int = 1) -> float:
        """Wait until every lane has stored so many more; the seconds that it took."""
        began = time.monotonic()
        with self._changed:
            wanted = [count + each for count in self._counts]
            done = self._changed.wait_for(
                lambda: self._failures or all(map(int.__ge__, self._counts, wanted)),
                _LIMIT_SECONDS,
            )
        if self._failures:
            raise self._failures[0]
        assert done, "the writers do not get on"
        return time.monotonic() - began

    def _run(self, lane: int) -> None:
        number = 0
        while not self._ending.is_set():
            content = f"lane {lane} wrote number {number}"
            number += 1
            try:
                self._store(content)
            except StoreUnavailable:
                self.refused.add(content)
                # Refused at once it would be asked again at once, and starve the others.
                self._ending.wait(0.02)
                continue
            except BaseException as error:
                with self._changed:
                    self._failures.append(error)
                    self._changed.notify_all()
                raise
            with self._changed:
                self._counts[lane] += 1
                self._changed.notify_all()

    def _store(self, content: str) -> None:
        done = self._memory.remember(content, deduplicate="exact")
        self.acknowledged[content] = done.status
        if self._read_back:
            assert self._memory.get(done.id).content == content

    def assert_stored_once(self, memory: Memory) -> None:
        """Fail unless all that was acknowledged is there, and nothing is there twice."""
        assert len(self.acknowledged) >= len(self._counts)
        assert set(self.acknowledged.values()) == {"stored"}
        found = Counter(contents(memory))
        assert not set(self.acknowledged) - set(found), "acknowledged memories are lost"
        assert set(found) <= set(self.acknowledged) | self.refused
        assert set(found.values()) == {1}, "memories are there twice"


def contents(memory: Memory) -> Iterator[str]:
    """Of every memory in its scope."""
    cursor: str | None = None
    while True:
        page = memory.list(cursor=cursor, limit=500)
        yield from (record.content for record in page)
        cursor = page.cursor
        if cursor is None:
            return
