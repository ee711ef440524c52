"""MemkitStorage keeps CrewAI's protocol."""

from __future__ import annotations

import asyncio
import copy
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from crewai.memory.storage.backend import StorageBackend
from crewai.memory.types import MemoryRecord

from memkit import AsyncMemory, Memory
from memkit.errors import (
    EmbedderMismatch,
    EmbedderUnavailable,
    InvalidInput,
    InvalidScope,
    StoreClosed,
)
from memkit.testing.embedders import ToyEmbedder
from memkit_crewai import MemkitStorage


def record(content: str, scope: str = "/", **fields: Any) -> MemoryRecord:
    return MemoryRecord(content=content, scope=scope, **fields)


def found(storage: MemkitStorage, text: str, scope: str | None = None, **options: Any) -> list[str]:
    (vector,) = storage.embedder([text])
    return [each.content for each, _ in storage.search(vector, scope, **options)]


def test_it_is_a_storage_backend_with_the_optional_methods(storage: MemkitStorage) -> None:
    assert isinstance(storage, StorageBackend)
    assert callable(storage.touch_records)
    assert callable(storage.close)


def test_a_record_comes_back_as_it_was_handed_in(storage: MemkitStorage) -> None:
    first = MemoryRecord(
        content="The API allows 100 requests a minute",
        scope="/company/team/user",
        categories=["limits", "msg:not-a-channel", " odd ", "x" * 300],
        metadata={"page": 3, "crewai": {"of": "the user"}, "nested": {"a": [1, None]}},
        importance=0.9,
        created_at=datetime(2024, 2, 29, 12, 30, 0, 5),
        last_accessed=datetime(2024, 3, 1),
        source="handbook",
        private=True,
    )
    storage.save([first])
    assert storage.get_record(first.id) == first
    assert storage.list_records() == [first]


def test_what_crewai_stores_is_an_ordinary_memory_of_the_project(
    storage: MemkitStorage, project: Memory
) -> None:
    storage.save([record("Deploys happen on Tuesdays", "/ops", categories=["deploy"])])
    (hit,) = project.recall("when do deploys happen?")
    assert hit.content == "Deploys happen on Tuesdays"
    assert hit.record.agent == "crewai"
    assert "deploy" in hit.record.tags


def test_what_others_stored_is_found_at_the_top_and_stays_as_it_is(
    storage: MemkitStorage, project: Memory
) -> None:
    theirs = project.remember("The staging database is wiped at night", tags=["ops"])
    storage.save([record("Staging has two nodes", "/ops")])
    top = found(storage, "staging database")
    assert sorted(top) == ["Staging has two nodes", "The staging database is wiped at night"]
    assert found(storage, "staging database", "/ops") == ["Staging has two nodes"]
    assert found(storage, "staging", categories=["ops"]) == [
        "The staging database is wiped at night"
    ]
    held = storage.get_record(theirs.id)
    assert held is not None
    assert storage.delete(record_ids=[theirs.id]) == 0
    storage.update(held.model_copy(update={"content": "The staging database is gone"}))
    storage.reset()
    assert project.get(theirs.id).content == "The staging database is wiped at night"
    assert project.get(theirs.id).state == "active"
    assert storage.count() == 0
    assert found(MemkitStorage(project, shared=False), "staging database") == []


def test_scopes_are_matched_by_whole_labels(storage: MemkitStorage) -> None:
    paths = ["/acme", "/acme/team", "/acme-corp", "/acme-corp/team", "/ACME", "/a%me", "/a_me"]
    storage.save([record(f"the plan of {path}", path) for path in paths])
    for path in paths:
        inside = [other for other in paths if (other + "/").startswith(path + "/")]
        assert sorted(found(storage, "the plan", path)) == sorted(
            f"the plan of {each}" for each in inside
        )
        assert storage.count(path) == len(inside)
        assert storage.get_scope_info(path).record_count == len(inside)
        assert len(storage.list_records(path)) == len(inside)
    assert storage.list_scopes("/acme") == ["/acme/team"] or storage.list_scopes("/acme") == [
        "/acme",
        "/acme/team",
    ]
    assert storage.delete(scope_prefix="/acme", categories=None) == 2
    storage.reset("/a_me")
    assert sorted(each.scope for each in storage.list_records()) == sorted(
        {"/acme-corp", "/acme-corp/team", "/ACME", "/a%me"}
    )


