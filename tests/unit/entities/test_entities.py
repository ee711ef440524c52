"""Entities: whom records name, under which names, and what is known of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memkit import Memory
from memkit.errors import InvalidInput
from memkit.protocols import Patch
from memkit.retrieval.text import index_text, labels_text
from memkit.testing.embedders import ToyEmbedder

DAY = timedelta(days=1)


def told(memory: Memory, query: str | None = None) -> list[tuple[str, int]]:
    return [(each.name, each.records) for each in memory.entities(query)]


def test_records_bear_the_names_that_are_in_them_and_are_found_by_no_other_words(
    memory: Memory,
) -> None:
    record = memory.remember("Alice Smith lives in Rome", speaker="Bob").record
    assert record.entities == ("Bob", "Alice Smith", "Rome")
    assert memory.get(record.id).entities == record.entities
    assert "Alice" not in labels_text(record)
    assert index_text(record) == 'Bob said, "Alice Smith lives in Rome"'
    changed = memory.update(record.id, content="Carol lives in Oslo")
    assert changed.entities == ("Bob", "Carol", "Oslo")
    assert [hit.id for hit in memory.list()] == [record.id]


def test_entities_are_listed_by_how_often_they_are_named(memory: Memory) -> None:
    for text in ("I met Alice in Rome", "then ALICE met Bob", "so Alice left", "and Bob slept"):
        memory.remember(text)
    assert told(memory) == [("Alice", 3), ("Bob", 2), ("Rome", 1)]
    assert [each.name for each in memory.entities(limit=1)] == ["Alice"]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("Alise", "Alice Smith"),
        ("ali", "Alice Smith"),
        ("SMITH", "Alice Smith"),
        ("smiht", "Alice Smith"),
        ("zurich", "Zürich"),
        ("Zürih", "Zürich"),
        ("Мокква", "Москва"),
        ("東", "東京"),
        ("postgres", "PostgreSQL"),
    ],
)
def test_a_name_is_found_by_its_beginning_its_words_and_misspelt(
    memory: Memory, query: str, first: str
) -> None:
    memory.remember("I met Alice Smith in Zürich")
    memory.remember("they go to „東京“ and Москва")
    memory.remember("it runs on PostgreSQL with Bobby Brown")
    assert told(memory, query)[0][0] == first
    assert told(memory, "Wolfgang") == []


def test_aliases_join_names_have_a_history_and_are_undone(memory: Memory) -> None:
    memory.remember("I flew to New York with Ann")
    memory.remember("the NYC office is open")
    done = memory.alias("New York", "nyc")
    assert (done.status, done.record.subject, done.record.object) == ("stored", "nyc", "New York")
    memory.alias("nyc", "Big Apple")
    assert memory.alias("New York", "nyc").status == "duplicate"
    (city,) = memory.entities("nyc")
    assert (city.name, set(city.aliases), city.records) == ("New York", {"NYC", "Big Apple"}, 2)
    assert told(memory, "big apple")[0] == ("New York", 2)
    assert memory.entities()[0].name == "New York"
    memory.undo(done.record.id)
    assert dict(told(memory))["New York"] == 1
    assert len(memory.facts(predicate="also_known_as", history=True)) == 1
    with pytest.raises(InvalidInput, match="no alias of itself"):
        memory.alias("Ann", " Ann ")
    with pytest.raises(InvalidInput):
        memory.alias("Ann", "x" * 201)


def test_a_ring_of_aliases_is_one_entity(memory: Memory) -> None:
    names = [f"Name{n}" for n in range(6)]
    for one, other in zip(names, [*names[1:], names[0]], strict=True):
        memory.alias(one, other)
    memory.remember("we saw Name3 today")
    (each,) = memory.entities("Name5", limit=1)
    assert (len(each.aliases), each.records) == (5, 1)


def test_a_dossier_tells_all_under_all_names(memory: Memory) -> None:
    now = datetime.now(UTC)
    memory.remember("I met Alice Smith and Bob in Rome", kind="observation", confidence=0.2)
    best = memory.remember("Bob owes Ally a favour", kind="decision", pinned=True).record
    memory.remember("Carol and Ally and Bob play chess")
    memory.remember("Dora is elsewhere")
    memory.alias("Alice Smith", "Ally")
    old = memory.assert_fact("Alice Smith", "lives_in", "Rome", valid_from=now - 9 * DAY)
    new = memory.assert_fact("Alice Smith", "lives_in", "Oslo", valid_from=now - 2 * DAY)
    boss = memory.assert_fact("Bob", "reports_to", "Ally", valid_from=now - 3 * DAY)
    dossier = memory.dossier("alice smith")
    assert (dossier.name, dossier.aliases) == ("Alice Smith", ("Ally",))
    assert [fact.id for fact in dossier.facts] == [new.record.id, boss.record.id]
    assert dossier.records == 5
    assert dossier.kinds == {"fact": 2, "decision": 1, "note": 1, "observation": 1}
    assert dossier.memories[0].id == best.id
    assert dossier.memories[-1].kind == "observation"
    assert [(each.what, each.record.id) for each in dossier.timeline] == [
        ("begins", old.record.id),
        ("begins", boss.record.id),
        ("ends", old.record.id),
        ("begins", new.record.id),
    ]
    assert (dossier.related[0].name, dossier.related[0].records) == ("Bob", 4)
    assert dossier.first_seen is not None
    assert dossier.last_seen is not None
    assert dossier.first_seen < dossier.last_seen
    assert memory.dossier("Ally", limit=1).facts == dossier.facts[:1]
    nobody = memory.dossier("Alise Smith")
    assert (nobody.records, nobody.facts, nobody.near[0]) == (0, (), "Alice Smith")


def test_nothing_is_told_of_what_the_reader_may_not_see(memory: Memory) -> None:
    ann, bob = memory.at(project="p", agent="ann"), memory.at(project="p", agent="bob")
    ann.remember("I met Zelda in Rome", private=True)
    memory.at(project="q").remember("I met Zelda in Oslo")
    memory.at(project="q").alias("Zelda", "Z")
    gone = ann.remember("I met Zelda with Quentin").record
    ann.forget(gone.id)
    assert told(ann) == [("Rome", 1), ("Zelda", 1)]
    assert told(bob) == told(bob, "zel") == []
    assert (bob.dossier("Zelda").records, bob.dossier("Zelda").aliases) == (0, ())
    assert [each.name for each in ann.dossier("Zelda").related] == ["Rome"]
    assert ann.dossier("Zelda").aliases == ()
    assert memory.entities("Zelda", reach="subtree")[0].records == 1


def test_records_of_before_are_noted_once_without_a_new_version(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder(), entities="off") as memory:
        ids = [memory.remember(text).id for text in ("I met Bob", "no name here", "I met Ann")]
        secret = memory.at(agent="ann").remember("I met Eve", private=True).id
        memory.forget(ids[2])
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        before = {each: memory.get(each) for each in ids}
        said: list[tuple[int, int | None]] = []
        first = memory.note_entities(limit=1)
        assert (first.looked, first.stamped, first.cursor) == (1, 1, ids[0])
        rest = memory.note_entities(
            after=first.cursor, progress=lambda done, total: said.append((done, total))
        )
        assert (rest.looked, rest.stamped, rest.cursor) == (3, 2, None)
        assert said == [(3, 3)]
        for each in ids:
            after = memory.get(each)
            assert (after.version, after.updated_at) == (
                before[each].version,
                before[each].updated_at,
            )
        assert [memory.get(each).entities for each in ids] == [("Bob",), (), ("Ann",)]
        assert memory.at(agent="ann").get(secret).entities == ("Eve",)
        again = memory.note_entities()
        assert (again.looked, again.stamped) == (1, 0)
        assert memory.note_entities(again=True).stamped == 0


def test_a_stamp_is_told_to_no_watcher(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        record = memory.remember("I met Bob").record
        with memory.watch(poll_seconds=0.01) as watch:
            backend = memory._memory._engine.backend
            bare = Patch(replace(record, entities=()), record.version, about='{"event":null}')
            memory._run(backend.write((bare,)))
            assert memory.note_entities().stamped == 1
            last = memory.remember("something else").id
            assert next(iter(watch)).id == last


def test_arguments_are_checked(memory: Memory) -> None:
    for wrong in (lambda: memory.entities(limit=0), lambda: memory.entities(reach="far"),
                  lambda: memory.entities(""), lambda: memory.dossier(" "),
                  lambda: memory.dossier("Ann", limit=201)):  # fmt: skip
        with pytest.raises(InvalidInput):
            wrong()
