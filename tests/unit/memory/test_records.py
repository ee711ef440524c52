"""Single records: reading, updating, correcting, forgetting, erasing, linking."""

import re
from pathlib import Path

import pytest

from memkit import AsyncMemory, Memory
from memkit.errors import (
    DuplicateRecord,
    InvalidInput,
    InvalidScope,
    RecordNotFound,
    VersionConflict,
)
from memkit.filters import Eq

GHOST = "00000000-0000-7000-8000-000000000000"


def test_an_update_changes_what_is_given_and_counts_up(memory: Memory) -> None:
    id_ = memory.remember("The port is 5433", tags=["db"], metadata={"a": 1}).id
    record = memory.update(id_, content="The port is 6000", expect_version=1)
    assert (record.content, record.version, record.tags) == ("The port is 6000", 2, ("db",))
    assert memory.recall("port 6000")[0].record == memory.get(id_)
    assert len(memory.recall("5433", mode="lexical")) == 0
    assert memory.update(id_, metadata=None).metadata == {}
    assert memory.update(id_, tags=[]).tags == ()


def test_only_its_author_makes_a_record_private(memory: Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    id_ = ann.remember("The surprise party is on Friday").id
    for handle in (bob, memory):
        with pytest.raises(InvalidInput, match="author"):
            handle.update(id_, private=True)
    assert ann.update(id_, private=True).visibility == "private"
    with pytest.raises(RecordNotFound):
        bob.get(id_)
    assert ann.update(id_, private=False).visibility == "shared"
    assert bob.get(id_).agent == "ann"


def test_an_update_that_changes_nothing_is_no_new_version(memory: Memory) -> None:
    id_ = memory.remember("The port is 5433").id
    assert memory.update(id_, content="The port is 5433").version == 1


def test_an_overtaken_update_is_a_conflict_when_the_version_was_named(memory: Memory) -> None:
    id_ = memory.remember("The port is 5433").id
    memory.update(id_, content="The port is 6000")
    with pytest.raises(VersionConflict, match="version 2, not 1"):
        memory.update(id_, content="The port is 7000", expect_version=1)
    assert memory.get(id_).content == "The port is 6000"


def test_an_update_cannot_make_a_second_record_say_the_same(memory: Memory) -> None:
    memory.remember("one thing")
    other = memory.remember("quite another matter").id
    with pytest.raises(DuplicateRecord):
        memory.update(other, content="one thing")
    assert memory.get(other).content == "quite another matter"


def test_after_an_update_the_old_text_is_new_again(memory: Memory) -> None:
    id_ = memory.remember("one thing").id
    memory.update(id_, content="quite another matter")
    assert memory.remember("one thing").status == "stored"


def test_a_correction_supersedes_and_keeps_history(memory: Memory) -> None:
    old = memory.remember("Ann lives in Leeds", kind="fact", tags=["home"])
    new = memory.correct(old.id, "Ann lives in York")
    assert (new.status, new.matched) == ("superseded", old.id)
    assert new.record.supersedes == old.id
    assert (new.record.kind, new.record.tags) == ("fact", ("home",))
    history = memory.get(old.id)
    assert (history.state, history.superseded_by) == ("superseded", new.id)
    assert [hit.content for hit in memory.recall("Ann lives")] == ["Ann lives in York"]
    with pytest.raises(InvalidInput, match=new.id):
        memory.correct(old.id, "Ann lives in Hull")
    with pytest.raises(InvalidInput, match=new.id):
        memory.update(old.id, content="Ann lives in Hull")
    with pytest.raises(InvalidInput, match="already"):
        memory.correct(new.id, "Ann lives in York")


def test_a_correction_to_what_another_record_says_leads_to_that_one(memory: Memory) -> None:
    a, b = memory.remember("Ann lives in Leeds"), memory.remember("Ann has moved to York")
    outcome = memory.correct(a.id, "Ann has moved to York")
    assert outcome.id == b.id
    assert memory.get(a.id).superseded_by == b.id
    assert memory.count() == 1


def test_a_forgotten_record_is_hidden_until_restored(memory: Memory) -> None:
    id_ = memory.remember("The cat is called Tom").id
    assert memory.forget(id_).state == "forgotten"
    assert memory.count() == len(memory.recall("cat Tom")) == len(memory.list()) == 0
    assert len(memory.list(states="forgotten")) == 1
    assert memory.forget(id_).version == 2
    with pytest.raises(InvalidInput, match="restore"):
        memory.update(id_, content="x")
    assert memory.restore(id_).state == "active"
    assert memory.recall("cat Tom")[0].record.id == id_
    assert memory.remember("The cat is called Tom").status == "duplicate"


def test_a_restored_record_must_not_say_what_another_says(memory: Memory) -> None:
    id_ = memory.remember("The cat is called Tom").id
    memory.forget(id_)
    assert memory.remember("The cat is called Tom").status == "stored"
    with pytest.raises(DuplicateRecord):
        memory.restore(id_)


def test_erasing_leaves_no_trace_in_the_store_or_its_files(memory: Memory, store: Path) -> None:
    keep = memory.remember("An ordinary note that stays")
    first = memory.remember("Her passport number is XK4471 Zanzibar")
    memory.recall("passport Zanzibar")
    second = memory.correct(first.id, "Her passport number is XK4472 Zanzibar")
    merged = memory.remember("Her passport number is XK4472 Zanzibar.")
    assert merged.status == "merged"
    memory.link(keep.id, second.id, "causes")
    receipt = memory.erase(second.id)
    assert merged.merged is not None
    assert set(receipt.erased) == {first.id, second.id, merged.merged}
    assert receipt.links_removed == 1
    assert receipt.purged
    assert memory.get(keep.id).links == ()
    for id_ in receipt.erased:
        with pytest.raises(RecordNotFound):
            memory.get(id_)
    assert all("passport" not in hit.content for hit in memory.recall("passport Zanzibar"))
    for file in store.parent.iterdir():
        assert b"Zanzibar" not in file.read_bytes()


def test_erasing_a_version_leaves_its_successor(memory: Memory) -> None:
    old = memory.remember("Ann lives in Leeds")
    new = memory.correct(old.id, "Ann lives in York")
    assert memory.erase(old.id).erased == (old.id,)
    assert memory.get(new.id).supersedes is None


def test_erasing_something_invisible_erases_nothing(memory: Memory) -> None:
    id_ = memory.remember("stays").id
    with pytest.raises(RecordNotFound, match="nothing was erased"):
        memory.erase([id_, GHOST])
    assert memory.count() == 1
    with pytest.raises(InvalidInput):
        memory.erase([])


@pytest.mark.parametrize("bad", ["", "7", "no-such-id", None, GHOST.upper() + "x"])
def test_malformed_ids_are_refused(memory: Memory, bad: str) -> None:
    for call in (memory.get, memory.forget, memory.restore, memory.pin, memory.related):
        with pytest.raises(InvalidInput, match="id"):
            call(bad)


def test_records_of_other_scopes_are_not_found(memory: Memory) -> None:
    secret = memory.at(project="p", agent="ann").remember("hidden", private=True).id
    elsewhere = memory.at(namespace="other").remember("hidden").id
    sibling = memory.at(project="q").remember("hidden").id
    handle = memory.at(project="p", agent="bob")
    own = handle.remember("my own").id
    for id_ in (secret, elsewhere, sibling, GHOST):
        for call in (
            handle.get,
            handle.forget,
            handle.restore,
            handle.pin,
            handle.erase,
            handle.related,
            lambda id_: handle.update(id_, content="x"),
            lambda id_: handle.correct(id_, "x"),
            lambda id_: handle.feedback(id_, useful=True),
            lambda id_: handle.link(id_, own),
        ):
            with pytest.raises(RecordNotFound, match=re.escape(id_)):
                call(id_)
    assert memory.at(project="p", agent="ann").get(secret).state == "active"


def test_links_are_followed_within_the_scope_and_cycles_end(memory: Memory) -> None:
    a, b, c = (memory.remember(text).id for text in ("alpha", "beta", "gamma"))
    memory.link(a, b, "causes")
    memory.link(b, c, "fixes")
    memory.link(c, a, "repeats")
    assert memory.link(a, b, "causes").version == 2
    assert [(r.record.id, r.depth) for r in memory.related(a, direction="out", depth=3)] == [
        (b, 1),
        (c, 2),
    ]
    assert {r.record.id for r in memory.related(a)} == {b, c}
    assert [r.record.id for r in memory.related(a, direction="in")] == [c]
    assert [r.record.id for r in memory.related(a, types="causes", depth=3)] == [b]
    path = memory.related(a, direction="out", depth=2)[1].path
    assert [edge.type for edge in path] == ["causes", "fixes"]
    assert memory.unlink(a, b).links == ()
    with pytest.raises(InvalidInput, match="itself"):
        memory.link(a, a)


def test_no_path_leads_through_what_the_reader_may_not_see(memory: Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    start, end = ann.remember("start").id, ann.remember("end").id
    hidden = ann.remember("secret step", private=True).id
    ann.link(start, hidden)
    ann.link(hidden, end)
    assert {r.record.id for r in ann.related(start, depth=2)} == {hidden, end}
    assert bob.related(start, depth=2) == []
    assert bob.related(end, depth=2) == []


def test_listing_pages_through_everything_once(memory: Memory) -> None:
    memory.remember_many([f"note {n}" for n in range(25)])
    seen, cursor = [], None
    while True:
        page = memory.list(limit=10, cursor=cursor)
        seen += [record.content for record in page]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [f"note {n}" for n in reversed(range(25))]
    with pytest.raises(InvalidInput):
        memory.list(cursor="nonsense")
    with pytest.raises(InvalidInput):
        memory.list(order_by="tags")


def test_a_conversation_is_listed_in_sequence(memory: Memory) -> None:
    for sequence in (2, 0, 1):
        memory.remember(f"turn {sequence}", conversation_id="c", sequence=sequence)
    page = memory.list(filter=Eq("conversation_id", "c"), order_by="sequence", descending=False)
    assert [record.sequence for record in page] == [0, 1, 2]


def test_agents_and_tags_are_counted(memory: Memory) -> None:
    memory.at(agent="ann").remember("one", tags=["x"])
    memory.at(agent="bob").remember("two", tags=["x", "y"])
    memory.at(agent="bob").remember("mine", private=True, tags=["z"])
    assert memory.agents() == {"ann": 1, "bob": 1}
    assert memory.tags() == {"x": 2, "y": 1, "agent:ann": 1, "agent:bob": 1}
    assert memory.at(agent="bob").agents() == {"ann": 1, "bob": 2}


def test_an_export_comes_back_whole(memory: Memory, tmp_path: Path) -> None:
    lab = memory.at(project="p", agent="ann")
    a = lab.remember("first 🚀", tags=["x"], metadata={"deep": {"list": [1, "zwei", None]}})
    b = lab.remember("second", private=True, idempotency_key="k")
    lab.link(a.id, b.id, "supports")
    lab.forget(lab.remember("third thing").id)
    lab.correct(lab.remember("fourth").id, "fourth, corrected")
    file, again = tmp_path / "all.jsonl", tmp_path / "again.jsonl"
    assert memory.export(file, everyone=True) == 5
    other = memory.at(namespace="copy")
    imported = other.import_(file)
    assert (imported.stored, imported.skipped) == (5, 0)
    other.export(again, everyone=True)
    assert file.read_text().splitlines()[1:] == [
        line.replace('"namespace": "copy"', '"namespace": "default"')
        for line in again.read_text().splitlines()[1:]
    ]
    assert other.at(project="p").recall("first")[0].record.id == a.id
    repeated = other.import_(file)
    assert (repeated.stored, repeated.skipped) == (0, 5)


def test_an_export_holds_what_its_handle_may_read(memory: Memory, tmp_path: Path) -> None:
    memory.at(agent="ann").remember("ann's own", private=True)
    memory.at(agent="bob").remember("bob's own", private=True)
    memory.at(project="p").remember("shared")
    file = tmp_path / "some.jsonl"
    assert memory.export(file) == 1
    assert memory.at(agent="ann").export(file) == 2
    assert memory.export(file, everyone=True) == 3
    with pytest.raises(InvalidScope):
        memory.at(agent="ann").export(file, everyone=True)
    with pytest.raises(InvalidScope, match="line"):
        memory.at(agent="bob").import_(file)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        '{"format": "other"}',
        '{"format": "memkit-export", "version": 99}',
        '{"format": "memkit-export", "version": 1}\n{"id": "x"}',
        '{"format": "memkit-export", "version": 1}\n["a"]',
    ],
)
def test_what_is_not_an_export_is_refused(memory: Memory, tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(text)
    with pytest.raises(InvalidInput):
        memory.import_(file)
    with pytest.raises(InvalidInput, match="cannot be read"):
        memory.import_(tmp_path / "missing.jsonl")
    assert memory.count() == 0


async def _race(store: Path) -> list[int]:
    import asyncio

    async with AsyncMemory.open(str(store), embedder="none") as memory:
        id_ = (await memory.remember("counter", metadata={})).id

        async def bump(n: int) -> None:
            await memory.update(id_, tags=[f"t{n}"])

        await asyncio.gather(*(bump(n) for n in range(8)))
        return [(await memory.get(id_)).version]


def test_updates_that_race_are_all_applied(store: Path) -> None:
    import asyncio

    assert asyncio.run(_race(store)) == [9]
