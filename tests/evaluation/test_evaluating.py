"""Questions asked of a real store, from the library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memkit import Draft, Memory
from memkit.errors import ConfigurationError, InvalidInput, InvalidScope
from memkit.evaluation import Configuration, Question, StoredItem, evaluate, store_items
from memkit.evaluation.measuring import Material, measure


def item(id_: str, content: str, **more: Any) -> StoredItem:
    place = {name: more.pop(name) for name in ("namespace", "project") if name in more}
    return StoredItem(id_, Draft(content, metadata={"eval_id": id_}, **more), **place)


def asked(query: str, *relevant: str, **more: Any) -> Question:
    return Question(query, query, frozenset(relevant), **more)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(str(tmp_path / "memory.db"), embedder="none") as memory:
        yield memory


def test_ids_are_the_data_sets_own_or_the_records(memory: Memory) -> None:
    store_items(memory, [item("walrus", "A walrus sings")])
    record = memory.remember("The harbour is closed").record

    found = evaluate(memory, [asked("walrus", "walrus"), asked("harbour", record.id)])

    assert [answer.rank for answer in found] == [1, 1]
    assert found.answers[0].ranked == ("walrus",)
    assert found.notices == ("words only, as configured: meaning is not matched",)
    assert found.limit == 10


def test_ids_that_no_recall_can_find_are_told(memory: Memory) -> None:
    store_items(memory, [item("walrus", "A walrus sings", namespace="zoo")])

    found = evaluate(memory, [asked("walrus", "walrus", "gone")])

    assert found.answers[0].rank is None
    assert any(notice.startswith("2 of the relevant ids are not") for notice in found.notices)


def test_questions_are_asked_in_their_own_scopes(memory: Memory) -> None:
    store_items(
        memory,
        [
            item("one", "A walrus sings", namespace="zoo", project="a"),
            item("two", "A walrus sings", namespace="zoo", project="b"),
            item("three", "A walrus sings", namespace="sea"),
        ],
    )
    questions = [
        replace(asked("walrus?", "one", namespace="zoo", project="a"), id="1"),
        replace(asked("walrus?", "two", namespace="zoo", project="b"), id="2"),
        replace(asked("walrus?", "three", namespace="sea"), id="3"),
    ]

    found = evaluate(memory, questions)

    assert [answer.ranked for answer in found] == [("one",), ("two",), ("three",)]


def test_a_question_outside_the_handles_scope_is_refused(memory: Memory) -> None:
    with pytest.raises(InvalidScope, match="question 'walrus'"):
        evaluate(memory.at(namespace="zoo"), [asked("walrus", "a", namespace="sea")])


def test_sessions_are_ranked_by_their_best_record(memory: Memory) -> None:
    store_items(
        memory,
        [
            item("a1", "harbour", conversation_id="a", sequence=0),
            item("b1", "harbour harbour and one thing more", conversation_id="b", sequence=0),
            item("b2", "A walrus sings", conversation_id="b", sequence=1),
            item("alone", "A lighthouse at dusk"),
        ],
    )

    found = evaluate(
        memory,
        [asked("harbour", "b2"), asked("lighthouse", "alone"), asked("telescope", "a1")],
        sessions="conversation_id",
        recall={"profile": "fast"},
    )

    harbour, lighthouse, telescope = found
    assert harbour.measures["any@1"] == 0
    assert harbour.measures["session any@3"] == 1
    assert lighthouse.measures["session any@1"] == 1
    assert telescope.measures["session any@10"] == 0
    assert found.limit == 50


def test_the_reference_time_reaches_recall(memory: Memory) -> None:
    store_items(memory, [item("walrus", "A walrus sings")])
    question = asked("walrus", "walrus", reference_time=datetime(2026, 5, 4, tzinfo=UTC))

    assert evaluate(memory, [question]).answers[0].rank == 1


def test_recalls_take_arguments(memory: Memory) -> None:
    store_items(memory, [item("a", "A walrus sings", kind="fact"), item("b", "A walrus")])

    found = evaluate(memory, [asked("walrus", "a")], recall={"kinds": "fact", "limit": 3})

    assert found.answers[0].ranked == ("a",)
    assert found.limit == 3


def test_no_questions_and_equal_ids_are_refused(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="no questions"):
        evaluate(memory, [])
    with pytest.raises(InvalidInput, match="one id"):
        evaluate(memory, [asked("a"), asked("a")])
    with pytest.raises(InvalidInput, match="belong together by"):
        evaluate(memory, [asked("a")], sessions="colour")


def test_asking_leaves_a_store_as_it_was(tmp_path: Path) -> None:
    url = str(tmp_path / "memory.db")
    with Memory.open(url, embedder="none") as memory:
        id_ = memory.remember("A walrus sings").id

    measure(
        Material((asked("walrus", id_),)),
        Configuration(),
        place={"url": url, "embedder": "none"},
    )

    with Memory.open(url, embedder="none") as memory:
        assert memory.get(id_).uses == 0


def test_an_export_is_measured_in_a_store_of_its_own(tmp_path: Path, memory: Memory) -> None:
    id_ = memory.remember("A walrus sings").id
    export = tmp_path / "export.jsonl"
    memory.export(str(export))

    found = measure(
        Material((asked("walrus", id_),), export=export),
        Configuration.parse(["mode=lexical"]),
        place={"embedder": "none"},
    )

    assert found.answers[0].rank == 1
    assert found.name == "mode=lexical"


def test_memories_of_a_data_set_are_not_put_into_a_store_that_is_there(tmp_path: Path) -> None:
    material = Material((asked("walrus", "a"),), (item("a", "A walrus"),))
    with pytest.raises(InvalidInput, match="thrown away"):
        measure(material, Configuration(), place={"url": str(tmp_path / "memory.db")})


def test_a_configuration_holds_settings_and_arguments_of_recall() -> None:
    parsed = Configuration.parse(
        ["dense_weight=0.3, mode=lexical", "limit=20", "embedder=openai:m?a=1,2"]
    )

    assert parsed.settings == {"dense_weight": "0.3", "embedder": "openai:m?a=1,2"}
    assert parsed.recall == {"mode": "lexical", "limit": 20}
    assert Configuration.parse([]).name == "as configured"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lexical", "name=value"),
        ("mode=", "name=value"),
        ("dense_wait=0.3", "did you mean dense_weight"),
        ("mode=lexical,mode=dense", "twice"),
        ("url=other.db", "the same for both sides"),
        ("query=walrus", "no setting or argument"),
        ("as_of=yesterday", "ISO 8601"),
    ],
)
def test_a_configuration_that_means_nothing_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        Configuration.parse([text])


def test_a_malformed_setting_is_told_before_anything_is_measured() -> None:
    with pytest.raises(ConfigurationError, match="dense_weight"):
        Configuration.parse(["dense_weight=3"])
