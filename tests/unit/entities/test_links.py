"""Links: what their types mean, and how far they lead whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from memkit import Memory
from memkit.errors import InvalidInput, RecordNotFound
from memkit.testing.embedders import ToyEmbedder


def stored(memory: Memory, *texts: str) -> list[str]:
    return [memory.remember(text).id for text in texts]


def reached(memory: Memory, start: str, **asked: object) -> list[str]:
    return [each.record.id for each in memory.related(start, **asked)]  # type: ignore[arg-type]


def test_the_types_tell_what_they_mean(memory: Memory) -> None:
    types = {each.name: each for each in memory.link_types()}
    assert types["causes"].inverse == "caused_by"
    assert types["related"].symmetric
    assert types["contradicts"].symmetric
    assert types["supersedes"].transitive
    assert types["derived_from"].acyclic
    assert all(each.meaning for each in types.values())


def test_a_symmetric_link_is_one_whichever_end_it_was_made_from(memory: Memory) -> None:
    a, b = stored(memory, "alpha", "beta")
    memory.link(a, b)
    assert memory.link(b, a).id == a
    assert memory.get(b).links == ()
    assert reached(memory, a, direction="in") == [b]
    assert reached(memory, b, direction="out") == [a]
    assert memory.unlink(b, a, "related").links == ()
    assert memory.get(a).links == ()
    memory.link(a, b, "contradicts")
    memory.link(b, a, "causes")
    memory.unlink(b, a)
    assert memory.get(a).links == memory.get(b).links == ()


def test_inverse_names_are_made_and_followed_backwards(memory: Memory) -> None:
    leak, fire, smoke = stored(memory, "leak", "fire", "smoke")
    memory.link(leak, fire, "causes")
    assert memory.link(smoke, fire, "caused_by").id == fire
    assert reached(memory, smoke, types="caused_by", depth=3) == [fire, leak]
    assert reached(memory, fire, types="caused_by") == [leak]
    assert reached(memory, fire, types="caused_by", direction="in") == [smoke]
    assert reached(memory, fire, types="causes", direction="out") == [smoke]
    far = memory.related(smoke, types="caused_by", depth=2)[1]
    assert [(step.name, step.direction, step.source, step.target) for step in far.path] == [
        ("caused_by", "in", fire, smoke),
        ("caused_by", "in", leak, fire),
    ]
    assert [step.type for step in far.path] == ["causes", "causes"]
    (step,) = memory.related(leak)[0].path
    assert (step.name, step.direction) == ("causes", "out")
    memory.unlink(smoke, fire, "caused_by")
    assert reached(memory, smoke) == []


def test_a_chain_does_not_come_back_and_other_links_may(memory: Memory) -> None:
    a, b, c = stored(memory, "alpha", "beta", "gamma")
    memory.link(a, b, "supersedes")
    memory.link(b, c, "supersedes")
    with pytest.raises(InvalidInput, match="come back"):
        memory.link(c, a, "supersedes")
    with pytest.raises(InvalidInput, match="come back"):
        memory.link(a, c, "superseded_by")
    memory.link(c, a, "causes")
    memory.link(a, c, "causes")
    assert set(reached(memory, a, depth=6)) == {b, c}
    for type_ in ("related", "follows", "causes", "own_label"):
        with pytest.raises(InvalidInput, match="itself"):
            memory.link(a, a, type_)


def test_no_path_leads_over_what_is_hidden_forgotten_or_elsewhere(memory: Memory) -> None:
    ann, bob = memory.at(project="p", agent="ann"), memory.at(project="p", agent="bob")
    start, end = stored(ann, "start", "end")
    secret = ann.remember("secret", private=True).id
    ann.link(start, secret, "causes")
    ann.link(secret, end, "causes")
    for types in (None, "causes", "caused_by"):
        assert reached(bob, start, depth=6, types=types) == []
        assert reached(bob, end, depth=6, types=types) == []
    with pytest.raises(RecordNotFound):
        bob.link(start, secret, "causes")
    with pytest.raises(RecordNotFound):
        bob.link(start, secret, "related")
    # What a reader does not see refuses no link of his.
    assert bob.link(end, start, "supersedes").id == end

    middle, far = stored(memory, "middle", "far")
    other = memory.at(project="q").remember("other").id
    memory.at(project="q").link(other, middle, "causes")
    memory.at(project="p").link(end, middle, "causes")
    memory.link(middle, far, "causes")
    assert reached(bob, end, depth=2) == [start, middle, far]
    assert other not in reached(memory.at(project="p"), middle, depth=6)
    memory.forget(middle)
    assert reached(bob, end, depth=6) == [start]
    memory.restore(middle)
    assert reached(bob, end, depth=2) == [start, middle, far]


def test_links_of_another_namespace_are_none(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        (a, b) = stored(memory, "alpha", "beta")
        other = memory.at(namespace="other")
        memory.link(a, b)
        c = other.remember("gamma").id
        with pytest.raises(RecordNotFound):
            other.link(c, a)
        with pytest.raises(RecordNotFound):
            other.related(a)


def test_erasing_a_record_erases_the_links_to_it(memory: Memory) -> None:
    a, b, c = stored(memory, "alpha", "beta", "gamma")
    memory.link(a, b, "causes")
    memory.link(c, b)
    receipt = memory.erase(b)
    assert receipt.links_removed == 2
    assert memory.get(a).links == memory.get(c).links == ()
    assert reached(memory, a) == []


def test_a_record_that_very_many_link_to_is_answered_with_the_newest(store: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        hub, other = stored(memory, "hub", "other")
        ids = [each.id for each in memory.remember_many(f"spoke {n}" for n in range(1_200))]
        for id_ in ids:
            memory.link(id_, hub, "follows")
        memory.link(ids[0], other, "causes")
        found = memory.related(hub, limit=20)
        assert [each.depth for each in found] == [1] * 20
        assert [each.record.id for each in found] == ids[:-21:-1]
        assert reached(memory, hub, types="followed_by", depth=2, limit=1_000)[0] == ids[-1]
        assert reached(memory, other, depth=2) == [ids[0], hub]
        assert reached(memory, hub, types="causes") == []
