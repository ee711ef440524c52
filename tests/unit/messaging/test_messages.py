"""Messages where something is unusual: clocks, hidden channels, dropped changes, crowds."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from shutil import copyfile

import pytest

import memkit.engine
from memkit import Memory, Scope
from memkit.clock import utc_now
from memkit.errors import (
    Forbidden,
    InvalidInput,
    RecordNotFound,
    StoreError,
    StoreReadOnly,
)
from memkit.migration import migrate
from memkit_sqlite import tables


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


@pytest.fixture
def memory(store: Path) -> Iterator[Memory]:
    with Memory.open(str(store), embedder="none") as memory:
        yield memory


def within(memory: Memory, **fields: object) -> Memory:
    """A handle on the same memory whose scope a server has set."""
    return memory.within(replace(memory.scope, **fields))  # type: ignore[arg-type]


def drained(memory: Memory, limit: int = 20) -> list[str]:
    said = []
    while found := memory.inbox(limit=limit):
        said += [each.record.content for each in found]
        memory.ack([each.record.id for each in found])
    return said


def test_a_sender_whose_clock_jumps_back_loses_nothing(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, cy, dan = (memory.at(agent=name) for name in ("ann", "bob", "cy", "dan"))
    for n in range(50):
        ann.send("ops", f"before {n}")
    assert len(drained(bob)) == 50
    # cy is in the middle of what was there already.
    half = cy.inbox(limit=20)
    cy.ack([each.record.id for each in half])
    monkeypatch.setattr(memkit.engine, "utc_now", lambda: utc_now() - timedelta(hours=1))
    ann.send("ops", "an hour back")
    monkeypatch.setattr(memkit.engine, "utc_now", lambda: utc_now() + timedelta(hours=1))
    ann.send("ops", "an hour ahead")
    monkeypatch.undo()
    ann.send("ops", "after")
    assert drained(bob) == ["an hour back", "an hour ahead", "after"]
    rest = drained(cy)
    assert sorted(rest) == sorted(
        [f"before {n}" for n in range(20, 50)] + ["an hour back", "an hour ahead", "after"]
    )
    assert len(drained(dan)) == 53
    assert drained(bob) == drained(cy) == drained(dan) == []


def test_the_ten_thousandth_message_comes_in_its_turn(memory: Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    texts = [f"message {n}" for n in range(10_000)]
    ann.remember_many([{"content": text, "tags": ["msg:ops"]} for text in texts[:6000]])
    first = bob.inbox(limit=500)
    bob.ack([each.record.id for each in first])
    ann.remember_many([{"content": text, "tags": ["msg:ops"]} for text in texts[6000:]])
    assert bob.channels()[0].unread == 9500
    assert [each.record.content for each in first] + drained(bob, 500) == texts
    ann.send("ops", "one more")
    assert drained(bob) == ["one more"]
    assert memory.count() == 10_001


def test_a_reader_that_is_far_behind_loses_nothing(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "CHANGES_KEPT", 20)
    monkeypatch.setattr(tables, "_TRIM_EVERY", 10)
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    ann.send("ops", "the first")
    assert drained(bob) == ["the first"]
    with memory.watch() as events:
        for n in range(60):
            ann.send("ops", f"message {n}")
        assert next(events).type == "reset"
        ann.send("ops", "the last")
        last = next(events)
        assert last.record is not None
        assert last.record.content == "the last"
    assert set(drained(bob)) >= {f"message {n}" for n in range(60)} | {"the last"}


def test_a_hidden_channel_is_not_there(memory: Memory) -> None:
    ann = memory.at(agent="ann")
    secret = ann.send("board", "the secret plan")
    note = ann.remember("a plan for all")
    eve = within(memory.at(agent="eve"), hidden=frozenset({"msg:board"}))
    with eve.watch() as events:
        more = ann.send("board", "more of it", reply_to=secret.id)
        with pytest.raises(RecordNotFound):
            eve.get(secret.id)
        assert [hit.record.id for hit in eve.recall("plan")] == [note.id]
        assert [record.id for record in eve.list()] == [note.id]
        assert eve.count() == 1
        assert eve.tags() == {"agent:ann": 1}
        assert eve.inbox() == [] == eve.channels()
        with pytest.raises(RecordNotFound):
            eve.link(note.id, secret.id)
        ann.link(note.id, secret.id)
        assert eve.related(note.id) == []
        assert next(events).type == "updated"
        ann.erase(more.id)
        ann.remember("the end")
        assert next(events).type == "created"
    exported = io.StringIO()
    assert eve.export(exported) == 2
    assert "secret" not in exported.getvalue()
    for refused in (
        lambda: eve.send("board", "hello"),
        lambda: eve.remember("hello", tags=["msg:board"]),
        lambda: eve.remember_many([{"content": "hello", "tags": ["msg:board"]}]),
        lambda: eve.update(note.id, tags=["msg:board"]),
        lambda: eve.correct(note.id, "hello", tags=["msg:board"]),
        lambda: eve.inbox("board"),
        lambda: eve.ack(secret.id, channel="board"),
        lambda: eve.at(project="p").send("board", "hello"),
    ):
        with pytest.raises(Forbidden):
            refused()
    for_all = io.StringIO()
    within(memory, hidden=frozenset({"msg:board"})).export(for_all, everyone=True)
    assert "secret" not in for_all.getvalue()
    everything = io.StringIO()
    ann.export(everything)
    with pytest.raises(Forbidden):
        eve.import_(io.StringIO(everything.getvalue()))
    assert len(ann.list(tags="msg:board")) == 1


def test_the_author_is_whom_the_server_knows(memory: Memory, tmp_path: Path) -> None:
    ann = within(memory.at(agent="a1"), author="ann")
    bob = within(memory.at(agent="a1"), author="bob")
    note = ann.at(project="p").remember("a note")
    assert note.record.author == "ann"
    assert ann.remember("mine").record.author == "ann"
    assert bob.at(project="p").update(note.id, kind="fact").author == "ann"
    corrected = bob.at(project="p").correct(note.id, "a better note")
    assert corrected.record.author == "bob"
    assert memory.remember("by nobody that is known").record.author is None
    assert memory.count(reach="subtree", filter=memkit.filters.Eq("author", "ann")) == 1
    exported = io.StringIO()
    memory.export(exported)
    with Memory.open(str(tmp_path / "other.db"), embedder="none") as other:
        other.import_(io.StringIO(exported.getvalue()))
        assert {r.author for r in other.list(reach="subtree")} == {"ann", "bob", None}
    with Memory.open(str(tmp_path / "third.db"), embedder="none") as third:
        within(third, author="eve").import_(io.StringIO(exported.getvalue()))
        assert {r.author for r in third.list(reach="subtree")} == {"eve"}


def test_a_scope_keeps_what_the_server_has_set() -> None:
    scope = Scope(author="ann", hidden=frozenset({"msg:caf\u0065\u0301"}))
    narrow = scope.narrowed(project="p", agent="a")
    assert (narrow.author, narrow.hidden) == ("ann", frozenset({"msg:caf\u00e9"}))
    with pytest.raises(TypeError):
        scope.narrowed(author="eve")  # type: ignore[call-arg]


def test_members_of_a_group_get_what_the_others_send(memory: Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    ann.send("jobs", "from ann")
    bob.send("jobs", "from bob")
    assert [d.record.content for d in ann.inbox(consumer="team", lease=9)] == ["from bob"]
    assert [d.record.content for d in bob.inbox(consumer="team", lease=9)] == ["from ann"]


def test_a_message_on_two_channels_is_given_out_once(memory: Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    sent = ann.send("a", "on both", tags=["msg:b"])
    assert [(d.record.id, d.channel) for d in bob.inbox()] == [(sent.id, "a")]
    assert bob.ack(sent.id) == 1
    assert bob.inbox() == bob.inbox("b") == []


def test_what_was_read_otherwise_can_be_acknowledged(memory: Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    for n in range(3):
        ann.send("ops", f"message {n}")
    (hit,) = bob.recall("message 1", limit=1)
    assert bob.ack(hit.record.id) == 1
    assert drained(bob) == ["message 0", "message 2"]


def test_a_private_message_that_is_shared_is_sent_then(memory: Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    draft = ann.remember("not yet", tags=["msg:ops"], private=True)
    assert bob.inbox() == []
    ann.update(draft.id, private=False)
    assert drained(bob) == ["not yet"]


def test_a_restored_message_comes_after_all(memory: Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    first = ann.send("ops", "the first")
    second = ann.send("ops", "the second")
    ann.forget(second.id)
    assert [d.record.id for d in bob.inbox()] == [first.id]
    ann.forget(first.id)
    assert bob.inbox() == []
    ann.restore(first.id)
    ann.restore(second.id)
    assert drained(bob) == ["the first", "the second"]


def test_a_migrated_store_gives_everything_to_its_consumers_anew(
    store: Path, tmp_path: Path
) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        memory.at(agent="ann").send("ops", "hello")
        assert drained(memory.at(agent="bob")) == ["hello"]
    other = tmp_path / "other.db"
    done = asyncio.run(migrate(f"sqlite://{store}", f"sqlite://{other}"))
    assert done.records == 1
    with Memory.open(str(other), embedder="none") as memory:
        assert memory.count() == 1
        assert drained(memory.at(agent="bob")) == ["hello"]


def test_a_store_that_was_put_back_gives_out_what_came_since(store: Path, tmp_path: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        memory.at(agent="ann").send("ops", "before the backup")
        memory.compact()
    backup = tmp_path / "backup.db"
    copyfile(store, backup)
    with Memory.open(str(backup), embedder="none") as memory:
        assert "before the backup" in drained(memory.at(agent="bob"))


def test_a_store_that_cannot_be_written_has_no_inbox(store: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        memory.at(agent="ann").send("ops", "hello")
    with Memory.open(str(store), embedder="none", read_only=True) as memory:
        assert [c.name for c in memory.channels()] == ["ops"]
        with pytest.raises(StoreReadOnly):
            memory.at(agent="bob").inbox()


def test_arguments_that_cannot_be_are_refused(memory: Memory) -> None:
    ann = memory.at(agent="ann")
    for refused in (
        lambda: ann.send("ops", ""),
        lambda: ann.send("ops", "text", to=[]),
        lambda: ann.send("ops", "text", to=""),
        lambda: ann.send("ops", "text", to=7),  # type: ignore[arg-type]
        lambda: ann.send("ops", "text", metadata={"msg:to": ["bob"]}),
        lambda: ann.send("ops", "text", reply_to="x"),
        lambda: ann.send("ops", "text", tags="one"),
        lambda: ann.inbox(consumer=""),
        lambda: ann.inbox(limit=0),
        lambda: ann.inbox(lease=0),
        lambda: ann.inbox(lease=8 * 86400),
        lambda: ann.inbox(lease=float("nan")),
        lambda: ann.inbox(wait=-1),
        lambda: ann.inbox(wait=float("nan")),
        lambda: ann.ack("x"),
    ):
        with pytest.raises(InvalidInput):
            refused()
    with pytest.raises(RecordNotFound):
        ann.send("ops", "text", reply_to="01900000-0000-7000-8000-000000000000")
    assert memory.count() == 0
    assert not issubclass(InvalidInput, StoreError)


def test_a_repeated_send_is_one_message(memory: Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    first = ann.send("ops", "once", idempotency_key="k")
    assert ann.send("ops", "once", idempotency_key="k").id == first.id
    assert drained(bob) == ["once"]