def test_a_root_is_where_all_paths_begin(project: Memory) -> None:
    acme, corp = MemkitStorage(project, root="/acme"), MemkitStorage(project, root="/acme-corp")
    everything = MemkitStorage(project)
    one, other = record("the plan of acme", "/x"), record("the plan of corp", "/x")
    acme.save([one])
    corp.save([other])
    assert found(acme, "the plan") == found(acme, "the plan", "/") == ["the plan of acme"]
    for outside in ("/acme-corp", "/acme", "/../acme-corp", "../acme-corp/x"):
        assert found(acme, "the plan", outside) == []
    assert acme.list_scopes() == ["/x"]
    assert acme.get_record(other.id) is None
    assert acme.delete(record_ids=[other.id]) == 0
    acme.reset()
    assert [each.scope for each in everything.list_records()] == ["/acme-corp/x"]


def test_tenants_that_look_alike_stay_apart(memory: Memory) -> None:
    storages = {
        name: MemkitStorage(memory.at(namespace=name)) for name in ("acme", "acme-corp", "acm")
    }
    for name, storage in storages.items():
        storage.save([record(f"the secret of {name}", "/x", id="one-id-for-all")])
    for name, storage in storages.items():
        assert found(storage, "the secret") == [f"the secret of {name}"]
        held = storage.get_record("one-id-for-all")
        assert held is not None
        assert held.content == f"the secret of {name}"
    storages["acme"].reset()
    assert [storage.count() for storage in storages.values()] == [0, 1, 1]


def test_scope_paths_are_written_in_one_way(storage: MemkitStorage) -> None:
    storage.save([record("one", "company//team/"), record("two", " / company / team ")])
    assert {each.scope for each in storage.list_records("/company/team")} == {"/company/team"}
    with pytest.raises(InvalidScope):
        storage.save([record("three", "/a\x00b")])


def test_listing_tells_scopes_categories_and_times(storage: MemkitStorage) -> None:
    long = "/" + "/".join(["a rather long label, one of many"] * 9)
    storage.save(
        [
            record("one", "/crew/a", categories=["x"], created_at=datetime(2025, 1, 1)),
            record("two", "/crew/b/c", categories=["x", "y"], created_at=datetime(2026, 1, 1)),
            record("three", long),
        ]
    )
    assert storage.list_scopes() == ["/a rather long label, one of many", "/crew"]
    assert storage.list_scopes("/crew") == ["/crew/a", "/crew/b"]
    assert storage.list_scopes("/crew/a") == []
    assert storage.list_categories() == {"x": 2, "y": 1}
    assert storage.list_categories("/crew/a") == {"x": 1}
    info = storage.get_scope_info("/crew")
    assert (info.path, info.record_count, info.categories) == ("/crew", 2, ["x", "y"])
    assert (info.oldest_record, info.newest_record) == (datetime(2025, 1, 1), datetime(2026, 1, 1))
    assert info.child_scopes == ["/crew/a", "/crew/b"]
    assert [each.content for each in storage.list_records("/crew", limit=1)] == ["two"]
    assert [each.content for each in storage.list_records("/crew", offset=1)] == ["one"]
    assert storage.get_scope_info("/nowhere").record_count == 0


def test_a_scope_names_itself_where_its_children_are_not_all_of_it(storage: MemkitStorage) -> None:
    storage.save([record("above", "/crew"), record("below", "/crew/a")])
    assert storage.list_scopes("/crew") == ["/crew", "/crew/a"]
    storage.save([record(f"note {number}", f"/many/{number}") for number in range(21)])
    assert storage.list_scopes("/many")[0] == "/many"
    assert storage.get_scope_info("/many").child_scopes[0] == "/many/0"


def test_delete_meets_all_that_is_given(storage: MemkitStorage) -> None:
    old = record("old", "/a", categories=["x"], created_at=datetime(2020, 1, 1))
    new = record("new", "/a", categories=["x"], metadata={"n": 1, "tags": ["q"]})
    other = record("other", "/b", categories=["y"], metadata={"n": True})
    storage.save([old, new, other])
    assert storage.delete(record_ids=[other.id], scope_prefix="/a") == 0
    assert storage.delete(categories=["y"], scope_prefix="/a") == 0
    assert storage.delete(metadata_filter={"tags": ["r"]}) == 0
    assert storage.delete(older_than=datetime(2021, 1, 1), scope_prefix="/b") == 0
    assert storage.delete(older_than=datetime(2021, 1, 1)) == 1
    assert storage.delete(metadata_filter={"tags": ["q"]}) == 1
    assert storage.delete(scope_prefix="/b") == 1
    assert storage.count() == 0


