"""Searching: prefixes, filters, queries and lists of namespaces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import ListNamespacesOp, MatchCondition, PutOp
from langgraph.store.memory import InMemoryStore

from memkit import Memory
from memkit_langgraph import MemkitStore

NS = ("docs",)
DOCS: dict[str, dict[str, Any]] = {
    "int": {"n": 5, "s": "b", "t": True, "o": {"p": {"q": 1}, "r": "x"}, "l": [1, "a"]},
    "float": {"n": 5.0, "s": "B", "t": False, "o": {"p": {"q": 2}}, "l": [1]},
    "text": {"n": "5", "s": "c", "t": 1, "o": "p", "l": []},
    "none": {"n": None, "s": "10", "t": None},
    "big": {"n": 10**30, "s": "9", "o.r": "x"},
    "more": {"n": 2**53 + 1, "s": "", "it's \"); --": 1},
    "missing": {"long": "x" * 1000},
}


@pytest.fixture
def filled(store: MemkitStore) -> MemkitStore:
    for key, value in DOCS.items():
        store.put(NS, key, value)
    return store


@pytest.mark.parametrize(
    ("conditions", "keys"),
    [
        ({"n": 5}, {"int", "float"}),
        ({"n": 5.0}, {"int", "float"}),
        ({"n": "5"}, {"text"}),
        ({"n": None}, {"none", "missing"}),
        ({"n": {"$eq": None}}, {"none", "missing"}),
        ({"n": {"$ne": 5}}, {"text", "none", "big", "more", "missing"}),
        ({"n": {"$gt": 5}}, {"big", "more"}),
        ({"n": {"$gt": 2**53}}, {"big", "more"}),
        ({"n": {"$gt": 2**53 + 1}}, {"big"}),
        ({"n": {"$gte": 10**30}}, {"big"}),
        ({"n": 10**30}, {"big"}),
        ({"n": {"$gt": 4, "$lt": 6}}, {"int", "float"}),
        ({"n": {"$lt": float("inf")}}, {"int", "float", "big", "more"}),
        ({"n": float("nan")}, set()),
        ({"n": {"$gte": float("nan")}}, set()),
        ({"n": {"$gt": "4"}}, {"text"}),
        ({"s": {"$gt": "B"}}, {"int", "text"}),
        ({"s": {"$lte": "10"}}, {"none", "more"}),
        ({"s": {"$gt": 1}}, set()),
        ({"t": True}, {"int"}),
        ({"t": 1}, {"text"}),
        ({"t": {"$gt": 0}}, {"text"}),
        ({"o": {"p": {"q": 1}}}, {"int"}),
        ({"o": {"p": {"q": {"$gte": 1}}}}, {"int", "float"}),
        ({"o": {"$eq": "p"}}, {"text"}),
        ({"o.p.q": 2}, {"float"}),
        ({"o.r": "x"}, {"int", "big"}),
        ({"l": [1, "a"]}, {"int"}),
        ({"l": []}, {"text"}),
        ({"long": "x" * 1000}, {"missing"}),
        ({"it's \"); --": 1}, {"more"}),
        ({"') OR 1=1 --": 1}, set()),
        ({"s": "' OR '1'='1"}, set()),
        ({"s": "b", "n": 6}, set()),
        ({}, set(DOCS)),
    ],
)
def test_filters_compare_by_type(
    filled: MemkitStore, conditions: dict[str, Any], keys: set[str]
) -> None:
    assert {item.key for item in filled.search(NS, filter=conditions, limit=50)} == keys
    # The same beside a query, which finds all of them by meaning.
    asked = filled.search(NS, filter=conditions, query="n s t", limit=50)
    assert {item.key for item in asked} == keys


def test_prefixes_are_matched_label_by_label(store: MemkitStore) -> None:
    spread = [("a",), ("ab",), ("a", "b"), ("a", "bc"), ("A",), ("b", "a"), ("a", "b", "c")]
    for namespace in spread:
        store.put(namespace, "k", {"text": "tea"})
    for query in (None, "tea"):
        for prefix in [(), *spread, ("c",), ("a", "*")]:
            found = {item.namespace for item in store.search(prefix, query=query, limit=50)}
            assert found == {each for each in spread if each[: len(prefix)] == prefix}


def test_a_listing_goes_from_the_last_put_to_the_first_page_by_page(store: MemkitStore) -> None:
    for number in range(7):
        store.put(NS, f"k{number}", {"n": number, "even": number % 2 == 0})
    store.put(NS, "k3", {"n": 3})
    order = ["k3", "k6", "k5", "k4", "k2", "k1", "k0"]
    assert [item.key for item in store.search(NS)] == order
    assert [item.key for item in store.search(NS, limit=3, offset=2)] == order[2:5]
    assert [item.key for item in store.search(NS, limit=0)] == []
    assert [item.key for item in store.search(NS, offset=7)] == []
    chosen = store.search(NS, filter={"n": {"$ne": 5}}, limit=2, offset=1)
    assert [item.key for item in chosen] == ["k6", "k4"]
    assert all(item.score is None for item in store.search(NS, query="  "))


def test_a_query_is_answered_best_first_with_scores_and_pages(store: MemkitStore) -> None:
    store.put(NS, "tea", {"text": "green tea in the morning"})
    store.put(NS, "coffee", {"text": "coffee in the morning"})
    store.put(NS, "train", {"text": "the train to Basel leaves at nine"})
    found = store.search(NS, query="green tea")
    assert found[0].key == "tea"
    scores = [item.score for item in found if item.score is not None]
    assert scores[0] == 1.0
    assert all(score < 0.9 for score in scores[1:])
    pages = [store.search(NS, query="green tea", limit=1, offset=at) for at in range(len(found))]
    assert [page[0].key for page in pages] == [item.key for item in found]


def test_a_query_has_scores_without_an_embedder_too(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "words.db", embedder="none") as words:
        store = MemkitStore(words)
        store.put(NS, "tea", {"text": "Alice drinks green tea"})
        store.put(NS, "train", {"text": "the train to Basel"})
        for query in ("green tea", "drinking"):
            (item,) = store.search(NS, query=query)
            assert item.key == "tea"
            assert item.score is not None
            assert 0 < item.score <= 1


def test_what_is_indexed_is_what_a_query_finds(memory: Memory) -> None:
    store = MemkitStore(memory, index={"fields": ["title", "notes[*].text"]})
    value = {"title": "Apollo", "body": "zebra", "notes": [{"text": "launch"}, {"text": "budget"}]}
    store.put(NS, "default", value)
    store.put(NS, "chosen", value, index=["body"])
    store.put(NS, "never", value, index=False)
    store.put(NS, "lacking", {"body": "launch zebra"})

    def best(query: str) -> set[str]:
        return {item.key for item in store.search(NS, query=query) if item.score == 1.0}

    assert best("launch") == best("budget") == best("Apollo") == {"default"}
    assert best("zebra") == {"chosen"}
    assert {item.key for item in store.search(NS, query="apollo zebra")} == {"default", "chosen"}
    assert len(store.search(NS)) == 4
    assert store.get(NS, "never") is not None
    # An item that is put anew without an index is found by no query any more.
    store.put(NS, "default", value, index=False)
    assert best("launch") == set()
    assert not [hit for hit in memory.recall("launch") if "launch" in hit.content]


NAMESPACES = [
    ("a", "b", "c"),
    ("a", "b", "d", "e"),
    ("a", "b", "d", "i"),
    ("a", "b", "f"),
    ("a", "c", "f"),
    ("ab", "b"),
    ("f",),
    ("x", "*", "y"),
]
PATHS: list[tuple[str, ...]] = [
    (),
    ("a",),
    ("a", "b"),
    ("*", "b"),
    ("f",),
    ("*",),
    ("d", "*"),
    ("x", "*", "y", "z"),
]


def test_namespaces_are_listed_as_langgraphs_own_store_lists_them(store: MemkitStore) -> None:
    reference = InMemoryStore()
    for each in (store, reference):
        for namespace in NAMESPACES:
            each.put(namespace, "k", {"v": 1})
            each.put(namespace, "l", {"v": 1})
    for prefix in PATHS:
        for suffix in PATHS:
            conditions = (MatchCondition("prefix", prefix), MatchCondition("suffix", suffix))
            for depth in (None, 1, 2, 3):
                op = ListNamespacesOp(conditions, depth, 4, 1)
                assert store.batch([op]) == reference.batch([op])


def test_a_namespace_is_listed_while_it_has_items(store: MemkitStore) -> None:
    long = tuple(f"label {number}" for number in range(40))
    for namespace in (("short",), long):
        store.put(namespace, "k", {"v": 1})
    assert store.list_namespaces() == [long, ("short",)]
    store.delete(long, "k")
    assert store.list_namespaces() == [("short",)]


def test_a_filter_that_is_no_backends_is_exact_over_many_items(store: MemkitStore) -> None:
    store.batch(
        [PutOp(NS, f"k{n}", {"n": n, "o": {"m": n % 500}, "t": "tea"}) for n in range(1200)]
    )
    found = store.search(NS, query="tea", filter={"o.m": 7}, limit=10)
    assert {item.key for item in found} == {"k7", "k507", "k1007"}
    assert len(store.search(NS, filter={"n": {"$ne": 3}}, limit=2000)) == 1199
    assert len(store.search(NS, limit=2000, offset=1100)) == 100
