"""Data sets are read line by line, and a wrong line is named without being quoted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memkit.errors import InvalidInput
from memkit.evaluation import read_jsonl, read_memories
from memkit.evaluation.reading import is_export

QUESTION = {"query": "when do we deploy?", "relevant": ["m1"]}
SECRET = "sesame"


def written(tmp_path: Path, *lines: Any) -> Path:
    path = tmp_path / "data.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def test_questions_and_memories_may_stand_in_one_file(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"id": "m1", "content": "On Tuesdays", "tags": ["ops"], "occurred_at": "2026-05-04T09:00Z"},
        "",
        {**QUESTION, "category": "when", "reference_time": "2026-06-01T12:00:00+02:00"},
        {"id": "x", "query": "who?", "relevant": [], "namespace": "team", "group": "g"},
    )

    data = read_jsonl(path)

    (item,) = data.items
    assert item.draft.metadata == {"eval_id": "m1"}
    assert item.draft.occurred_at == datetime(2026, 5, 4, 9, tzinfo=UTC)
    first, second = data.questions
    assert (first.id, first.category) == ("3", "when")
    assert first.relevant == {"m1"}
    assert first.reference_time == datetime(2026, 6, 1, 10, tzinfo=UTC)
    assert (second.id, second.namespace, second.group) == ("x", "team", "g")
    assert first.answerable
    assert not second.answerable


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"query": ', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('["query"]', "not a JSON object"),
        ({"question": SECRET}, "has neither"),
        ({"query": SECRET}, "relevant is a list"),
        ({"query": SECRET, "relevant": SECRET}, "relevant is a list"),
        ({"query": SECRET, "relevant": [None]}, "relevant is a list"),
        ({"query": SECRET, "relevant": [""]}, "relevant is a list"),
        ({"query": " ", "relevant": []}, "query is empty"),
        ({"query": 7, "relevant": []}, "query must be text"),
        ({**QUESTION, "colour": SECRET}, "a question has no 'colour'"),
        ({**QUESTION, "reference_time": "2026-06-01"}, "ISO 8601 time with a zone"),
        ({**QUESTION, "reference_time": SECRET}, "ISO 8601 time with a zone"),
        ({**QUESTION, "namespace": ""}, "namespace"),
        ({**QUESTION, "id": ["m"]}, "id is text"),
        ({"content": SECRET}, "needs an id"),
        ({"id": "m1", "content": ""}, "content is empty"),
        ({"id": "m1", "content": SECRET, "colour": 1}, "a memory has no colour"),
        ({"id": "m1", "content": SECRET, "metadata": [1]}, "metadata must be a mapping"),
        ({"id": "m1", "content": SECRET, "occurred_at": 5}, "occurred_at must be"),
        ({"format": "memkit-export", "version": 1}, "--memories"),
    ],
)
def test_a_wrong_line_is_named_with_what_would_be_right(
    tmp_path: Path, line: Any, says: str
) -> None:
    path = written(tmp_path, {**QUESTION, "id": "q"}, "", line)

    with pytest.raises(InvalidInput) as caught:
        read_jsonl(path)

    assert "data.jsonl, line 3:" in str(caught.value)
    assert says in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "line", [{**QUESTION, "id": "q1"}, {"id": "m1", "content": "again"}], ids=["question", "memory"]
)
def test_an_id_that_comes_twice_is_refused(tmp_path: Path, line: dict[str, Any]) -> None:
    path = written(tmp_path, {**QUESTION, "id": "q1"}, {"id": "m1", "content": "once"}, line)

    with pytest.raises(InvalidInput, match="line 3: another"):
        read_jsonl(path)


def test_files_that_hold_nothing_or_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no question"):
        read_jsonl(written(tmp_path, ""))
    with pytest.raises(InvalidInput, match="holds no memory"):
        read_memories(written(tmp_path, ""))
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_jsonl(tmp_path / "missing.jsonl")
    binary = tmp_path / "binary.jsonl"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        read_jsonl(binary)


def test_an_export_is_told_from_memories_in_the_simple_form(tmp_path: Path) -> None:
    assert is_export(written(tmp_path, {"format": "memkit-export", "version": 1}))
    assert not is_export(written(tmp_path, {"id": "m1", "content": "text"}))
