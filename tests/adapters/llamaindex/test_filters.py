"""Metadata filters mean what they mean in LlamaIndex's own store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from llama_index.core.vector_stores.utils import build_metadata_filter_fn

import memkit
from memkit.errors import InvalidFilter
from memkit_llamaindex import MemkitVectorStore

NODES: dict[str, dict[str, Any]] = {
    "full": {"name": "ann", "age": 30, "score": 1.5, "tags": ["a", "b"], "dotted.key": "x"},
    "other": {"name": "bob", "age": 40, "score": 2, "tags": ["b"]},
    "empty": {"name": "", "age": 30.0, "tags": []},
    "none": {"name": None, "tags": None},
    "bare": {},
}
ONE = [
    ("name", "==", "ann"),
    ("name", "!=", "ann"),
    ("age", "==", 30),
    ("age", "!=", 30.0),
    ("age", ">", 30),
    ("age", ">=", 30),
    ("age", "<", 40),
    ("age", "<=", 30),
    ("score", ">", 1),
    ("name", ">", "ann"),
    ("name", "in", ["ann", "eve"]),
    ("name", "nin", ["ann", "eve"]),
    ("age", "in", [30, 31]),
    ("age", "nin", [30]),
    ("tags", "any", ["a", "z"]),
    ("tags", "all", ["a", "b"]),
    ("tags", "contains", "b"),
    ("name", "is_empty", None),
    ("tags", "is_empty", None),
    ("missing", "is_empty", None),
    ("missing", "!=", "x"),
    ("dotted.key", "==", "x"),
    ("name", "==", "ann' OR 1=1 --"),
]


def leaf(key: str, operator: str, value: Any) -> MetadataFilter:
    return MetadataFilter(key=key, operator=FilterOperator(operator), value=value)


@pytest.fixture
def found(memory: memkit.Memory) -> Callable[[MetadataFilters], set[str]]:
    store = MemkitVectorStore(memory)
    store.add([TextNode(id_=name, text=name, metadata=data) for name, data in NODES.items()])
    return lambda filters: {node.node_id for node in store.get_nodes(filters=filters)}


def theirs(filters: MetadataFilters) -> set[str]:
    matches = build_metadata_filter_fn(NODES.__getitem__, filters)
    return {name for name in NODES if matches(name)}


def test_each_operator_finds_what_llamaindex_finds(
    found: Callable[[MetadataFilters], set[str]],
) -> None:
    for asked in ONE:
        filters = MetadataFilters(filters=[leaf(*asked)])
        assert found(filters) == theirs(filters), asked


@pytest.mark.parametrize("condition", list(FilterCondition))
def test_each_condition_finds_what_llamaindex_finds(
    found: Callable[[MetadataFilters], set[str]], condition: FilterCondition
) -> None:
    for one, two in zip(ONE, ONE[5:] + ONE[:5], strict=True):
        filters = MetadataFilters(filters=[leaf(*one), leaf(*two)], condition=condition)
        assert found(filters) == theirs(filters), (one, two)


def test_filters_may_be_nested(found: Callable[[MetadataFilters], set[str]]) -> None:
    old = MetadataFilters(
        filters=[leaf("age", ">", 35), leaf("name", "==", "ann")], condition=FilterCondition.OR
    )
    neither = MetadataFilters(filters=[old], condition=FilterCondition.NOT)
    tagged = MetadataFilters(filters=[leaf("tags", "contains", "b"), old])
    assert found(old) == {"full", "other"}
    assert found(neither) == {"empty", "none", "bare"}
    assert found(tagged) == {"full", "other"}
    assert found(MetadataFilters(filters=[])) == set(NODES)
    assert found(MetadataFilters(filters=[MetadataFilters(filters=[])])) == set(NODES)


@pytest.mark.parametrize(
    "asked",
    [
        ("name", "text_match", "an"),
        ("name", "text_match_insensitive", "AN"),
        ("name", "==", None),
        ("name", "==", ["ann"]),
        ("name", "in", "ann"),
        ("tags", "any", "a"),
        ("age", ">", None),
    ],
)
def test_what_cannot_be_filtered_is_refused(
    found: Callable[[MetadataFilters], set[str]], asked: tuple[str, str, Any]
) -> None:
    with pytest.raises(InvalidFilter):
        found(MetadataFilters(filters=[leaf(*asked)]))
