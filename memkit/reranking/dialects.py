"""How services want to be asked to rerank, and how they answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from memkit.errors import RerankerError
from memkit.providers.kinds import Vendor
from memkit.reranking.relevance import finite_scores


@dataclass(frozen=True, slots=True)
class Dialect:
    """One shape of ``/rerank``.

    Attributes:
        texts: the field that carries the texts.
        all_of_them: the field that says how many results are wanted, ``None`` if the service
            answers all anyway. Some servers of this shape answer ten unless they are told.
        extra: what else is sent.
        results: the field that holds the results; ``None`` if the answer is the list itself.
        score: the field of a result with its score.
        batch: how many texts one request may hold.
        needs_model: whether the service wants to be told the model.
        vendor: whose shape it is, asked unless a base URL is given.
    """

    texts: str
    all_of_them: str | None
    extra: Mapping[str, object]
    results: str | None
    score: str
    batch: int
    needs_model: bool
    vendor: Vendor | None

    def body(self, model: str, query: str, texts: Sequence[str]) -> dict[str, object]:
        """The request."""
        body: dict[str, object] = {"query": query, self.texts: list(texts), **self.extra}
        if model:
            body["model"] = model
        if self.all_of_them is not None:
            body[self.all_of_them] = len(texts)
        return body

    def scores(self, body: bytes, count: int, source: str) -> list[float]:
        """The scores of an answer, in the order of the texts that were sent.

        Services answer the best first; each result's ``index`` tells its text.

        Raises:
            RerankerError: it is something else, or its indexes are not 0 to ``count`` - 1.
        """
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise _strange(source, "something that is not JSON") from error
        results = answer
        if self.results is not None:
            results = answer.get(self.results) if isinstance(answer, dict) else None
        if not isinstance(results, list) or not all(isinstance(item, dict) for item in results):
            where = f" under {self.results!r}" if self.results else ""
            raise _strange(source, f"JSON without a list of results{where}")
        if len(results) != count:
            raise _strange(source, f"{len(results)} results for {count} texts")
        found = {
            item["index"]: item.get(self.score)
            for item in results
            if isinstance(item.get("index"), int)
        }
        if found.keys() != set(range(count)):
            raise _strange(source, f"indexes that are not 0 to {count - 1}, each once")
        return finite_scores([found[index] for index in range(count)], count, source)


_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_MANY: Final = 1000

#: By the scheme of the URL that names it.
DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        # Cohere's v2, which also vLLM, LiteLLM, llama.cpp, Infinity, OpenVINO's model server
        # and most gateways speak. https://docs.cohere.com/reference/rerank
        "cohere": Dialect(
            texts="documents",
            all_of_them="top_n",
            extra=_NOTHING,
            results="results",
            score="relevance_score",
            batch=_MANY,
            needs_model=True,
            vendor=Vendor("Cohere", "https://api.cohere.com/v2", "COHERE_API_KEY"),
        ),
        # Cohere's shape, but it sends the texts back unless it is told not to.
        # https://jina.ai/reranker
        "jina": Dialect(
            texts="documents",
            all_of_them="top_n",
            extra=MappingProxyType({"return_documents": False}),
            results="results",
            score="relevance_score",
            batch=_MANY,
            needs_model=True,
            vendor=Vendor("Jina", "https://api.jina.ai/v1", "JINA_API_KEY"),
        ),
        # It refuses `top_n`. https://docs.voyageai.com/reference/reranker-api
        "voyage": Dialect(
            texts="documents",
            all_of_them="top_k",
            extra=MappingProxyType({"return_documents": False, "truncation": True}),
            results="data",
            score="relevance_score",
            batch=_MANY,
            needs_model=True,
            vendor=Vendor("Voyage", "https://api.voyageai.com/v1", "VOYAGE_API_KEY"),
        ),
        # Text Embeddings Inference: one server, one model; at most 32 texts as it is shipped;
        # a text too long for it is refused unless it may cut it. Scores are from 0 to 1 unless
        # raw ones are asked for. https://huggingface.github.io/text-embeddings-inference
        "tei": Dialect(
            texts="texts",
            all_of_them=None,
            extra=MappingProxyType({"raw_scores": False, "truncate": True}),
            results=None,
            score="score",
            batch=32,
            needs_model=False,
            vendor=None,
        ),
    }
)


def _strange(source: str, what: str) -> RerankerError:
    return RerankerError(
        f"{source} answered {what}; does it speak the shape that the URL's scheme names "
        f"({', '.join(DIALECTS)})?"
    )
