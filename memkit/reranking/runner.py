"""Holds a reranker to a deadline: whatever it does, a recall goes on without it in time."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from memkit.errors import ConfigurationError, RerankerError
from memkit.protocols import Reranker
from memkit.reranking.relevance import checked_relevance

_log = logging.getLogger("memkit")

STANDS: Final = "the fused order stands"
LOADING: Final = f"the reranker is still loading: {STANDS}"
BUSY: Final = f"the reranker is busy with earlier recalls: {STANDS}"
CLOSED: Final = f"the reranker is closed: {STANDS}"

DEADLINE_SECONDS: Final = 1.0
CANDIDATES: Final = 20

#: How much of a text the reranker is given, characters: somewhat more than the 512 tokens that
#: most cross-encoders read.
TEXT_CHARACTERS: Final = 2000
#: Likewise of a query, which leaves a text room beside it.
QUERY_CHARACTERS: Final = 500

# Recalls that one reranker works for at a time; one whose deadline has passed counts until
# its answer comes.
_IN_FLIGHT: Final = 2
# After a failure the reranker is left alone for so long.
_PAUSE_SECONDS: Final = 5.0
# So many late answers in a row are a failure too: each costs a recall its deadline in vain.
_MOST_MISSES: Final = 3


class RerankRunner:
    """Runs a reranker in threads of its own, so that no event loop waits for it.

    Nothing in it belongs to an event loop. Where there are no scores in time there is a
    notice that says why, and the fused order stands:

    - while the model loads, in the background;
    - after the deadline: what comes later is dropped, but its thread stays counted, so that a
      service that hangs holds two threads and no more; further recalls then pass at once;
    - for five seconds after a failure, or after three late answers in a row.

    Args:
        reranker: what scores. It is closed by :meth:`close`.
        deadline_seconds: how long one recall waits.
        max_candidates: how many texts are scored at most.
        max_in_flight: how many recalls are scored at a time.
        pause_seconds: how long a reranker that failed is left alone.

    Raises:
        ConfigurationError: a number makes no sense.
    """

    def __init__(
        self,
        reranker: Reranker,
        deadline_seconds: float = DEADLINE_SECONDS,
        max_candidates: int = CANDIDATES,
        *,
        max_in_flight: int = _IN_FLIGHT,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        if not deadline_seconds > 0:
            raise ConfigurationError("the reranker's deadline must be positive")
        if max_candidates < 1 or max_in_flight < 1 or pause_seconds < 0:
            raise ConfigurationError(
                "a reranker needs at least one candidate, one call in flight, and no negative pause"
            )
        self.reranker = reranker
        self.deadline_seconds = deadline_seconds
        self.max_candidates = max_candidates
        self._max_in_flight = max_in_flight
        self._pause_seconds = pause_seconds
        self._pool: ThreadPoolExecutor | None = None
        self._loading: Future[None] | None = None
        self._ready = False
        self._closed = False
        self._in_flight = 0
        self._misses = 0
        self._failure: str | None = None
        self._resume_at = 0.0
        self._told = False
        # Re-entrant: loading that has ended already calls back from under it.
        self._lock = threading.RLock()

    @property
    def ready(self) -> bool:
        """Whether the next recall would be scored."""
        return self._why_not() is None

    @property
    def notice(self) -> str | None:
        """Why the next recall would not be scored, if so."""
        return self._why_not()

    def warm_up(self) -> None:
        """Start loading in the background, unless that was done."""
        with self._lock:
            if not self._closed:
                self._start_loading()

    async def wait_ready(self) -> None:
        """Wait until the reranker has loaded, or has failed to."""
        self.warm_up()
        loading = self._loading
        if loading is not None:
            # Shielded: whoever stops waiting does not stop the loading.
            await asyncio.shield(asyncio.wrap_future(loading))

    async def scores(
        self, query: str, texts: Sequence[str]
    ) -> tuple[list[float] | None, str | None]:
        """The relevance of the first texts, or ``None`` and the reason.

        Args:
            query: the query; of a longer one the first :data:`QUERY_CHARACTERS` are read.
            texts: the candidates' texts, the best first; of a longer one the first
                :data:`TEXT_CHARACTERS` are read.

        Returns:
            ``(scores, None)`` with one relevance in [0, 1] for each of the first
            ``max_candidates`` texts, or ``(None, notice)``.
        """
        wanted = [text[:TEXT_CHARACTERS] for text in texts[: self.max_candidates]]
        if not wanted:
            return [], None
        work = self._submit(query[:QUERY_CHARACTERS], wanted)
        if isinstance(work, str):
            return None, work
        try:
            found = await asyncio.wait_for(asyncio.wrap_future(work), self.deadline_seconds)
        except TimeoutError:
            return None, self._missed()
        except RerankerError as error:
            return None, _failed(error)
        with self._lock:
            self._misses = 0
            self._failure = None
        return found, None

    async def close(self) -> None:
        """Stop the threads and close the reranker; what is under way is dropped."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self.reranker.close)

    def _why_not(self) -> str | None:
        if self._closed:
            return CLOSED
        if self._failure is not None and time.monotonic() < self._resume_at:
            return self._failure
        if not self._ready:
            return LOADING
        return BUSY if self._in_flight >= self._max_in_flight else None

    def _submit(self, query: str, texts: list[str]) -> Future[list[float]] | str:
        """The scoring under way, or why it is not begun."""
        with self._lock:
            why_not = self._why_not()
            if why_not == LOADING:
                self._start_loading()
            if why_not is not None:
                return why_not
            self._in_flight += 1
            work = self._threads().submit(self._score, query, texts)
        # Outside the lock, which it takes: work that is done already calls it here.
        work.add_done_callback(self._released)
        return work

    def _score(self, query: str, texts: list[str]) -> list[float]:
        try:
            found = self.reranker.rerank(query, texts)
            return checked_relevance(found, len(texts), f"the reranker {self.reranker.name}")
        except RerankerError as error:
            self._fail(_failed(error))
            raise

    def _released(self, work: Future[list[float]]) -> None:
        self._note_defect(work)
        with self._lock:
            self._in_flight -= 1

    def _start_loading(self) -> None:
        # A failed load is tried again by whoever needs it once the pause is over: the model may
        # have been put in place meanwhile.
        if not self._ready and (self._loading is None or self._loading.done()):
            self._loading = self._threads().submit(self._load)
            self._loading.add_done_callback(self._note_defect)

    def _load(self) -> None:
        try:
            self.reranker.load()
        except RerankerError as error:
            self._fail(f"the reranker cannot be loaded, {STANDS}: {error}")
        else:
            self._ready = True

    def _note_defect(self, work: Future[Any]) -> None:
        """Tell of an error that no reranker should raise, which nobody may be waiting for."""
        error = None if work.cancelled() else work.exception()
        if error is not None and not isinstance(error, RerankerError):
            name = type(error).__name__
            self._fail(f"the reranker {self.reranker.name} has a defect ({name}): {STANDS}")

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._max_in_flight, thread_name_prefix="memkit-rerank")
        return self._pool

    def _missed(self) -> str:
        late = f"the reranker did not answer within {self.deadline_seconds:g} seconds: {STANDS}"
        with self._lock:
            self._misses += 1
            too_often = self._misses >= _MOST_MISSES
        if too_often:
            self._fail(late)
        return late

    def _fail(self, notice: str) -> None:
        with self._lock:
            self._failure = notice
            self._resume_at = time.monotonic() + self._pause_seconds
            tell = not self._told and not self._closed
            self._told = True
        if tell:
            _log.warning(notice)


def _failed(error: RerankerError) -> str:
    return f"the reranker failed, {STANDS}: {error}"