def test_deleting_nothing_in_particular_deletes_nothing(storage: MemkitStorage) -> None:
    storage.save([record("one"), record("two", "/a")])
    with pytest.raises(InvalidInput):
        storage.delete()
    assert storage.delete(record_ids=[]) == storage.delete(categories=[]) == 0
    assert storage.delete(record_ids=["no-such-id", "", "x" * 5000]) == 0
    assert storage.count() == 2


def test_what_is_deleted_can_be_taken_back_unless_it_was_to_be_erased(
    storage: MemkitStorage, project: Memory
) -> None:
    one, two = record("one"), record("two")
    storage.save([one, two])
    assert storage.delete(record_ids=[one.id]) == 1
    assert storage.get_record(one.id) is None
    project.restore(project.id_of(one.id))
    assert storage.get_record(one.id) == one
    final = MemkitStorage(project, erase=True)
    final.reset()
    assert project.get_many([project.id_of(one.id), project.id_of(two.id)]) == {}


def test_private_records_are_their_agents_alone(project: Memory) -> None:
    researcher = MemkitStorage(project.at(agent="researcher"))
    engineer = MemkitStorage(project.at(agent="engineer"))
    note = record("I doubt the figure", "/notes", private=True, source="researcher")
    researcher.save([note, record("The figure is 100", "/notes")])
    assert sorted(found(researcher, "the figure")) == ["I doubt the figure", "The figure is 100"]
    assert found(engineer, "the figure") == ["The figure is 100"]
    assert engineer.get_record(note.id) is None
    assert engineer.delete(record_ids=[note.id]) == 0
    assert (researcher.count(), engineer.count()) == (2, 1)
    assert [each.content for each in project.list()] == ["The figure is 100"]


def test_an_update_keeps_what_crewai_forgets_to_hand_in(storage: MemkitStorage) -> None:
    first = record("I doubt the figure", "/notes", private=True, source="researcher")
    storage.save([first])
    storage.update(
        MemoryRecord(id=first.id, content="I trust the figure", created_at=first.created_at)
    )
    held = storage.get_record(first.id)
    assert held is not None
    assert (held.content, held.private, held.source) == ("I trust the figure", True, "researcher")
    assert held.created_at == first.created_at
    assert storage.count() == 1
    assert found(storage, "trust") == ["I trust the figure"]


def test_an_unknown_record_is_stored_by_an_update(storage: MemkitStorage) -> None:
    storage.update(record("new", "/a", id="my own id"))
    assert storage.count("/a") == 1


def test_touching_is_told_by_last_accessed(storage: MemkitStorage) -> None:
    old = record("one", last_accessed=datetime(2020, 1, 1))
    storage.save([old])
    storage.touch_records([old.id, "unknown"])
    held = storage.get_record(old.id)
    assert held is not None
    assert held.last_accessed > datetime(2020, 1, 2)


def test_words_count_where_the_text_of_a_vector_is_known(memory: Memory) -> None:
    """A name that the embedder's few dimensions cannot tell is found by its letters."""
    storage = MemkitStorage(memory.at(project="names"))
    storage.save([record(f"ticket {number} is closed") for number in range(300)])
    assert found(storage, "ticket 217", limit=1) == ["ticket 217 is closed"]


def test_scores_are_high_for_what_was_asked_and_low_for_the_rest(storage: MemkitStorage) -> None:
    storage.save([record("the rate limit is 100"), record("lunch is at noon")])
    (vector,) = storage.embedder(["the rate limit is 100"])
    (best, high), (_, low) = storage.search(vector)
    assert best.content == "the rate limit is 100"
    assert 0.85 < high <= 1
    assert 0 <= low < 0.5
    assert len(storage.search(vector, min_score=0.5)) == 1
    assert storage.search(vector, limit=0) == []


def test_the_embedder_is_the_memorys_own(storage: MemkitStorage) -> None:
    texts = ["one two", "three"]
    assert storage.embedder(texts) == ToyEmbedder().embed(texts).tolist()


