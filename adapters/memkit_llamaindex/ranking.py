"""What a vector store's query finds, by each of LlamaIndex's query modes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llama_index.core.indices.query.embedding_utils import get_top_k_mmr_embeddings
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from memkit import AsyncMemory, Hit, MemoryRecord
from memkit.errors import EmbedderUnavailable, InvalidInput
from memkit.filters import Filter
from memkit_llamaindex.nodes import NODE_TAG

#: memkit's search for each mode.
SEARCHES: Mapping[VectorStoreQueryMode, str] = {
    VectorStoreQueryMode.DEFAULT: "dense",
    VectorStoreQueryMode.MMR: "dense",
    VectorStoreQueryMode.HYBRID: "hybrid",
    VectorStoreQueryMode.TEXT_SEARCH: "lexical",
    VectorStoreQueryMode.SPARSE: "lexical",
}
_LIMIT_MAX = 1_000
_PREFETCH = 4

Ranked = list[tuple[MemoryRecord, float]]


async def ranked(
    memory: AsyncMemory, query: VectorStoreQuery, wanted: Filter | None, **options: Any
) -> Ranked:
    """The records that answer a query best and their similarities, best first.

    A similarity is the cosine for the modes ``default`` and ``mmr``, and otherwise in [0, 1]:
    memkit's fused score, or by ``alpha`` the mean of cosine (1) and words (0).

    Raises:
        InvalidInput: the mode is none of :data:`SEARCHES`, or the query lacks what it needs.
        EmbedderUnavailable: meaning was asked for, and no vector can be made.
    """
    mode = VectorStoreQueryMode(query.mode)
    search = SEARCHES.get(mode)
    if search is None:
        known = ", ".join(each.value for each in SEARCHES)
        raise InvalidInput(f"memkit has no query mode {mode.value!r}: it has {known}")
    top = _top(query, mode)
    if top < 1:
        return []
    hits = await _hits(memory, query, search, wanted, _depth(mode, top, options))
    if mode is VectorStoreQueryMode.MMR:
        return await _diverse(memory, query, hits, top, options)
    return _sorted(hits, _scoring(query, mode, hits))[:top]


def _top(query: VectorStoreQuery, mode: VectorStoreQueryMode) -> int:
    asked = {
        VectorStoreQueryMode.HYBRID: query.hybrid_top_k,
        VectorStoreQueryMode.SPARSE: query.sparse_top_k,
    }.get(mode)
    return min(_LIMIT_MAX, query.similarity_top_k if asked is None else asked)


def _depth(mode: VectorStoreQueryMode, top: int, options: Mapping[str, Any]) -> int:
    """How many are recalled: more than asked for, since a recall's own order has more to it."""
    depth = top * 2 + 10
    if mode is VectorStoreQueryMode.MMR:
        depth = options.get("mmr_prefetch_k") or max(
            depth, round(top * options.get("mmr_prefetch_factor", _PREFETCH))
        )
    return max(top, min(_LIMIT_MAX, depth))


async def _hits(
    memory: AsyncMemory, query: VectorStoreQuery, search: str, wanted: Filter | None, limit: int
) -> Sequence[Hit]:
    text = (query.query_str or "").strip()
    vector = None if search == "lexical" else query.query_embedding
    if search == "dense" and vector is not None:
        text = ""
    if vector is None and not text:
        raise InvalidInput(
            "the query has no words"
            if search == "lexical"
            else "the query has neither an embedding nor words"
        )
    if search != "lexical" and vector is None:
        await memory.warm_up()
    found = await memory.recall(
        text,
        vector=vector,
        mode=search,
        reach="exact",
        tags=NODE_TAG,
        filter=wanted,
        limit=limit,
        diverse=False,
        profile="fast",
    )
    # A memory answers by words alone while it has no vector: then there is no similarity to tell.
    if search == "dense" and found.notices and not any("dense" in hit.why.legs for hit in found):
        raise EmbedderUnavailable(
            f"{'; '.join(found.notices)}: give the query an embedding, or its mode text_search"
        )
    return found


def _scoring(
    query: VectorStoreQuery, mode: VectorStoreQueryMode, hits: Sequence[Hit]
) -> Callable[[Hit], float]:
    if mode is VectorStoreQueryMode.DEFAULT:
        return _cosine
    if mode is not VectorStoreQueryMode.HYBRID or query.alpha is None:
        return lambda hit: hit.why.fused
    alpha = query.alpha
    most = max((_words(hit) for hit in hits), default=0.0) or 1.0
    return lambda hit: alpha * max(0.0, _cosine(hit)) + (1 - alpha) * _words(hit) / most


def _sorted(hits: Sequence[Hit], score: Callable[[Hit], float]) -> Ranked:
    scored = [(hit.record, score(hit)) for hit in hits]
    return sorted(scored, key=lambda pair: -pair[1])


def _cosine(hit: Hit) -> float:
    leg = hit.why.legs.get("dense")
    return 0.0 if leg is None else leg.score


def _words(hit: Hit) -> float:
    leg = hit.why.legs.get("lexical")
    return 0.0 if leg is None else max(0.0, leg.score)


async def _diverse(
    memory: AsyncMemory,
    query: VectorStoreQuery,
    hits: Sequence[Hit],
    top: int,
    options: Mapping[str, Any],
) -> Ranked:
    """Maximal marginal relevance among the hits, by their stored vectors."""
    from memkit.client import AsyncClient

    if query.query_embedding is None:
        raise InvalidInput("the mode mmr needs the query's embedding")
    if isinstance(memory, AsyncClient):
        raise InvalidInput("a server does not hand out vectors, which the mode mmr needs")
    by_id = {hit.record.id: hit for hit in hits}
    stored = await memory._engine.backend.get(memory.scope.namespace, list(by_id), vectors=True)
    vectors = {id_: item.vector.tolist() for id_, item in stored.items() if item.vector is not None}
    threshold = query.mmr_threshold
    _, chosen = get_top_k_mmr_embeddings(
        query.query_embedding,
        list(vectors.values()),
        similarity_top_k=top,
        embedding_ids=list(vectors),
        mmr_threshold=options.get("mmr_threshold") if threshold is None else threshold,
    )
    return [(by_id[id_].record, _cosine(by_id[id_])) for id_ in chosen]
