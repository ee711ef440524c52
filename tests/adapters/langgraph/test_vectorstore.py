"""The vector store and the embeddings beyond LangChain's own suites."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from memkit import Memory
from memkit.errors import (
    ConfigurationError,
    EmbedderError,
    EmbedderUnavailable,
    InvalidFilter,
    InvalidInput,
)
from memkit.filters import Eq
from memkit.testing.embedders import ToyEmbedder
from memkit_langgraph import LangChainEmbedder, MemkitEmbeddings, MemkitVectorStore

SEA = ["whales sing", "whales sing loudly", "sharks bite", "crabs walk sideways"]


def _texts(documents: list[Document]) -> list[str]:
    return [document.page_content for document in documents]


@pytest.fixture
def store(memory: Memory) -> MemkitVectorStore:
    made = MemkitVectorStore(memory.at(namespace="acme", project="sea"))
    made.add_texts(
        SEA,
        [{"page": number, "topic": text.split()[0]} for number, text in enumerate(SEA)],
        ids=[f"d{number}" for number in range(4)],
    )
    return made


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"topic": "whales"}, {0, 1}),
        ({"topic": ["sharks", "crabs"]}, {2, 3}),
        ({"page": {"$gte": 1, "$lt": 3}}, {1, 2}),
        ({"page": {"$ne": 0}, "topic": "whales"}, {1}),
        ({"topic": {"$nin": ["whales"]}}, {2, 3}),
        ({"$or": [{"page": 0}, {"topic": {"$in": ["crabs"]}}]}, {0, 3}),
        ({"$and": [{"topic": "whales"}, {"$not": {"page": 0}}]}, {1}),
        ({"absent": None}, {0, 1, 2, 3}),
        ({"page": {"$exists": False}}, set()),
        ({"page": "1"}, set()),
        (Eq("metadata.page", 2), {2}),
        (None, {0, 1, 2, 3}),
    ],
)
def test_filters_choose_by_metadata(
    store: MemkitVectorStore, condition: Any, expected: set[int]
) -> None:
    found = store.similarity_search("whales", k=10, filter=condition)
    assert {document.metadata["page"] for document in found} == expected


@pytest.mark.parametrize("wrong", [{"page": {"$near": 1}}, {"$nor": []}, lambda document: True])
def test_a_filter_that_is_none_is_refused(store: MemkitVectorStore, wrong: Any) -> None:
    with pytest.raises(InvalidFilter):
        store.similarity_search("whales", filter=wrong)


async def test_scores_are_cosines_and_relevance_lies_between_0_and_1(
    store: MemkitVectorStore,
) -> None:
    found = store.similarity_search_with_score("whales sing", k=4)
    vectors = ToyEmbedder().embed(["whales sing", *[each.page_content for each, _ in found]])
    cosines = [float(row @ vectors[0]) for row in vectors[1:]]
    assert [score for _, score in found] == pytest.approx(cosines, abs=1e-5)
    assert cosines == sorted(cosines, reverse=True)
    assert await store.asimilarity_search_with_score("whales sing", k=4) == found
    relevant = store.similarity_search_with_relevance_scores("whales sing", k=4)
    assert all(0 <= score <= 1 for _, score in relevant)
    retriever = store.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.99}
    )
    assert _texts(retriever.invoke("whales sing")) == ["whales sing"]


async def test_a_vector_finds_what_is_near_it(store: MemkitVectorStore) -> None:
    vector = ToyEmbedder().embed(["sharks bite"])[0].tolist()
    assert _texts(store.similarity_search_by_vector(vector, k=1)) == ["sharks bite"]
    assert _texts(await store.asimilarity_search_by_vector(vector, k=1)) == ["sharks bite"]


async def test_marginal_relevance_avoids_repetition(tmp_path: Path, memory: Memory) -> None:
    embedding = MemkitEmbeddings(ToyEmbedder())
    store = MemkitVectorStore.from_texts(SEA, embedding, memory=tmp_path / "sea.db")
    plain = _texts(store.similarity_search("whales sing", k=2))
    assert plain == ["whales sing", "whales sing loudly"]
    mixed = _texts(store.max_marginal_relevance_search("whales sing", k=2, lambda_mult=0.1))
    assert mixed[0] == "whales sing"
    assert mixed[1] != "whales sing loudly"
    assert mixed == _texts(
        await store.amax_marginal_relevance_search("whales sing", k=2, lambda_mult=0.1)
    )
    assert store.max_marginal_relevance_search("whales", filter={"absent": 1}) == []
    store.close()
    with pytest.raises(ConfigurationError, match="embedding="):
        MemkitVectorStore(memory).max_marginal_relevance_search("whales")


async def test_vectors_may_come_from_the_callers_embeddings_alone(tmp_path: Path) -> None:
    embedding = DeterministicFakeEmbedding(size=12)
    with Memory.open(tmp_path / "given.db", embedder="given:fake?dimensions=12") as memory:
        store = await MemkitVectorStore.afrom_texts(SEA, embedding, memory=memory)
        assert _texts(store.similarity_search("sharks bite", k=1)) == ["sharks bite"]
        assert store.embeddings is embedding
        ((_, score),) = store.similarity_search_with_score("sharks bite", k=1)
        assert score == pytest.approx(1.0, abs=1e-5)
        with pytest.raises(InvalidInput, match="namespace"):
            MemkitVectorStore(memory, embedding, namespace="acme")


def test_only_its_own_documents_in_its_own_place_are_found(memory: Memory) -> None:
    scope = memory.at(namespace="acme", project="sea")
    scope.remember("whales sing, somebody noted")
    store = MemkitVectorStore(scope)
    store.add_texts(["whales dive"], ids=["d1"])
    MemkitVectorStore(memory.at(namespace="acme")).add_texts(["whales sing above"], ids=["d1"])
    MemkitVectorStore(memory.at(namespace="acme-corp", project="sea")).add_texts(
        ["whales sing elsewhere"], ids=["d1"]
    )
    assert _texts(store.similarity_search("whales sing", k=10)) == ["whales dive"]
    assert _texts(store.get_by_ids(["d1"])) == ["whales dive"]
    # As memories they are recalled like any other.
    assert "whales dive" in [hit.content for hit in scope.recall("whales")]


async def test_everything_can_be_deleted_and_the_rest_of_the_memory_stays(
    memory: Memory,
) -> None:
    memory.remember("whales sing, somebody noted")
    store = MemkitVectorStore(memory)
    store.add_texts(SEA)
    assert store.delete() is True
    store.add_texts(SEA, ids=["a", "b", "c", "d"])
    assert await store.adelete(["a", "a", "nowhere", ""]) is True
    assert len(store.get_by_ids(["a", "b", "c", "d"])) == 3
    assert await store.adelete() is True
    assert memory.count() == 1


def test_what_cannot_be_kept_is_refused(store: MemkitVectorStore) -> None:
    for texts, more in (
        (["a", "b"], {"ids": ["1"]}),
        (["a"], {"metadatas": [{}, {}]}),
        ([" "], {}),
        (["a"], {"ids": ["x" * 901]}),
        (["a"], {"metadatas": [{"held": object()}]}),
    ):
        with pytest.raises(InvalidInput):
            store.add_texts(texts, **more)
    for k in (0, -1, 1001):
        with pytest.raises(InvalidInput, match="k"):
            store.similarity_search("whales", k=k)
    assert store.add_texts([]) == []
    assert len(store.similarity_search("whales", k=10)) == 4


def test_eight_threads_replace_the_same_documents(memory: Memory) -> None:
    store = MemkitVectorStore(memory)

    def write(number: int) -> None:
        for turn in range(5):
            store.add_texts([f"text {turn} by {number}"], [{"by": number}], ids=[f"d{turn}"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    held = store.get_by_ids([f"d{turn}" for turn in range(5)])
    assert len(held) == len(store.similarity_search("text", k=100)) == 5
    for document in held:
        assert document.page_content.endswith(f"by {document.metadata['by']}")


class _Odd(Embeddings):
    """Embeddings that answer with what they are told to."""

    model = "odd-1"

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def embed_documents(self, texts: list[str]) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def embed_query(self, text: str) -> Any:
        return self.embed_documents([text])[0]


def test_langchain_embeddings_embed_for_a_memory(tmp_path: Path) -> None:
    embedder = LangChainEmbedder(DeterministicFakeEmbedding(size=8))
    with Memory.open(tmp_path / "memory.db", embedder=embedder) as memory:
        memory.remember_many(["whales sing", "sharks bite"])
        (hit, *_) = memory.recall("sharks bite", mode="dense")
        assert hit.content == "sharks bite"
        assert memory.status().embedder is not None
    assert embedder.fingerprint.dimension == 8
    assert embedder.fingerprint.model == "langchain:DeterministicFakeEmbedding"
    assert LangChainEmbedder(_Odd([])).fingerprint.model == "langchain:_Odd:odd-1"
    rows = embedder.embed(["a", "b"])
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1])
    assert embedder.embed([]).shape == (0, 8)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (RuntimeError("no such host"), EmbedderUnavailable),
        ([[1.0, 2.0], [1.0]], EmbedderError),
        ([[0.0, 0.0]], EmbedderError),
        ([[float("nan"), 1.0]], EmbedderError),
        ([[1.0], [2.0]], EmbedderError),
    ],
)
def test_embeddings_that_fail_are_told(answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="odd-1"):
        LangChainEmbedder(_Odd(answer)).embed(["text"])


def test_words_answer_while_the_embeddings_are_down(tmp_path: Path) -> None:
    embeddings = _Odd(RuntimeError("no such host"))
    with MemkitVectorStore.from_texts([], embeddings, memory=tmp_path / "down.db") as store:
        store.add_texts(SEA)
        assert _texts(store.similarity_search("sharks", k=2)) == ["sharks bite"]


async def test_memkits_embedders_embed_for_langchain() -> None:
    embeddings = MemkitEmbeddings(ToyEmbedder())
    assert await embeddings.aembed_query("whales") == embeddings.embed_query("whales")
    assert await embeddings.aembed_documents(["a", "b"]) == embeddings.embed_documents(["a", "b"])
    with pytest.raises(ConfigurationError):
        MemkitEmbeddings("none")
