"""The fields that memkit works out go through exports, answers, changes and erasures."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memkit import Memory
from memkit.client import answers
from memkit.config import load_settings
from memkit.errors import InvalidInput, RecordNotFound
from memkit.filters import ContainsAny, Eq, Exists
from memkit.interchange.lines import record_of, to_line
from memkit.service.outputs import record_json
from memkit.testing.embedders import ToyEmbedder
from memkit.testing.records import EPOCH, build_record, record_id
from memkit.types import Link, MemoryRecord

MARKS: dict[str, Any] = {
    "entities": ("Zo\u00eb \U0001f41d", "Rome"),
    "summarized_by": record_id(7),
    "archived_at": EPOCH,
    "archived_by": record_id(8),
    "run": record_id(9),
}
SETTINGS = load_settings().settings


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(str(tmp_path / "own.db"), embedder=ToyEmbedder()) as memory:
        yield memory


@pytest.fixture
def marked() -> MemoryRecord:
    return build_record(1, content="some text", **MARKS)


def put_in(memory: Memory, *records: MemoryRecord) -> None:
    """Import records as they are."""
    lines = [{"format": "memkit-export", "version": 1, "namespace": "any"}]
    lines += [to_line(record, ()) for record in records]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    assert memory.import_(io.StringIO(text)).stored == len(records)


def marks_of(record: MemoryRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in MARKS}


def test_marks_are_the_same_after_an_export(marked: MemoryRecord) -> None:
    line = json.loads(json.dumps(to_line(marked, ())))
    assert line["entities"] == ["Zo\u00eb \U0001f41d", "Rome"]
    assert record_of(line, SETTINGS) == marked
    assert answers.record_of(json.loads(json.dumps(record_json(marked)))) == marked


def test_what_has_no_marks_says_nothing_of_them() -> None:
    assert not MARKS.keys() & to_line(build_record(1), ()).keys()
    assert not MARKS.keys() & record_json(build_record(1)).keys()


def test_marks_are_imported_and_found(memory: Memory, marked: MemoryRecord) -> None:
    put_in(memory, marked)
    for wanted in (ContainsAny("entities", ("Rome",)), Eq("run", record_id(9))):
        (found,) = memory.list(filter=wanted)
        assert marks_of(found) == MARKS
    assert memory.count(filter=ContainsAny("entities", ("rome",))) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("entities", "Rome"),
        ("entities", ["n" * 201]),
        ("entities", [""]),
        ("entities", ["a\nb"]),
        ("entities", [7]),
        ("entities", ["\ud800"]),
        ("entities", [str(n) for n in range(65)]),
        ("summarized_by", "it"),
        ("archived_by", 7),
        ("archived_at", "2026-05-01T00:00:00"),
        ("run", ""),
    ],
)
def test_what_cannot_be_a_mark_is_refused(marked: MemoryRecord, name: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match="entit" if name == "entities" else name):
        record_of({**to_line(marked, ()), name: value}, SETTINGS)


def test_the_longest_and_the_most_names_are_taken_each_once(marked: MemoryRecord) -> None:
    names = [f"{n:0200}" for n in range(63)]
    line = {**to_line(marked, ()), "entities": [*names, names[0]]}
    assert record_of(line, SETTINGS).entities == tuple(names)


def test_a_new_text_loses_what_was_found_in_the_old(own: Memory, marked: MemoryRecord) -> None:
    put_in(own, marked)
    kept = own.update(marked.id, confidence=0.25)
    assert marks_of(kept) == MARKS
    changed = own.update(marked.id, content="another text")
    assert changed.summarized_by is None
    assert "Rome" not in changed.entities
    assert changed.run == MARKS["run"]
    assert own.count(filter=ContainsAny("entities", ("Rome",))) == 0


def test_what_is_put_again_has_no_marks_of_what_was_there(own: Memory) -> None:
    first = own.put("k", "the first text").record
    own.forget(first.id)
    written = io.StringIO()
    own.export(written, everyone=True)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    held = record_of({**lines[1], "namespace": "copy"}, SETTINGS)
    copy = own.at(namespace="copy")
    archived = replace(held, state="archived", forgotten_at=None, **MARKS)
    put_in(copy, archived)
    copy.put("k", "the second text")
    (record,) = copy.list()
    assert record.state == "active"
    assert {**marks_of(record), "entities": ()} == marks_of(build_record(1))
    assert "Rome" not in record.entities


def test_what_is_brought_back_is_archived_no_more(own: Memory, marked: MemoryRecord) -> None:
    put_in(own, replace(marked, state="archived"))
    assert own.list().records == ()
    back = own.restore(marked.id)
    assert (back.state, back.archived_at, back.archived_by) == ("active", None, None)
    assert (back.entities, back.run) == (MARKS["entities"], MARKS["run"])


def test_an_erased_summary_leaves_no_mark(own: Memory) -> None:
    summary = build_record(7, content="a summary")
    other = record_id(6)
    under = [
        build_record(1, content="one", summarized_by=summary.id, entities=("Rome",)),
        build_record(2, content="two", summarized_by=summary.id, state="archived"),
        build_record(3, content="three", summarized_by=summary.id, links=(Link("in", summary.id),)),
        build_record(4, content="four", summarized_by=other),
    ]
    put_in(own, summary, *under)
    receipt = own.erase(summary.id)
    assert (receipt.erased, receipt.links_removed) == ((summary.id,), 1)
    assert "scan by summary" in receipt.checks
    states = ("active", "archived")
    marked = own.list(filter=Exists("summarized_by"), states=states).records
    assert [record.summarized_by for record in marked] == [other]
    # A mark that goes is no change of what a record says; a link that goes is one.
    assert own.get(under[0].id) == replace(under[0], namespace="default", summarized_by=None)
    assert own.get(under[2].id).version == 2
    with pytest.raises(RecordNotFound):
        own.get(summary.id)
