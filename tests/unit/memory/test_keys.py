"""Records under their callers' own keys, embedded and served."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memkit import Memory
from memkit.drafts import Draft
from memkit.errors import InvalidInput, RecordNotFound
from memkit.testing.embedders import ToyEmbedder
from memkit.types import RememberStatus


def test_a_key_holds_what_was_put_last(memory: Memory) -> None:
    first = memory.put("port", "The port is 5433", tags=["db"], metadata={"n": 1}, pinned=True)
    assert (first.status, first.id) == (RememberStatus.STORED, memory.id_of("port"))
    second = memory.put("port", "The port is 6000")
    assert (second.status, second.id, second.matched) == ("updated", first.id, first.id)
    held = memory.get(memory.id_of("port"))
    assert (held.content, held.version, held.tags, held.pinned) == (
        "The port is 6000",
        2,
        (),
        False,
    )
    assert (held.metadata, held.created_at) == ({}, first.record.created_at)
    assert memory.count() == 1
    assert memory.recall("port 6000")[0].record.id == held.id
    assert len(memory.recall("5433", mode="lexical")) == 0


def test_the_same_text_under_two_keys_is_two_records(memory: Memory) -> None:
    memory.remember("yes")
    assert memory.put("a", "yes").id != memory.put("b", "yes").id
    assert memory.count() == 3


def test_keys_of_places_and_private_ones_are_apart(memory: Memory) -> None:
    acme, corp = memory.at(project="acme", agent="ann"), memory.at(project="acme-corp", agent="bob")
    bob = memory.at(project="acme", agent="bob")
    ids = {
        memory.put("k", "one").id,
        acme.put("k", "two").id,
        corp.put("k", "three").id,
        acme.put("k", "four", private=True).id,
        bob.put("k", "five", private=True).id,
    }
    assert len(ids) == 5
    assert bob.put("k", "six").id == acme.id_of("k")
    assert acme.get(acme.id_of("k")).content == "six"
    assert acme.get(acme.id_of("k", private=True)).content == "four"
    with pytest.raises(RecordNotFound):
        bob.get(acme.id_of("k", private=True))
    with pytest.raises(InvalidInput, match="agent="):
        memory.id_of("k", private=True)


@pytest.mark.parametrize("key", ["", " ", "\0", "x" * 1001, 7])
def test_what_can_be_no_key_is_refused(memory: Memory, key: str) -> None:
    with pytest.raises(InvalidInput):
        memory.put(key, "text")
    with pytest.raises(InvalidInput):
        memory.put_many([{"key": "good", "content": "text"}, {"key": key, "content": "text"}])
    assert memory.count() == 0


def test_many_are_put_at_once_and_the_last_of_a_key_wins(memory: Memory) -> None:
    memory.put("k1", "before")
    drafts = [Draft(f"text {n}", key=f"k{n % 1200}") for n in range(1300)]
    outcomes = memory.put_many(drafts)
    assert len(outcomes) == 1300
    assert memory.count() == 1200
    assert outcomes[1].record.content == outcomes[1201].record.content == "text 1201"
    assert outcomes[1].status == "updated"
    found = memory.get_many(memory.id_of(f"k{n}") for n in range(1250))
    assert len(found) == 1200
    assert found[memory.id_of("k99")].content == "text 1299"
    assert memory.put_many([]) == []


def test_put_and_remember_keep_to_their_own(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="put_many"):
        memory.remember_many([Draft("text", key="k")])
    with pytest.raises(InvalidInput, match="needs a key"):
        memory.put_many([Draft("text")])
    with pytest.raises(InvalidInput):
        memory.put_many("text")


def test_a_forgotten_or_erased_key_is_free_again(memory: Memory) -> None:
    first = memory.put("k", "one").record
    memory.forget(first.id)
    second = memory.put("k", "two").record
    assert (second.state, second.version) == ("active", 3)
    assert second.created_at > first.created_at
    memory.erase(second.id)
    assert memory.get_many([first.id]) == {}
    assert memory.put("k", "three").status == "stored"


def test_links_stay_with_the_key(memory: Memory) -> None:
    other = memory.remember("another").id
    memory.link(memory.put("k", "one").id, other)
    assert memory.put("k", "two").record.links[0].target == other


def test_eight_writers_of_one_key_leave_one_record(memory: Memory) -> None:
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: memory.put("k", f"text {n}"), range(48)))
    assert {each.id for each in done} == {memory.id_of("k")}
    held = memory.get(memory.id_of("k"))
    assert held.version == 48
    assert memory.count() == 1
    assert held.content in {f"text {n}" for n in range(48)}


def test_vectors_can_be_handed_in(memory: Memory) -> None:
    (cat, dog) = ToyEmbedder().embed(["cat", "dog"])
    memory.remember("about one animal", vector=[float(x) * 3 for x in cat])
    memory.put("k", "about another animal", vector=list(dog))
    hits = memory.recall("", vector=list(dog), diverse=False)
    assert hits[0].content == "about another animal"
    assert hits[0].why.legs["dense"].score == pytest.approx(1, abs=1e-3)
    assert memory.recall("one", vector=list(dog), mode="lexical")[0].content == "about one animal"


@pytest.mark.parametrize(
    "vector", [[1.0] * 63, [], [0.0] * 64, [float("nan")] * 64, "abc", [[1.0]]]
)
def test_a_vector_that_is_none_of_this_store_is_refused(
    memory: Memory, vector: list[float]
) -> None:
    for write in (
        lambda: memory.remember("text", vector=vector),
        lambda: memory.remember_many(["first", Draft("text", vector=vector)]),
        lambda: memory.put("k", "text", vector=vector),
        lambda: memory.recall("text", vector=vector),
    ):
        with pytest.raises(InvalidInput, match="vector"):
            write()
    assert memory.count() == 0


def test_vectors_of_a_model_that_runs_elsewhere(tmp_path: Path) -> None:
    url = "given:their-model?dimensions=3"
    with Memory.open(tmp_path / "m.db", embedder=url) as memory:
        assert memory.status().embedder_ready
        near = memory.remember("red", vector=[1, 0, 0]).id
        memory.remember("blue", vector=[0, 1, 0])
        bare = memory.remember("green")
        assert "given" in bare.notices[0]
        assert memory.recall("", vector=[0.9, 0.1, 0])[0].record.id == near
        words = memory.recall("green")
        assert (words[0].record.id, words.notices) == (bare.id, bare.notices)
        # What it says is another thing, of which no vector is known.
        memory.update(near, content="yellow")
        assert near not in {hit.record.id for hit in memory.recall("", vector=[1, 0, 0])}
    with Memory.open(tmp_path / "m.db", embedder=url) as memory:
        assert memory.count() == 3
        assert not any("reembed" in notice for notice in memory.status().notices)


def test_without_an_embedder_there_are_no_vectors(tmp_path: Path) -> None:
    with (
        Memory.open(tmp_path / "m.db", embedder="none") as memory,
        pytest.raises(InvalidInput, match="no embedder"),
    ):
        memory.remember("text", vector=[1.0])
