"""MemkitVectorStore serves LlamaIndex's indexes, and finds what its own store would find."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import Document, MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.schema import (
    ImageNode,
    IndexNode,
    MediaResource,
    Node,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores.types import (
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

import memkit
from memkit import errors
from memkit.testing.embedders import FailingEmbedder, ToyEmbedder
from memkit_llamaindex import MemkitEmbedding, MemkitVectorStore

TEXTS = {
    "pears": "pears are green and sweet",
    "plums": "plums are blue and sweet",
    "grass": "grass is green",
    "rails": "trains run on rails",
}


def node(name: str, document: str | None = None, **metadata: object) -> TextNode:
    made = TextNode(id_=name, text=TEXTS.get(name, name), metadata=metadata)
    if document is not None:
        made.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=document)
    return made


def embedded(*nodes: TextNode) -> list[TextNode]:
    vectors = ToyEmbedder().embed([each.text for each in nodes])
    for each, vector in zip(nodes, vectors, strict=True):
        each.embedding = vector.tolist()
    return list(nodes)


def asking(text: str, **more: object) -> VectorStoreQuery:
    vector = ToyEmbedder().embed([text], "query")[0].tolist()
    values: dict[str, Any] = {
        "similarity_top_k": 4,
        "query_str": text,
        "query_embedding": vector,
        **more,
    }
    return VectorStoreQuery(**values)


@pytest.fixture
def store(memory: memkit.Memory) -> MemkitVectorStore:
    made = MemkitVectorStore(memory.at(project="fruit"))
    made.add(
        embedded(
            node("pears", "d1", colour="green", price=3, kinds=["fruit", "food"]),
            node("plums", "d1", colour="blue", price=2.5, kinds=["fruit"]),
            node("grass", "d2", colour="green", kinds=[]),
            node("rails", colour=""),
        )
    )
    return made


def test_nodes_come_back_as_they_went_in(memory: memkit.Memory) -> None:
    nodes = [
        TextNode(
            id_="a",
            text="  white space \n",
            metadata={"n": 1, "deep": {"x": [1, None]}, "none": None, "doc_id": "mine", "e": ""},
            relationships={
                NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d", metadata={"k": "v"}),
                NodeRelationship.NEXT: RelatedNodeInfo(node_id="b"),
            },
            excluded_llm_metadata_keys=["n"],
            start_char_idx=3,
            metadata_template="{key}={value}",
        ),
        TextNode(id_="empty", text=""),
        TextNode(id_="odd", text="a\x00b"),
        IndexNode(id_="index", text="see there", index_id="other"),
        ImageNode(id_="image", image="aGVsbG8=", metadata={"of": "a cat"}),
        Node(id_="media", text_resource=MediaResource(text="several media")),
    ]
    store = MemkitVectorStore(memory)
    assert store.add(nodes) == ["a", "empty", "odd", "index", "image", "media"]
    got = store.get_nodes(["media", "a", "missing", "empty", "odd", "index", "image"])
    order = [nodes[5], *nodes[:5]]
    assert [each.model_dump() for each in got] == [each.model_dump() for each in order]
    assert [type(each) for each in got] == [type(each) for each in order]


def test_a_query_ranks_by_cosine(store: MemkitVectorStore) -> None:
    found = store.query(asking("green pears"))
    assert found.ids is not None
    assert found.similarities is not None
    assert found.ids[0] == "pears"
    assert found.similarities == sorted(found.similarities, reverse=True)
    asked = ToyEmbedder().embed(["green pears"])[0]
    for id_, similarity in zip(found.ids, found.similarities, strict=True):
        assert math.isclose(
            similarity, float(asked @ ToyEmbedder().embed([TEXTS[id_]])[0]), abs_tol=1e-3
        )
    assert store.query(asking("green pears", similarity_top_k=1)).ids == ["pears"]
    assert store.query(asking("x", similarity_top_k=0)).ids == []


@pytest.mark.parametrize("mode", ["text_search", "sparse"])
def test_words_alone_are_matched(store: MemkitVectorStore, mode: str) -> None:
    query = VectorStoreQuery(
        query_str="rails", mode=VectorStoreQueryMode(mode), similarity_top_k=3, sparse_top_k=3
    )
    found = store.query(query)
    assert found.ids == ["rails"]
    assert found.similarities is not None
    assert 0 < found.similarities[0] <= 1


def test_hybrid_goes_by_both_and_alpha_weighs_them(store: MemkitVectorStore) -> None:
    # Its words are of one node, its vector is of another.
    vector = ToyEmbedder().embed([TEXTS["plums"]])[0].tolist()

    def first(alpha: float | None) -> str:
        query = asking("rails", query_embedding=vector, alpha=alpha)
        query.mode = VectorStoreQueryMode.HYBRID
        ids = store.query(query).ids
        assert ids is not None
        return ids[0]

    assert first(1.0) == "plums"
    assert first(0.0) == "rails"
    assert first(None) in {"plums", "rails"}
    one = asking("rails", mode=VectorStoreQueryMode.HYBRID, hybrid_top_k=1)
    assert len(store.query(one).ids or []) == 1


def test_mmr_prefers_what_is_not_said_yet(memory: memkit.Memory) -> None:
    store = MemkitVectorStore(memory)
    names = ["green pears today", "green pears today!", "green pears and old rails"]
    store.add(embedded(*(node(name) for name in names)))
    alike = asking("green pears today", similarity_top_k=2)
    assert set(store.query(alike).ids or []) == set(names[:2])
    varied = asking("green pears today", similarity_top_k=2, mode=VectorStoreQueryMode.MMR)
    varied.mmr_threshold = 0.3
    assert names[2] in (store.query(varied).ids or [])
    assert set(store.query(varied, mmr_threshold=1.0).ids or []) != set()


def test_a_query_keeps_to_nodes_and_documents(store: MemkitVectorStore) -> None:
    assert set(store.query(asking("green", node_ids=["plums", "grass", "x"])).ids or []) == {
        "plums",
        "grass",
    }
    assert set(store.query(asking("green", doc_ids=["d1"])).ids or []) == {"pears", "plums"}
    both = asking("green", doc_ids=["d1"], node_ids=["grass", "plums"])
    assert store.query(both).ids == ["plums"]
    green = MetadataFilters(filters=[MetadataFilter(key="colour", value="green")])
    assert store.query(asking("sweet", doc_ids=["d1"], filters=green)).ids == ["pears"]


@pytest.mark.parametrize("mode", ["svm", "logistic_regression", "semantic_hybrid"])
def test_other_modes_are_refused(store: MemkitVectorStore, mode: str) -> None:
    with pytest.raises(errors.InvalidInput, match="it has default, mmr, hybrid"):
        store.query(asking("green", mode=VectorStoreQueryMode(mode)))


def test_a_query_without_what_its_mode_needs_is_refused(store: MemkitVectorStore) -> None:
    with pytest.raises(errors.InvalidInput, match="neither an embedding nor words"):
        store.query(VectorStoreQuery())
    with pytest.raises(errors.InvalidInput, match="no words"):
        store.query(asking("", mode=VectorStoreQueryMode.TEXT_SEARCH))
    with pytest.raises(errors.InvalidInput):
        store.query(VectorStoreQuery(query_embedding=[1.0, 0.0]))
    # The memory embeds words by itself.
    assert store.query(VectorStoreQuery(query_str="rails")).ids == ["rails"]


def test_adding_a_node_again_replaces_it(store: MemkitVectorStore) -> None:
    again = node("pears", "d3")
    again.text = "apples are red"
    assert store.add(embedded(again)) == ["pears"]
    assert len(store.get_nodes()) == 4
    (got,) = store.get_nodes(["pears"])
    assert got.get_content() == "apples are red"
    assert got.metadata == {}
    assert store.query(asking("red apples", similarity_top_k=1)).ids == ["pears"]


def test_nodes_are_deleted_by_document_by_id_and_by_filter(store: MemkitVectorStore) -> None:
    store.delete("d2")
    store.delete("no such document")
    assert {each.node_id for each in store.get_nodes()} == {"pears", "plums", "rails"}
    green = MetadataFilters(filters=[MetadataFilter(key="colour", value="green")])
    store.delete_nodes(["plums", "pears", "x"], green)
    assert {each.node_id for each in store.get_nodes()} == {"plums", "rails"}
    store.delete_nodes(["rails"])
    store.delete_nodes([])
    assert [each.node_id for each in store.get_nodes()] == ["plums"]
    with pytest.raises(errors.InvalidInput, match="clear"):
        store.delete_nodes()


def test_clearing_leaves_other_memories(memory: memkit.Memory) -> None:
    note = memory.remember("pears are green")
    store = MemkitVectorStore(memory)
    store.add(embedded(node("pears")))
    assert store.query(asking("pears")).ids == ["pears"]
    store.clear()
    assert store.get_nodes() == []
    assert [record.id for record in memory.list()] == [note.id]


def test_forgotten_nodes_can_be_restored(memory: memkit.Memory) -> None:
    store = MemkitVectorStore(memory, forget=True)
    store.add(embedded(node("pears")))
    store.clear()
    assert store.query(asking("pears")).ids == []
    memory.restore(memory.id_of("llamaindex:node:pears"))
    assert store.query(asking("pears")).ids == ["pears"]


async def test_the_awaiting_methods_do_the_same(handle: memkit.Memory) -> None:
    store = MemkitVectorStore(handle)
    assert await store.async_add(embedded(node("pears", "d1"), node("rails", "d2"))) == [
        "pears",
        "rails",
    ]
    assert (await store.aquery(asking("pears", similarity_top_k=1))).ids == ["pears"]
    assert len(await store.aget_nodes()) == 2
    await store.adelete("d1")
    await store.adelete_nodes(["pears"])
    assert [each.node_id for each in await store.aget_nodes()] == ["rails"]
    # Blocking calls, where a loop runs.
    assert store.query(asking("rails")).ids == ["rails"]
    await store.aclear()
    assert store.get_nodes() == []
    assert await store.async_add([]) == []


def test_tenants_and_projects_see_nothing_of_each_other(memory: memkit.Memory) -> None:
    acme = MemkitVectorStore(memory.at(namespace="acme", project="p"))
    acme.add(embedded(node("pears", "d1")))
    for handle in (
        memory.at(namespace="acme-corp", project="p"),
        memory.at(namespace="acme", project="p2"),
        memory.at(namespace="acme"),
    ):
        other = MemkitVectorStore(handle)
        assert other.query(asking("pears")).ids == []
        assert other.get_nodes(["pears"]) == []
        other.delete("d1")
        other.delete_nodes(["pears"])
        other.clear()
        other.add(embedded(node("rails")))
    assert [each.node_id for each in acme.get_nodes()] == ["pears"]


def test_an_embedding_of_another_length_is_refused(memory: memkit.Memory) -> None:
    store = MemkitVectorStore(memory)
    wrong = node("pears")
    wrong.embedding = [0.5] * 3
    with pytest.raises(errors.InvalidInput):
        store.add([*embedded(node("rails")), wrong])
    assert store.get_nodes() == []


def test_vectors_of_another_model_are_kept_as_given(tmp_path: Path) -> None:
    embedding = MockEmbedding(embed_dim=8)
    with memkit.Memory.open(tmp_path / "m.db", embedder="given:mock?dimensions=8") as memory:
        store = MemkitVectorStore(memory)
        index = VectorStoreIndex.from_documents(
            [Document(text="pears are green", id_="d")],
            storage_context=StorageContext.from_defaults(vector_store=store),
            embed_model=embedding,
        )
        (hit,) = index.as_retriever().retrieve("anything")
        assert hit.text == "pears are green"
        assert math.isclose(hit.score or 0, 1.0, abs_tol=1e-3)
        with pytest.raises(errors.EmbedderUnavailable, match="text_search"):
            store.query(VectorStoreQuery(query_str="pears"))
        with pytest.raises(errors.ConfigurationError, match="no embedder to lend"):
            MemkitEmbedding(memory)


async def test_an_index_is_made_extended_and_read_again(handle: memkit.Memory) -> None:
    embedding = MemkitEmbedding(handle)
    store = MemkitVectorStore(handle)
    documents = [
        Document(text=text, id_=f"d-{name}", metadata={"name": name})
        for name, text in TEXTS.items()
    ]
    VectorStoreIndex.from_documents(
        documents[:2],
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=embedding,
    )
    index = VectorStoreIndex.from_vector_store(store, embed_model=embedding)
    for document in documents[2:]:
        await index.ainsert(document)
    for mode in ("default", "hybrid", "text_search", "mmr"):
        retriever = index.as_retriever(vector_store_query_mode=mode, similarity_top_k=1)
        (hit,) = retriever.retrieve("trains on rails")
        assert hit.metadata == {"name": "rails"}
        assert [each.node_id for each in await retriever.aretrieve("trains on rails")] == [
            hit.node_id
        ]
    filters = MetadataFilters(filters=[MetadataFilter(key="name", value="grass")])
    (only,) = index.as_retriever(filters=filters).retrieve("pears")
    assert only.node.ref_doc_id == "d-grass"
    index.delete_ref_doc("d-grass")
    await index.adelete_ref_doc("d-rails")
    assert {each.metadata["name"] for each in store.get_nodes()} == {"pears", "plums"}
    index.delete_nodes([each.node_id for each in store.get_nodes()])
    assert store.get_nodes() == []


async def test_the_memorys_own_embedder_is_lent(memory: memkit.Memory) -> None:
    embedding = MemkitEmbedding(memory)
    assert embedding.model_name == "toy"
    own = ToyEmbedder().embed(["a cat"])[0].tolist()
    assert embedding.get_text_embedding("a cat") == own
    assert await embedding.aget_query_embedding("a cat") == own
    assert await embedding.aget_text_embedding_batch(["a cat"] * 3) == [own] * 3
    assert embedding.get_text_embedding_batch(["a cat"]) == [own]


def test_an_embedder_that_is_down_is_an_error(tmp_path: Path) -> None:
    with memkit.Memory.open(tmp_path / "m.db", embedder=FailingEmbedder()) as memory:
        with pytest.raises(errors.EmbedderUnavailable):
            MemkitEmbedding(memory).get_text_embedding("a cat")
        store = MemkitVectorStore(memory)
        store.add([node("rails")])
        with pytest.raises(errors.EmbedderUnavailable):
            store.query(VectorStoreQuery(query_str="rails"))
        words = VectorStoreQuery(query_str="rails", mode=VectorStoreQueryMode.TEXT_SEARCH)
        assert store.query(words).ids == ["rails"]


def test_eight_threads_add_and_ask_at_once(memory: memkit.Memory) -> None:
    store = MemkitVectorStore(memory)

    def work(writer: int) -> None:
        for at in range(5):
            store.add(embedded(node(f"node {writer} {at}", f"d{writer}"), node("shared")))
            assert store.query(asking(f"node {writer} {at}", similarity_top_k=3)).ids
        if writer % 2:
            store.delete(f"d{writer}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    names = {each.node_id for each in store.get_nodes()}
    assert names == {f"node {w} {at}" for w in range(0, 8, 2) for at in range(5)} | {"shared"}
    assert len(asyncio.run(store.aget_nodes())) == 21
