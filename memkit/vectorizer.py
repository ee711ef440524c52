"""The engine's access to its embedder: loaded in the background, waited for a moment,
reported when it is missing. Vectors are never made up.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from memkit.errors import EmbedderError, InvalidInput
from memkit.protocols import Embedder, Fingerprint, Role

if TYPE_CHECKING:
    from memkit.embedding.cache import CachedEmbedder
    from memkit.embedding.given import GivenVectors
    from memkit.protocols import Tokens, Vector

T = TypeVar("T")

_log = logging.getLogger("memkit")

NO_EMBEDDER = "no embedder: only words are matched (install agent-memkit[local])"
WORDS_ONLY = "words only, as configured: meaning is not matched"
#: Callers make this store's vectors, and this text came without one.
GIVEN = "this memory's vectors are given by its callers: without one only words are matched"
LOADING = "the embedder is still loading: only words were matched"
# After a failure the embedder is left alone for so long: a service that is down costs each
# recall nothing but its first one's timeout.
_RETRY_SECONDS = 5.0
_CACHED_BATCH = 64
# Texts whose token vectors are held at once before they are packed.
_TOKENS_BATCH = 256


class Vectorizer:
    """Runs an embedder in threads of its own, so that no event loop waits for it.

    Nothing in it belongs to an event loop. Without an embedder, or while it cannot answer,
    it returns no vectors and a notice instead.
    """

    def __init__(
        self,
        embedder: CachedEmbedder | None,
        *,
        why_none: str = NO_EMBEDDER,
        given: GivenVectors | None = None,
    ) -> None:
        self._embedder = embedder
        self._why_none = why_none
        self._given = given
        self._pool: ThreadPoolExecutor | None = None
        self._loading: Future[None] | None = None
        self._ready = embedder is None
        self._failure: str | None = None
        self._retry_at = 0.0
        self._lock = threading.Lock()
        self._told = False

    @property
    def embedder(self) -> Embedder | None:
        """The embedder, ``None`` when words alone are matched."""
        return self._given if self._embedder is None else self._embedder

    @property
    def given(self) -> bool:
        """Whether callers hand the vectors in."""
        return self._given is not None

    @property
    def fingerprint(self) -> Fingerprint | None:
        """That of the embedder, or of the vectors that callers hand in."""
        return None if self.embedder is None else self.embedder.fingerprint

    def checked(self, vector: Sequence[float]) -> Vector:
        """A caller's vector as this store's: float32, shape ``(dimension,)``, of length 1.

        Raises:
            InvalidInput: it is none of this store's.
        """
        import numpy as np

        fingerprint = self.fingerprint
        if fingerprint is None:
            raise InvalidInput("this memory has no embedder, so no vectors: open it with one")
        if fingerprint.dimension is None:
            raise InvalidInput(
                "how long this memory's vectors are is not known yet: say dimensions= in the "
                "embedder's URL"
            )
        try:
            row = np.asarray(vector, dtype=np.float64)
        except (TypeError, ValueError):
            raise InvalidInput("vector must be a list of numbers") from None
        if row.shape != (fingerprint.dimension,):
            raise InvalidInput(
                f"vector has shape {row.shape}, and this memory's embedder "
                f"{fingerprint.model} makes {fingerprint.dimension} numbers"
            )
        length = float(np.sqrt(np.square(row).sum()))
        if not 0 < length < float("inf"):
            raise InvalidInput("vector must be of finite numbers, not all of them 0")
        return (row / length).astype(np.float32)

    @property
    def ready(self) -> bool:
        """Whether vectors can be had without waiting for a model to load."""
        return self._embedder is not None and self._ready and self._failure is None

    @property
    def notice(self) -> str | None:
        """Why there are no vectors at the moment, if so."""
        if self._embedder is None:
            return self._why_none
        if self._failure is not None:
            return self._failure
        return None if self._ready else LOADING

    def warm_up(self) -> None:
        """Start loading in the background, unless that was done."""
        if self._embedder is not None:
            self._load()

    async def wait_ready(self) -> None:
        """Wait until the embedder has loaded, or has failed to."""
        if self._embedder is not None and not self._ready:
            await _end_of(self._load())

    def _load(self) -> Future[None]:
        with self._lock:
            # A failed load is tried again by whoever needs vectors next: the weights may have
            # been installed or the service started meanwhile.
            if self._loading is None or (self._loading.done() and self._failure is not None):
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(2, thread_name_prefix="memkit-embed")
                self._loading = self._pool.submit(self._load_now)
            return self._loading

    def _load_now(self) -> None:
        assert self._embedder is not None
        try:
            self._embedder.load()
        except EmbedderError as error:
            self._fail(error)
        else:
            self._failure = None
            self._ready = True

    def _fail(self, error: EmbedderError) -> None:
        self._retry_at = time.monotonic() + _RETRY_SECONDS
        self._failure = f"the embedder cannot answer, only words are matched: {error}"
        self.tell_once()

    def tell_once(self) -> None:
        """Log, once, why there are no vectors."""
        notice = self.notice
        if notice not in (None, LOADING, WORDS_ONLY, GIVEN) and not self._told:
            self._told = True
            _log.warning(notice)

    async def query(
        self, text: str, wait: float, *, tokens: bool = False
    ) -> tuple[Vector | None, str | None]:
        """A query's vector, or ``None`` and the reason.

        Args:
            text: the query.
            wait: seconds to wait for a model that is still loading.
            tokens: have its tokens from the same run, for :meth:`query_tokens`.
        """
        if self._embedder is None:
            self.tell_once()
            return None, self._why_none
        cached = self._embedder.peek(text, "query")
        if cached is not None:
            # Tokens that are missing are had later, if the model is there.
            return cached, None
        if not self._ready:
            try:
                await asyncio.wait_for(_end_of(self._load()), wait)
            except TimeoutError:
                return None, LOADING
            if not self._ready:
                return None, self._failure
        if tokens and self._embedder.has_tokens:
            answer, notice = await self._run(partial(self._embedder.embed_tokens, (text,), "query"))
            return (None if answer is None else answer[0][0]), notice
        vectors, notice = await self._embed((text,), "query")
        return (None if vectors is None else vectors[0]), notice

    async def query_tokens(self, text: str) -> Tokens | None:
        """A query's tokens, ``None`` if they cannot be had at once.

        After :meth:`query` with ``tokens`` they are there already.
        """
        if self._embedder is None or not self._embedder.has_tokens:
            return None
        cached = self._embedder.peek_tokens(text)
        if cached is not None or not self.ready:
            return cached
        answer, _ = await self._run(partial(self._embedder.embed_tokens, (text,), "query"))
        return None if answer is None else answer[1][0]

    async def documents(self, texts: Sequence[str]) -> tuple[Vector | None, str | None]:
        """Vectors of shape ``(len(texts), dimension)``, or ``None`` and the reason.

        A model that is still loading is waited for: a record should have its vector.
        """
        if self._embedder is None:
            self.tell_once()
            return None, self._why_none
        await self.wait_ready()
        if not self._ready:
            return None, self._failure
        return await self._embed(texts, "document")

    async def packed_documents(
        self, texts: Sequence[str]
    ) -> tuple[Vector | None, list[bytes | None], str | None]:
        """As :meth:`documents`, with what is kept of each text's tokens, from one run."""
        vectors: Vector | None = None
        packed: list[bytes | None] = [None] * len(texts)
        if self._embedder is None or not self._embedder.has_tokens:
            vectors, notice = await self.documents(texts)
            return vectors, packed, notice
        await self.wait_ready()
        if not self._ready:
            return None, packed, self._failure
        answer, notice = await self._run(partial(_pack_all, self._embedder, texts))
        return (None, packed, notice) if answer is None else (*answer, notice)

    async def _embed(
        self, texts: Sequence[str], role: Role, *, cached: bool = True
    ) -> tuple[Vector | None, str | None]:
        assert self._embedder is not None
        embedder = self._embedder if cached else self._embedder.embedder
        return await self._run(partial(embedder.embed, texts, role))

    async def _run(self, work: Callable[[], T]) -> tuple[T | None, str | None]:
        """What the embedder answers, or ``None`` and the reason."""
        assert self._embedder is not None
        assert self._pool is not None
        if self._failure is not None and time.monotonic() < self._retry_at:
            return None, self._failure
        try:
            if getattr(self._embedder.embedder, "immediate", False):
                answer = work()
            else:
                answer = await asyncio.wrap_future(self._pool.submit(work))
        except EmbedderError as error:
            self._fail(error)
            return None, self._failure
        self._failure = None
        return answer, None

    def forget(self, texts: Sequence[str]) -> None:
        """Drop what the cache holds of these texts."""
        if self._embedder is not None:
            self._embedder.forget(texts)

    async def close(self) -> None:
        """Stop the threads and free the model."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        if self._embedder is not None:
            await asyncio.to_thread(self._embedder.close)


def _pack_all(embedder: CachedEmbedder, texts: Sequence[str]) -> tuple[Vector, list[bytes | None]]:
    import numpy as np

    from memkit.retrieval.late import READ, pack

    vectors = []
    packed: list[bytes | None] = []
    for start in range(0, len(texts), _TOKENS_BATCH):
        some, tokens = embedder.embed_tokens(texts[start : start + _TOKENS_BATCH], most=READ)
        vectors.append(some)
        packed += [pack(each) or None for each in tokens]
    return np.concatenate(vectors), packed


def _end_of(work: Future[None]) -> asyncio.Future[None]:
    """A future of this loop for the end of ``work``: cancelling it leaves ``work`` alone."""
    end: Future[None] = Future()

    def tell(_: Future[None]) -> None:
        if end.set_running_or_notify_cancel():
            end.set_result(None)

    work.add_done_callback(tell)
    return asyncio.wrap_future(end)
