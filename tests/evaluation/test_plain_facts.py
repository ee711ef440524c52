"""The plain-facts set that the project keeps is sound."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from memkit.evaluation import Dataset, read_jsonl

PATH = Path(__file__).parents[2] / "benchmarks" / "data" / "plain_facts.jsonl"


@pytest.fixture(scope="module")
def data() -> Dataset:
    return read_jsonl(PATH)


def test_it_holds_as_much_as_it_says(data: Dataset) -> None:
    assert len(data.items) == 500
    assert Counter(question.category for question in data.questions) == {
        "paraphrase": 120,
        "identifier": 60,
        "temporal": 50,
        "negated": 30,
        "unanswerable": 40,
    }


def test_every_relevant_id_is_that_of_a_memory(data: Dataset) -> None:
    known = {item.id for item in data.items}
    for question in data.questions:
        assert question.relevant <= known
        assert question.answerable == (question.category != "unanswerable")


def test_nothing_is_said_or_asked_twice(data: Dataset) -> None:
    assert len({item.draft.content for item in data.items}) == 500
    assert len({question.query for question in data.questions}) == 300


def test_questions_about_time_say_when_they_are_asked_after_what_they_ask_about(
    data: Dataset,
) -> None:
    items = {item.id: item for item in data.items}
    for question in data.questions:
        assert (question.reference_time is not None) == (question.category == "temporal")
        for id_ in question.relevant:
            happened = items[id_].draft.occurred_at
            if question.reference_time is not None and happened is not None:
                assert happened <= question.reference_time, question.id
