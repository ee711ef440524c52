"""A real HTTP server that speaks ``/rerank``, rightly or wrongly as told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.unit.embedding.endpoint import Answer, Endpoint


def overlap(query: str, texts: Sequence[str]) -> list[float]:
    """How many of the query's words each text holds, as a share."""
    words = set(query.lower().split())
    return [len(words & set(text.lower().split())) / len(words) for text in texts]


def sent(request: dict[str, Any]) -> list[str]:
    texts: list[str] = request.get("documents") or request["texts"]
    return texts


class RerankEndpoint(Endpoint):
    """Answers with the overlap of words, the best first, as the services do."""

    # Which shape it speaks.
    results: str | None = "results"
    score = "relevance_score"

    def usual(self, request: dict[str, Any]) -> Answer:
        return self.answering(overlap(request["query"], sent(request)))

    def answering(self, scores: Sequence[float]) -> Answer:
        items = [{"index": index, self.score: score} for index, score in enumerate(scores)]
        items.sort(key=lambda item: -item[self.score])
        return Answer.of({self.results: items, "meta": {}} if self.results else items)
