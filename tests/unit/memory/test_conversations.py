"""Turns of a conversation: what they lend to one another, and what is taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from memkit import Draft, Memory
from memkit.errors import InvalidInput
from memkit.types import MemoryRecord


def turn(memory: Memory, sequence: int, content: str, **more: object) -> MemoryRecord:
    return memory.remember(
        content,
        conversation_id=str(more.pop("conversation", "c")),
        sequence=sequence,
        **more,  # type: ignore[arg-type]
    ).record


def found(memory: Memory, query: str) -> set[str]:
    return {hit.content for hit in memory.recall(query, mode="lexical")}


@pytest.fixture
def talk(memory: Memory) -> list[MemoryRecord]:
    said = ["Which walrus sang?", "Bertram, the old one.", "He was loud.", "Let us eat."]
    return [turn(memory, at, text) for at, text in enumerate(said)]


def test_an_answer_is_found_by_the_words_of_its_question(
    memory: Memory, talk: list[MemoryRecord]
) -> None:
    assert found(memory, "walrus") == {each.content for each in talk[:3]}


def test_the_turn_that_says_it_comes_first(memory: Memory, talk: list[MemoryRecord]) -> None:
    assert memory.recall("loud", mode="lexical")[0].record == talk[2]
    assert memory.recall("Bertram", mode="lexical")[0].record == talk[1]


def test_turns_stored_at_once_lend_as_turns_stored_one_by_one(memory: Memory) -> None:
    said = ["Which walrus sang?", "Bertram.", "Loudly?", "Very."]
    drafts = [Draft(content=text, conversation_id="d", sequence=n) for n, text in enumerate(said)]
    other = memory.at(namespace="other")
    other.remember_many(drafts)
    for at, text in enumerate(said):
        turn(memory, at, text)
    for word in ("walrus", "bertram", "loud"):
        ours, theirs = (each.recall(word, mode="lexical") for each in (memory, other))
        assert [hit.content for hit in ours] == [hit.content for hit in theirs]
        assert [hit.why.legs for hit in ours] == [hit.why.legs for hit in theirs]


def test_conversations_places_and_owners_do_not_mix(memory: Memory) -> None:
    turn(memory, 0, "walrus in the first")
    turn(memory, 1, "same conversation, another project", conversation="c")
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    turn(memory.at(project="p"), 1, "elsewhere")
    turn(memory, 1, "other talk", conversation="d")
    turn(memory.at(namespace="n"), 1, "other tenant")
    turn(ann, 2, "secret walrus", private=True, conversation="e")
    turn(bob, 3, "bob's next turn", conversation="e")
    turn(ann, 3, "ann's next turn", private=True, conversation="e")
    assert found(bob, "walrus") == {"walrus in the first", "same conversation, another project"}
    assert found(ann, "secret") == {"secret walrus", "ann's next turn"}
    assert found(memory.at(namespace="n"), "walrus") == set()
    assert found(memory.at(project="p", agent="x"), "walrus") == {
        "walrus in the first",
        "same conversation, another project",
    }


def test_a_changed_turn_lends_its_new_words(memory: Memory, talk: list[MemoryRecord]) -> None:
    memory.update(talk[0].id, content="Which narwhal sang?")
    assert found(memory, "walrus") == set()
    assert len(found(memory, "narwhal")) == 3
    memory.correct(talk[0].id, "Which dolphin sang?")
    assert found(memory, "narwhal") == set()
    assert len(found(memory, "dolphin")) == 3


def test_a_forgotten_turn_lends_nothing_until_it_is_restored(
    memory: Memory, talk: list[MemoryRecord]
) -> None:
    memory.forget(talk[0].id)
    assert found(memory, "walrus") == set()
    memory.restore(talk[0].id)
    assert len(found(memory, "walrus")) == 3


def test_an_erased_turn_leaves_no_word_with_the_others(
    memory: Memory, talk: list[MemoryRecord]
) -> None:
    memory.link(talk[1].id, talk[0].id, "follows")
    memory.erase(talk[0].id)
    assert found(memory, "walrus") == set()
    assert found(memory, "Bertram") == {talk[1].content, talk[2].content, talk[3].content}
    after = memory.get(talk[2].id)
    assert after == talk[2], "what a reader sees of a turn changes by no other turn"
    assert memory.recall("loud", mode="dense")[0].record.id == talk[2].id


def test_a_turn_gains_by_its_conversation_and_says_so(memory: Memory) -> None:
    for at, text in enumerate(["the harbour opens at six", "good to know", "ferries run late"]):
        turn(memory, at, text, conversation="port")
    turn(memory, 0, "six sheep graze", conversation="meadow")
    hits = memory.recall("when does the harbour open, at six?", mode="lexical")
    assert hits[0].content == "the harbour opens at six"
    by_text = {hit.content: hit for hit in hits}
    assert by_text["ferries run late"].why.factors["conversation"] > 1
    for hit in hits:
        product = hit.why.fused
        for factor in hit.why.factors.values():
            product *= factor
        assert hit.score == pytest.approx(product)
    fast = memory.recall("when does the harbour open, at six?", mode="lexical", profile="fast")
    assert all("conversation" not in hit.why.factors for hit in fast)


def test_the_speaker_that_a_query_names_counts_more(memory: Memory) -> None:
    turn(memory, 0, "I bake bread", speaker="Ann Lee", conversation="x")
    turn(memory, 0, "I bake bread", speaker="Bob", conversation="y")
    assert memory.recall("what does Bob bake?")[0].record.speaker == "Bob"
    assert memory.recall("what does Lee bake?")[0].record.speaker == "Ann Lee"
    both = memory.recall("what do Ann and Bob bake?")
    assert all("speaker" not in hit.why.factors for hit in both)


def test_hits_bring_the_turns_around_them(memory: Memory, talk: list[MemoryRecord]) -> None:
    (hit,) = memory.recall("Bertram", limit=1, context=1)
    assert hit.record == talk[1]
    assert hit.context == (talk[0], talk[2])
    (hit,) = memory.recall("Bertram", limit=1, context=5)
    assert hit.context == (talk[0], talk[2], talk[3])
    memory.forget(talk[2].id)
    (hit,) = memory.recall("Bertram", limit=1, context=1)
    assert hit.context == (talk[0],)
    assert memory.recall("Bertram", limit=1)[0].context == ()
    memory.remember("alone in the world")
    assert memory.recall("alone in the world", limit=1, context=3)[0].context == ()
    with pytest.raises(InvalidInput, match="context"):
        memory.recall("Bertram", context=-1)


def test_context_shows_nothing_that_the_scope_does_not(memory: Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    turn(ann, 0, "whispered", private=True)
    turn(ann, 1, "said aloud")
    (hit,) = bob.recall("said aloud", limit=1, context=1)
    assert hit.context == ()


def test_repetitions_make_room(memory: Memory) -> None:
    for at in range(4):
        turn(memory, at, "the build is green, run now", conversation=f"c{at}")
    memory.remember("the build server is in the cellar")
    hits = memory.recall("is the build green now?", limit=2)
    assert [hit.content for hit in hits][1] == "the build server is in the cellar"
    same = memory.recall("is the build green now?", limit=2, diverse=False)
    assert len({hit.content for hit in same}) == 1


def test_exact_names_come_first(memory: Memory) -> None:
    memory.remember("ERR-1042 is raised when the token has expired")
    memory.remember("errors, error handling and the number 1042 in general; err on the safe side")
    memory.remember("parse_url splits a url; parse it first")
    memory.remember("parseUrl is the old name: parse the url by hand")
    assert memory.recall("what is ERR-1042?")[0].content.startswith("ERR-1042")
    assert memory.recall("how does parse_url work?")[0].content.startswith("parse_url")
    best = memory.recall("how does parseUrl work?")[0]
    assert best.content.startswith("parseUrl")
    assert best.why.factors["exact"] == 1.5


def test_words_in_capitals_are_no_exact_names(memory: Memory) -> None:
    memory.remember("The DNS records were moved")
    memory.remember("The TTL is three hundred")
    for query in ("which DNS setting did we lower?", "WHICH DNS SETTING DID WE LOWER?"):
        assert all("exact" not in hit.why.factors for hit in memory.recall(query))
    quoted = memory.recall('WHERE IS "DNS" TOLD OF?')[0]
    assert quoted.why.factors["exact"] == 1.5


def test_words_are_taken_back_without_an_embedder_too(
    memory: Memory, store: Path, talk: list[MemoryRecord]
) -> None:
    with Memory.open(str(store), embedder="none") as words:
        words.erase(talk[0].id)
        assert found(words, "walrus") == set()
        assert found(words, "Bertram") == {each.content for each in talk[1:]}
