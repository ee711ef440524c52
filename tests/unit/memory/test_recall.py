"""Recalling: what is found, in which order and why."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from memkit import Memory
from memkit.errors import InvalidFilter, InvalidInput, InvalidScope
from memkit.filters import Eq, Gte

NOTES = [
    "API rate limit is 100 requests a minute",
    "Deployments happen on Tuesdays",
    "Caroline adopted a puppy called Biscuit",
    "The database password rotates every month",
]


@pytest.fixture
def notes(memory: Memory) -> Memory:
    memory.remember_many(NOTES)
    return memory


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_the_best_answer_comes_first_in_every_mode(notes: Memory, mode: str) -> None:
    hits = notes.recall("when are deployments?", mode=mode, limit=2)
    assert hits[0].content == NOTES[1]
    assert hits.notices == ()


def test_words_are_found_in_other_forms(notes: Memory) -> None:
    assert notes.recall("adopting puppies", mode="lexical")[0].content == NOTES[2]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("我们决定使用上海的服务器", "上海服务器"),
        ("会議は東京で開催されます", "東京の会議"),
        ("الاجتماع في مدينة القاهرة", "القاهرة"),
        ("Die Größe des Käfigs", "kafig"),
    ],
)
def test_words_are_found_in_other_languages(notes: Memory, text: str, query: str) -> None:
    notes.remember(text)
    assert notes.recall(query, mode="lexical")[0].content == text


def test_a_hit_says_why(notes: Memory) -> None:
    notes.pin(notes.recall("puppy")[0].record.id)
    hit = notes.recall("puppy called Biscuit")[0]
    assert hit.why.legs["lexical"].rank == 1
    assert hit.why.legs["dense"].rank == 1
    assert hit.why.fused == pytest.approx(1.0)
    assert hit.why.factors["pin"] == pytest.approx(1.15)
    product = hit.why.fused
    for factor in hit.why.factors.values():
        product *= factor
    assert hit.score == pytest.approx(product)
    assert "lexical #1" in str(hit.why)


def test_the_limit_is_kept_and_checked(notes: Memory) -> None:
    assert len(notes.recall("the a requests deployments puppy database", limit=2)) == 2
    for limit in (0, -1, 1001, 2.5, True, "3"):
        with pytest.raises(InvalidInput, match="limit"):
            notes.recall("x", limit=limit)  # type: ignore[arg-type]


def test_kinds_tags_and_filters_narrow(memory: Memory) -> None:
    memory.remember("tea with milk", kind="preference", tags=["drinks", "hot"], metadata={"n": 3})
    memory.remember("tea without sugar", tags=["drinks"], metadata={"n": 1})
    assert len(memory.recall("tea")) == 2
    assert [hit.record.kind for hit in memory.recall("tea", kinds="preference")] == ["preference"]
    assert len(memory.recall("tea", tags=["drinks", "hot"])) == 1
    assert len(memory.recall("tea", filter=Gte("metadata.n", 2))) == 1
    assert len(memory.recall("tea", filter=Eq("metadata.n", 1.0))) == 1
    assert memory.tags() == {"drinks": 2, "hot": 1}


BAD: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"query": ""}, InvalidInput),
    ({"query": 5}, InvalidInput),
    ({"query": "x\x00"}, InvalidInput),
    ({"query": "x", "mode": "magic"}, InvalidInput),
    ({"query": "x", "reach": "everything"}, InvalidInput),
    ({"query": "x", "kinds": []}, InvalidInput),
    ({"query": "x", "states": ["gone"]}, InvalidInput),
    ({"query": "x", "as_of": datetime(2024, 1, 1)}, InvalidInput),
    ({"query": "x", "filter": {"kind": "note"}}, InvalidFilter),
]


@pytest.mark.parametrize(("arguments", "error"), BAD)
def test_bad_queries_are_refused(
    memory: Memory, arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        memory.recall(**arguments)


def test_feedback_and_confidence_move_equal_hits(memory: Memory) -> None:
    ids = [
        memory.remember(f"Lunch is at noon in room {name}", deduplicate="off").id
        for name in ("alpha", "beta", "gamma")
    ]
    memory.feedback(ids[2], useful=True)
    memory.feedback(ids[0], useful=False)
    order = [hit.record.id for hit in memory.recall("lunch at noon", mode="lexical")]
    assert order == [ids[2], ids[1], ids[0]]
    assert memory.get(ids[2]).useful == 1
    assert memory.get(ids[2]).version == 1


def test_recalls_are_counted_when_flushed(store: Any) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        id_ = memory.remember("count me").id
        for _ in range(3):
            memory.recall("count")
    with Memory.open(str(store), embedder="none") as memory:
        record = memory.get(id_)
        assert record.uses == 3
        assert record.used_at is not None
        assert record.version == 1


def test_as_of_shows_what_stood_then(memory: Memory) -> None:
    before = datetime.now(UTC)
    old = memory.remember("The office is in Leeds", kind="fact")
    between = datetime.now(UTC)
    new = memory.correct(old.id, "The office is in York")
    assert new.status == "superseded"
    assert [hit.content for hit in memory.recall("where is the office")] == [
        "The office is in York"
    ]
    assert [hit.content for hit in memory.recall("where is the office", as_of=between)] == [
        "The office is in Leeds"
    ]
    assert len(memory.recall("where is the office", as_of=before - timedelta(hours=1))) == 0


def test_reach_decides_how_far_a_recall_looks(memory: Memory) -> None:
    project, task = memory.at(project="p"), memory.at(project="p", task="t")
    for handle, text in [
        (memory, "apple global"),
        (project, "apple project"),
        (task, "apple task"),
        (memory.at(project="q"), "apple elsewhere"),
        (memory.at(project="p", task="u"), "apple other task"),
    ]:
        handle.remember(text)

    def seen(handle: Memory, reach: str) -> set[str]:
        return {hit.content.removeprefix("apple ") for hit in handle.recall("apple", reach=reach)}

    assert seen(task, "exact") == {"task"}
    assert seen(task, "ancestors") == {"task", "project", "global"}
    assert seen(project, "ancestors") == {"project", "global"}
    assert seen(project, "subtree") == {"project", "task", "other task"}
    assert seen(memory, "exact") == {"global"}
    assert seen(memory, "subtree") == {"global", "project", "task", "elsewhere", "other task"}


def test_a_handle_cannot_leave_its_scope(memory: Memory) -> None:
    lab = memory.at(project="p", agent="ann")
    for label in ({"project": "q"}, {"agent": "bob"}, {"namespace": "other"}):
        with pytest.raises(InvalidScope, match="another"):
            lab.at(**label)
    assert lab.at(task="t", project="p").scope.task == "t"
    with pytest.raises(InvalidScope, match="project"):
        memory.at(task="t")


def test_a_filter_may_name_what_only_the_store_knows(notes: Memory) -> None:
    assert len(notes.recall("puppy", filter=Eq("embedded", True))) > 0
    assert len(notes.recall("puppy", filter=Eq("embedded", False))) == 0
    assert notes.count(filter=Eq("embedded", True)) == len(NOTES)
