"""Extraction by rules over what is stored: provenance, once, undone, for the same readers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from memkit import Memory
from memkit.errors import InvalidInput, LanguageModelUnavailable, RecordNotFound
from memkit.rendering import render
from memkit.testing.embedders import ToyEmbedder
from memkit.types import MemoryRecord

TEXT = "Hello! I moved to Porto in May. I love hiking. We decided to use Postgres."
MAY = datetime(2026, 5, 1, tzinfo=UTC)
SAID = datetime(2026, 11, 21, 12, tzinfo=UTC)


def made(memory: Memory) -> list[MemoryRecord]:
    return [record for record in memory.list(limit=1000) if record.run is not None]


def test_what_a_text_says_is_kept_with_where_it_says_it(memory: Memory) -> None:
    source = memory.remember(TEXT, speaker="Sam", occurred_at=SAID).record
    done = memory.extract()
    assert (done.facts, done.preferences, done.decisions, done.use) == (1, 1, 1, "rules")
    (fact,) = memory.facts(subject="Sam")
    assert (fact.predicate, fact.object, fact.valid_from) == ("lives_in", "Porto", MAY)
    records = {record.kind: record for record in made(memory)}
    assert records.keys() == {"fact", "preference", "decision"}
    for record in records.values():
        assert record.run == done.run
        assert [(link.type, link.target) for link in record.links] == [("derived_from", source.id)]
        assert record.confidence < 0.75
        uri, _, span = (record.source or "").partition("#char=")
        assert uri == f"memory://{source.id}"
        start, end = map(int, span.split(","))
        assert TEXT[start:end] in {each.quote for each in done.extracts}


def test_a_dry_run_stores_nothing(memory: Memory) -> None:
    memory.remember(TEXT, speaker="Sam")
    done = memory.extract(dry_run=True)
    assert (done.run, done.dry_run, len(done.extracts)) == (None, True, 3)
    assert {each.status for each in done.extracts} == {"found"}
    assert made(memory) == []


def test_the_same_is_never_stored_twice(memory: Memory) -> None:
    memory.remember(TEXT, speaker="Sam")
    first = {each.id for each in memory.extract().extracts}
    again = memory.extract()
    assert (again.known, again.facts, again.preferences, again.decisions) == (3, 0, 0, 0)
    assert {each.id for each in again.extracts} == first
    memory.remember("Did I say it? I love hiking!", speaker="Sam")
    assert memory.extract().preferences == 0
    assert len(made(memory)) == 3


def test_a_statement_that_is_known_to_hold_is_no_second_fact(memory: Memory) -> None:
    memory.remember("I live in Porto.", speaker="Sam")
    memory.remember("As you know, I live in Porto.", speaker="Sam")
    done = memory.extract()
    assert (done.facts, done.known) == (1, 1)


def test_a_run_is_undone_without_a_trace(memory: Memory) -> None:
    source = memory.remember(TEXT, speaker="Sam").record
    run = memory.extract().run
    assert run is not None
    memory.undo_run(run)
    assert made(memory) == []
    assert memory.get(source.id) == source
    assert memory.facts() == []


def test_what_was_extracted_goes_with_its_source(memory: Memory) -> None:
    first = memory.remember(TEXT, speaker="Sam").id
    other = memory.remember("I work at Acme.", speaker="Sam").id
    memory.extract()
    receipt = memory.erase([first])
    assert len(receipt.erased) == 4
    assert [record.predicate for record in made(memory)] == ["works_at"]
    assert memory.get(other).content == "I work at Acme."


def test_a_later_text_ends_what_an_earlier_one_said(memory: Memory) -> None:
    memory.remember("I work at Acme.", speaker="Sam", occurred_at=MAY)
    memory.remember("I no longer work at Acme.", speaker="Sam", occurred_at=SAID)
    memory.extract()
    assert memory.facts(subject="Sam", predicate="works_at") == []
    (then,) = memory.facts(subject="Sam", as_of=datetime(2026, 6, 1, tzinfo=UTC))
    assert (then.object, then.valid_to) == ("Acme", SAID)


def test_no_text_ends_what_a_person_said(memory: Memory) -> None:
    kept = memory.assert_fact("Sam", "works_at", "Acme", valid_from=MAY).record
    memory.remember("I no longer work at Acme.", speaker="Sam", occurred_at=SAID)
    memory.extract()
    assert memory.get(kept.id).retracted_at is None


def test_what_comes_from_a_private_text_is_private_to_the_same_agent(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        ada = memory.at(project="apollo", agent="ada")
        eve = memory.at(project="apollo", agent="eve")
        ada.remember("I live in Rome.", private=True)
        ada.remember("I love chess.")
        assert memory.extract().facts == 0
        assert eve.extract().records == 1
        assert ada.extract().facts == 1
        (fact,) = ada.facts()
        assert (fact.subject, fact.object) == ("ada", "Rome")
        assert (fact.record.visibility, fact.record.project) == ("private", "apollo")
        assert eve.facts() == []
        assert memory.list(kinds="preference", reach="subtree").records[0].agent == "ada"


def test_what_expires_takes_along_what_it_said(memory: Memory) -> None:
    source = memory.remember(TEXT, speaker="Sam", ttl=3600).record
    memory.extract()
    assert {record.expires_at for record in made(memory)} == {source.expires_at}


def test_recalled_text_is_not_extracted_again(memory: Memory) -> None:
    memory.remember("I live in Porto.", speaker="Sam")
    shown = render(memory.recall("where do I live?"))
    assert "Porto" in shown
    memory.remember(f"Here is what I know:\n{shown}\nIs that right?", speaker="Eve")
    memory.remember(f"{shown}", speaker="Eve")
    done = memory.extract()
    assert [each.subject for each in done.extracts] == ["Sam"]


def test_what_memkit_made_and_messages_say_nothing_of_their_own(memory: Memory) -> None:
    memory.remember("I live in Oslo.", kind="summary", speaker="Sam")
    memory.remember("I live in Rome.", tags=["msg:team"], speaker="Sam")
    memory.remember("I live in Bonn.", kind="message", speaker="Sam")
    memory.assert_fact("Sam", "note", "I live in Bern")
    assert memory.extract().extracts == ()


def test_some_records_alone_can_be_read(memory: Memory) -> None:
    one = memory.remember("I live in Oslo.", speaker="Sam").id
    memory.remember("I work at Acme.", speaker="Sam")
    assert [each.object for each in memory.extract(ids=[one]).extracts] == ["Oslo"]
    later = datetime(2100, 1, 1, tzinfo=UTC)
    assert memory.extract(since=later).records == 0


def test_a_limit_stops_and_the_next_call_goes_on(memory: Memory) -> None:
    cities = ["Oslo", "Rome", "Bonn", "Bern", "Lima"]
    for city in cities:
        memory.remember(f"{city}lia lives in {city}.")
    first = memory.extract(limit=2)
    assert (first.records, first.facts, first.more) == (2, 2, True)
    rest = memory.extract()
    assert (rest.records, rest.facts, rest.more, rest.run) == (3, 3, False, first.run)
    assert len(memory.facts(predicate="lives_in")) == 5


def test_progress_is_told(memory: Memory) -> None:
    memory.remember(TEXT)
    told: list[tuple[int, int | None]] = []
    memory.extract(progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == 1


def test_arguments_are_checked(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="use is one of"):
        memory.extract(use="magic")
    with pytest.raises(InvalidInput):
        memory.extract(ids=[])
    with pytest.raises(InvalidInput):
        memory.extract(limit=0)
    with pytest.raises(LanguageModelUnavailable, match="no language model is set"):
        memory.extract(use="model")


def test_extraction_as_memories_are_stored(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder(), extraction="rules") as memory:
        source = memory.remember(TEXT, speaker="Sam").id
        assert {record.kind for record in made(memory)} == {"fact", "preference", "decision"}
        memory.remember_many(["Alice lives in Rome.", "Bob lives in Bonn."])
        assert len(memory.facts(predicate="lives_in")) == 3
        assert memory.extract().known == 5
        memory.erase([source])
        assert len(made(memory)) == 2
        with pytest.raises(RecordNotFound):
            memory.get(source)
