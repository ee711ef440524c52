"""The fields of facts go through exports and a server's answers, and are checked on the way in."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from memkit import Memory
from memkit.client import answers
from memkit.config import load_settings
from memkit.errors import InvalidInput
from memkit.filters import And, Eq
from memkit.interchange.lines import record_of, to_line
from memkit.service.outputs import record_json
from memkit.testing.records import EPOCH, build_record
from memkit.types import MemoryRecord

FACT: dict[str, Any] = {
    "subject": "Zo\u00eb \U0001f41d",
    "predicate": "lives in",
    "object": "Rome",
    "valid_from": datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    "valid_to": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    "retracted_at": EPOCH,
}
SETTINGS = load_settings().settings


@pytest.fixture
def fact() -> MemoryRecord:
    return build_record(1, kind="fact", **FACT)


def test_a_fact_is_the_same_after_an_export(fact: MemoryRecord) -> None:
    line = json.loads(json.dumps(to_line(fact, ())))
    assert line["valid_from"] == "0001-01-01T00:00:00.000001+00:00"
    assert record_of(line, SETTINGS) == fact
    assert answers.record_of(json.loads(json.dumps(record_json(fact)))) == fact


def test_what_is_no_fact_says_nothing_of_facts() -> None:
    assert not FACT.keys() & to_line(build_record(1), ()).keys()
    assert not FACT.keys() & record_json(build_record(1)).keys()


def test_an_export_of_an_older_memkit_is_imported(memory: Memory) -> None:
    memory.remember("no fact")
    written = io.StringIO()
    memory.export(written)
    assert not FACT.keys() & json.loads(written.getvalue().splitlines()[1]).keys()
    copy = memory.at(namespace="copy")
    assert copy.import_(io.StringIO(written.getvalue())).stored == 1
    (record,) = copy.list()
    assert (record.subject, record.valid_from, record.retracted_at) == (None, None, None)


def test_facts_are_imported_and_found(memory: Memory, fact: MemoryRecord) -> None:
    header = {"format": "memkit-export", "version": 1, "namespace": fact.namespace}
    lines = [header, to_line(fact, ())]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    assert memory.import_(io.StringIO(text)).stored == 1
    about = And((Eq("subject", fact.subject or ""), Eq("predicate", "lives in")))
    (found,) = memory.list(filter=about)
    assert {name: getattr(found, name) for name in FACT} == FACT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject", "s" * 1001),
        ("subject", ""),
        ("subject", 7),
        ("predicate", "p" * 201),
        ("predicate", "a\0b"),
        ("object", "o" * 10_001),
        ("object", "\ud800"),
        ("valid_from", "2026-05-01T00:00:00"),
        ("valid_to", 5),
        ("retracted_at", "yesterday"),
    ],
)
def test_what_cannot_be_a_facts_is_refused(fact: MemoryRecord, name: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=name) as refused:
        record_of({**to_line(fact, ()), name: value}, SETTINGS)
    assert "yesterday" not in str(refused.value)


def test_the_longest_parts_are_taken(fact: MemoryRecord) -> None:
    longest = {"subject": "s" * 1000, "predicate": "p" * 200, "object": "o" * 10_000}
    assert record_of({**to_line(fact, ()), **longest}, SETTINGS).object == "o" * 10_000