def test_a_vector_without_its_text_searches_by_meaning(project: Memory) -> None:
    one, other = MemkitStorage(project), MemkitStorage(project)
    one.save([record("the rate limit is 100"), record("lunch is at noon")])
    (vector,) = one.embedder(["rate limit"])
    (best, _), *_ = other.search(vector)
    assert best.content == "the rate limit is 100"


@pytest.mark.parametrize("dimension", [64, 65])
def test_another_embedders_vectors_are_refused(storage: MemkitStorage, dimension: int) -> None:
    foreign = ToyEmbedder(dimension).embed(["something else entirely"])[0].tolist()
    with pytest.raises(EmbedderMismatch, match="did not make"):
        storage.save([record("the rate limit is 100", embedding=foreign)])
    assert storage.count() == 0


def test_a_search_with_a_vector_of_another_length_is_refused(storage: MemkitStorage) -> None:
    with pytest.raises(EmbedderMismatch):
        storage.search([1.0] * 65)


def test_a_memory_of_given_vectors_keeps_crewais_own(tmp_path: Any) -> None:
    theirs = ToyEmbedder(48, "theirs")
    with Memory.open(tmp_path / "given.db", embedder="given:theirs?dimensions=48") as memory:
        storage = MemkitStorage(memory)
        for text in ("the rate limit is 100", "lunch is at noon"):
            storage.save([record(text, embedding=theirs.embed([text])[0].tolist())])
        best, _ = storage.search(theirs.embed(["rate limit"])[0].tolist())[0]
        assert best.content == "the rate limit is 100"
        with pytest.raises(EmbedderUnavailable):
            storage.embedder(["text"])


def test_without_an_embedder_words_are_matched(tmp_path: Any) -> None:
    with Memory.open(tmp_path / "words.db", embedder="none") as memory:
        storage = MemkitStorage(memory)
        (vector,) = storage.embedder(["the rate limit is 100"])
        storage.save([record("the rate limit is 100", embedding=vector), record("lunch at noon")])
        assert found(storage, "rate limit") == ["the rate limit is 100"]
        with pytest.raises(EmbedderMismatch):
            storage.search([0.5] * 256)


def test_eight_threads_save_and_search_at_once(storage: MemkitStorage) -> None:
    def work(number: int) -> list[str]:
        storage.save([record(f"note {number} of {turn}", f"/t{number}") for turn in range(5)])
        return found(storage, f"note {number}", f"/t{number}")

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(8)))
    assert [len(each) for each in results] == [5] * 8
    assert storage.count() == 40
    assert all(f"note {number}" in text for number, each in enumerate(results) for text in each)


def test_the_asynchronous_methods_do_the_same(storage: MemkitStorage) -> None:
    async def work() -> tuple[list[str], int]:
        await storage.asave([record("the rate limit is 100", "/a")])
        (vector,) = storage.embedder(["rate limit"])
        hits = await storage.asearch(vector, scope_prefix="/a")
        assert storage.count() == 1  # the blocking ones work inside a loop too
        return [each.content for each, _ in hits], await storage.adelete(scope_prefix="/a")

    assert asyncio.run(work()) == (["the rate limit is 100"], 1)


def test_an_asynchronous_memory_does_as_well(tmp_path: Any) -> None:
    async def opened() -> AsyncMemory:
        return await AsyncMemory.open(str(tmp_path / "aio.db"), embedder=ToyEmbedder())

    memory = asyncio.run(opened())
    storage = MemkitStorage(memory)
    storage.save([record("one", "/a")])
    assert found(storage, "one") == ["one"]
    asyncio.run(memory.close())


def test_closing_closes_only_what_was_opened_here(project: Memory, tmp_path: Any) -> None:
    MemkitStorage(project).close()
    assert project.count() == 0
    own = MemkitStorage(str(tmp_path / "own.db"))
    own.close()
    with pytest.raises(StoreClosed):
        own.count()
    with pytest.raises(InvalidInput):
        MemkitStorage(42)  # type: ignore[arg-type]


def test_copies_are_the_same_storage(storage: MemkitStorage) -> None:
    assert copy.deepcopy(storage) is storage
    assert copy.deepcopy(storage.embedder) is storage.embedder


def test_an_older_than_with_a_zone_is_an_instant(storage: MemkitStorage) -> None:
    storage.save([record("one")])
    assert storage.delete(older_than=datetime.now(UTC) - timedelta(hours=1)) == 0
    assert storage.delete(older_than=datetime.now(UTC) + timedelta(hours=1)) == 1
