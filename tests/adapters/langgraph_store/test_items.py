"""Items: what is put comes back, and nothing else is touched."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import GetOp, InvalidNamespaceError, ListNamespacesOp, PutOp, SearchOp

from memkit import Memory
from memkit.errors import ConfigurationError, InvalidInput, StoreReadOnly
from memkit.testing.embedders import ToyEmbedder
from memkit_langgraph import MemkitStore

NS = ("users", "alice")

VALUES: dict[str, dict[str, Any]] = {
    "empty": {},
    "numbers": {
        "int": 1,
        "float": 1.0,
        "minus": -0.0,
        "big": 10**40,
        "tiny": 5e-324,
        "inf": math.inf,
    },
    "truths": {"yes": True, "no": False, "none": None},
    "nested": {"a": {"b": [{"c": [[], {}, [None]]}]}, "": {"": ""}},
    "texts": {
        "emoji": "👩‍🔬 🇨🇭",
        "nul": "a\x00b",
        "lone": "\ud800",
        "e\u0301": "é",
        "\\": "\\u0000",
    },
    "keys": {"a.b": 1, "$gt": 2, "langgraph.key": "x", "k" * 5000: 3, "q'\"": 4},
    "deep": {"a": [[[[[[[[[[[[[[[[[[[["deep"]]]]]]]]]]]]]]]]]]]]},
}


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemkitStore]:
    url = str(tmp_path / "memory.db")
    if request.param == "postgresql":
        from tests.engines.postgres import database_at

        url = database_at(tmp_path)
    with Memory.open(url, embedder=ToyEmbedder()) as memory:
        yield MemkitStore(memory)


def test_every_json_value_comes_back_as_it_was(any_store: MemkitStore) -> None:
    for key, value in VALUES.items():
        any_store.put(NS, key, value)
    for key, value in VALUES.items():
        item = any_store.get(NS, key)
        assert item is not None
        assert item.value == value
        assert repr(item.value) == repr(value)
    assert {item.key for item in any_store.search(NS, limit=50)} == set(VALUES)


def test_every_namespace_and_key_comes_back_as_it_was(any_store: MemkitStore) -> None:
    namespaces = [
        ("a",),
        ("a", "b"),
        ("a/b",),
        ("A",),
        ("a ",),
        ("a\n",),
        ("\\0000", "*"),
        ("\ud800",),
        ("e\u0301",),
        ("\u00e9",),
        tuple("abcdefghijklmnopqrstuvwxyz"),
        ("x" * 3000, "👩‍🔬"),
    ]
    keys = ["k", "", "K", " k", "a\x00b", "\ud800", "k" * 5000, "a.b/c"]
    for namespace in namespaces:
        for key in keys:
            any_store.put(namespace, key, {"at": [*namespace, key]}, index=False)
    for namespace in namespaces:
        for key in keys:
            item = any_store.get(namespace, key)
            assert item is not None
            assert (item.namespace, item.key) == (namespace, key)
            assert item.value == {"at": [*namespace, key]}
    assert any_store.list_namespaces() == sorted(namespaces)
    found = any_store.search(("x" * 3000,), limit=100)
    assert {(item.namespace, item.key) for item in found} == {(namespaces[-1], key) for key in keys}


def test_an_update_keeps_the_time_of_creation(store: MemkitStore) -> None:
    store.put(NS, "k", {"v": 1})
    first = store.get(NS, "k")
    store.put(NS, "k", {"w": 2})
    second = store.get(NS, "k")
    assert first is not None
    assert second is not None
    assert second.value == {"w": 2}
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at
    assert isinstance(second.updated_at, datetime)


def test_a_batch_reads_what_was_before_and_the_last_put_stays(store: MemkitStore) -> None:
    store.put(NS, "k", {"v": 0})
    store.put(NS, "gone", {"v": 0})
    results = store.batch(
        iter(
            [
                PutOp(NS, "k", {"v": 1}),
                GetOp(NS, "k"),
                PutOp(NS, "gone", None),
                SearchOp(("users",), limit=5),
                PutOp(NS, "k", {"v": 2}),
                GetOp(NS, "gone"),
                ListNamespacesOp(),
                PutOp(("new",), "k", {"v": 3}),
                PutOp(NS, "unborn", {"v": 4}),
                PutOp(NS, "unborn", None),
                GetOp(("new",), "k"),
            ]
        )
    )
    assert [results[at] for at in (0, 2, 4, 7, 8, 9, 10)] == [None] * 7
    assert results[1].value == {"v": 0}  # type: ignore[union-attr]
    assert {item.key for item in results[3]} == {"k", "gone"}  # type: ignore[union-attr]
    assert results[5].value == {"v": 0}  # type: ignore[union-attr]
    assert results[6] == [NS]
    after = store.batch(
        [GetOp(NS, "k"), GetOp(NS, "gone"), GetOp(("new",), "k"), GetOp(NS, "unborn")]
    )
    assert [None if item is None else item.value for item in after] == [  # type: ignore[union-attr]
        {"v": 2},
        None,
        {"v": 3},
        None,
    ]


@pytest.mark.parametrize(
    "bad",
    [
        PutOp(NS, "k", {"v": object()}),
        PutOp(NS, "k", {"v": {1: "a"}}),
        PutOp(NS, "k", ["v"]),  # type: ignore[arg-type]
        PutOp(NS, "k", {"v": 1}, index="v"),  # type: ignore[arg-type]
        PutOp(NS, "k", {"v": 1}, ttl=-1),
        PutOp(NS, "k", {"v": 1}, ttl="soon"),  # type: ignore[arg-type]
        SearchOp(NS, filter={"v": {"$in": [1]}}),
        SearchOp(NS, limit=-1),
        SearchOp(NS, query=7),  # type: ignore[arg-type]
        "put",
    ],
)
def test_a_batch_that_cannot_be_accepted_writes_nothing(store: MemkitStore, bad: Any) -> None:
    with pytest.raises(InvalidInput):
        store.batch([PutOp(NS, "before", {"v": 1}), bad, PutOp(NS, "after", {"v": 1})])
    assert store.search(()) == []


def test_labels_are_checked_in_batches_too(store: MemkitStore) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.batch([PutOp(("a.b",), "k", {"v": 1})])


def test_a_value_of_a_megabyte_fails_typed_and_works_where_it_is_allowed(tmp_path: Path) -> None:
    value = {"title": "short", "body": "0123456789abcdef" * 65_536}
    with Memory.open(tmp_path / "small.db", embedder=ToyEmbedder()) as memory:
        with pytest.raises(InvalidInput, match="max_metadata_bytes"):
            MemkitStore(memory).put(NS, "k", value, index=["title"])
        assert MemkitStore(memory).get(NS, "k") is None
    with Memory.open(
        tmp_path / "large.db", embedder=ToyEmbedder(), max_metadata_bytes=2_000_000
    ) as memory:
        store = MemkitStore(memory)
        store.put(NS, "k", value, index=["title"])
        item = store.get(NS, "k")
        assert item is not None
        assert item.value == value


def test_items_end_when_their_time_is_over(memory: Memory) -> None:
    store = MemkitStore(memory, ttl={"default_ttl": 0.001 / 60})
    store.put(NS, "soon over", {"text": "green tea"})
    store.put(NS, "kept", {"text": "black tea"}, ttl=None)
    store.put(NS, "long", {"text": "white tea"}, ttl=60)
    time.sleep(0.01)
    assert store.get(NS, "soon over") is None
    assert {item.key for item in store.search(())} == {"kept", "long"}
    assert {item.key for item in store.search((), query="green tea")} == {"kept", "long"}
    assert not [hit for hit in memory.recall("green tea") if "green" in hit.content]
    store.put(("other",), "soon over", {"text": "green tea"})
    time.sleep(0.01)
    assert store.list_namespaces() == [NS]
    store.delete(NS, "soon over")
    store.put(NS, "soon over", {"text": "again"}, ttl=None)
    again = store.get(NS, "soon over")
    assert again is not None
    assert again.value == {"text": "again"}


@pytest.mark.parametrize("refresh_on_read", [True, False])
def test_reading_lets_an_item_live_longer_unless_told_otherwise(
    memory: Memory, refresh_on_read: bool
) -> None:
    store = MemkitStore(memory, ttl={"default_ttl": 10, "refresh_on_read": refresh_on_read})
    store.put(NS, "k", {"text": "green tea"})
    put = store.get(NS, "k", refresh_ttl=False)
    assert put is not None

    def end() -> datetime:
        (record,) = memory.list()
        assert record.expires_at is not None
        return record.expires_at

    ends = [end()]
    assert ends[0] - put.created_at == timedelta(minutes=10)
    for read in (
        lambda **how: store.get(NS, "k", **how),
        lambda **how: store.search(NS, **how),
        lambda **how: store.search(NS, query="tea", **how),
    ):
        for how, longer in (({}, refresh_on_read), ({"refresh_ttl": True}, True)):
            assert read(**how)
            assert (end() > ends[-1]) == longer
            ends.append(end())
        read(refresh_ttl=False)
        assert end() == ends[-1]
    # That it was read changes nothing else.
    now = store.get(NS, "k", refresh_ttl=False)
    assert now is not None
    assert (now.value, now.created_at, now.updated_at) == (
        put.value,
        put.created_at,
        put.updated_at,
    )
    store.put(NS, "k", {"text": "black tea"}, ttl=None)
    (record,) = memory.list()
    assert record.expires_at is None


def test_a_store_that_is_only_read_gives_its_items(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory.db", embedder=ToyEmbedder()) as memory:
        MemkitStore(memory).put(NS, "k", {"text": "green tea"}, ttl=10)
    with Memory.open(tmp_path / "memory.db", embedder=ToyEmbedder(), read_only=True) as memory:
        store = MemkitStore(memory)
        assert store.get(NS, "k") is not None
        assert len(store.search(NS)) == len(store.search(NS, query="tea")) == 1
        with pytest.raises(StoreReadOnly):
            store.put(NS, "k", {"text": "black tea"})


def test_an_item_is_a_memory_and_other_memories_are_left_alone(memory: Memory) -> None:
    place = memory.at(namespace="acme", project="apollo")
    store = MemkitStore(place)
    own = place.remember("Alice likes Earl Grey tea", ttl=3600)
    place.at(task="launch").remember("Alice likes tea at the launch")
    place.put("k", "a memory of this key")
    store.put(NS, "k", {"text": "Alice likes green tea"})
    assert {hit.content for hit in place.recall("green tea")} >= {"Alice likes green tea"}

    assert [item.key for item in store.search((), query="tea")] == ["k"]
    assert [item.key for item in store.search(())] == ["k"]
    assert store.list_namespaces() == [NS]
    store.delete(NS, "k")
    store.delete((), "k")
    assert store.search(()) == []
    assert place.get(own.id).content == "Alice likes Earl Grey tea"
    assert place.count() == 2
    assert not [hit for hit in place.recall("green tea") if "green" in hit.content]


def test_what_is_deleted_can_be_restored_where_that_was_chosen(memory: Memory) -> None:
    store = MemkitStore(memory, on_delete="forget")
    store.put(NS, "k", {"text": "Alice likes green tea"})
    kept = memory.recall("tea")[0].record.id
    store.delete(NS, "k")
    assert store.get(NS, "k") is None
    assert store.search(()) == []
    assert store.list_namespaces() == []
    memory.restore(kept)
    item = store.get(NS, "k")
    assert item is not None
    assert item.value == {"text": "Alice likes green tea"}
    store.delete(NS, "k")
    store.put(NS, "k", {"text": "and coffee"})
    assert [found.value for found in store.search(())] == [{"text": "and coffee"}]


def test_tenants_projects_and_agents_are_apart(memory: Memory) -> None:
    acme, corp = memory.at(namespace="acme"), memory.at(namespace="acme-corp")
    stores = {
        "acme": MemkitStore(acme),
        "acme-corp": MemkitStore(corp),
        "project": MemkitStore(acme.at(project="apollo")),
        "task": MemkitStore(acme.at(project="apollo", task="launch")),
        "ann": MemkitStore(acme.at(agent="ann"), private=True),
        "bob": MemkitStore(acme.at(agent="bob"), private=True),
    }
    for name, store in stores.items():
        store.put(("notes", name), "k", {"text": f"tea for {name}"})
        store.put(("notes",), "same", {"text": f"tea for {name}"})
    for name, store in stores.items():
        wanted = {"text": f"tea for {name}"}
        assert store.list_namespaces() == [("notes",), ("notes", name)]
        assert [item.value for item in store.search((), query="tea")] == [wanted, wanted]
        assert [item.value for item in store.search(())] == [wanted, wanted]
        item = store.get(("notes",), "same")
        assert item is not None
        assert item.value == wanted
    stores["acme"].delete(("notes",), "same")
    assert all(
        (store.get(("notes",), "same") is None) == (name == "acme")
        for name, store in stores.items()
    )
    # Shared items are the place's, whoever speaks.
    assert len(MemkitStore(acme.at(agent="ann")).search(())) == 1


def test_what_cannot_be_is_refused(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="agent"):
        MemkitStore(memory, private=True)
    with pytest.raises(InvalidInput, match="on_delete"):
        MemkitStore(memory, on_delete="hide")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="paths"):
        MemkitStore(memory, index={"fields": "text"})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="LangChainEmbedder"):
        MemkitStore(memory, index={"embed": lambda texts: [[1.0] for _ in texts], "dims": 1})
    with pytest.raises(InvalidInput, match="memory must be"):
        MemkitStore(7)  # type: ignore[arg-type]
