"""What one process writes to a server, another finds at once; what one leaves undone is done."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memkit.filters import EVERYTHING, ContainsAny, Eq
from memkit.protocols import (
    Applied,
    Delete,
    DenseLeg,
    Duplicate,
    Fingerprint,
    IndexData,
    LexicalLeg,
    Patch,
    SearchLeg,
    StoreSpec,
    Touch,
)
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id, unit_vector
from memkit.testing.suite import ids_of, scan_all
from memkit_chroma import ChromaBackend
from memkit_chroma.entries import State, Step
from memkit_chroma.gateway import Gateway
from memkit_chroma.lease import Lease
from memkit_chroma.ledger import Ledger, Overtaken
from memkit_chroma.places import place_of
from memkit_chroma.session import SCHEMA_VERSION, Session
from memkit_chroma.writer import Writer
from tests.engines.chroma import persistent_backend_at, server_backend_at, server_url_at

SPEC = StoreSpec(Fingerprint("m", 8), "a")


async def lexical(backend: ChromaBackend, word: str, filter: Any = EVERYTHING) -> list[str]:
    found = await backend.search(NAMESPACE, [LexicalLeg((word,))], filter, 50)
    return [each.id for each in found.legs[0]]


def test_words_and_vectors_of_another_writer_are_found_at_once(folder: Path) -> None:
    async def run() -> None:
        one, two = server_backend_at(folder), server_backend_at(folder)
        await one.open(SPEC)
        await two.open(SPEC)
        assert await lexical(two, "w1") == []
        for number in range(1, 6):
            record = build_record(number, tags=("x",))
            await one.write([build_put(record, unit_vector(number, 8), ["all", f"w{number}"])])
            assert await lexical(two, f"w{number}") == [record.id]
            dense = await two.search(NAMESPACE, [DenseLeg(unit_vector(number, 8))], EVERYTHING, 1)
            assert [each.id for each in dense.legs[0]] == [record.id]
        first = build_record(1, project="new", version=2)
        await two.write([Patch(first, 1, IndexData(unit_vector(50, 8), ("all", "patched")))])
        assert await lexical(one, "w1") == []
        assert await lexical(one, "patched", Eq("project", "new")) == [first.id]
        await one.write([Delete(NAMESPACE, record_id(2)), Touch(NAMESPACE, record_id(3), uses=4)])
        assert await lexical(two, "w2") == []
        assert set(await lexical(two, "all")) == {record_id(n) for n in (1, 3, 4, 5)}
        assert set(await lexical(two, "all", ContainsAny("tags", ("x",)))) == {
            record_id(n) for n in (3, 4, 5)
        }
        assert (await two.get(NAMESPACE, [record_id(3)]))[record_id(3)].record.uses == 4
        scores = [
            await each.search(NAMESPACE, [LexicalLeg(("all", "w4"))], EVERYTHING, 9)
            for each in (one, two)
        ]
        assert scores[0].legs == scores[1].legs
        await one.close()
        await two.close()

    asyncio.run(run())


def session_at(folder: Path) -> Session:
    place = place_of(server_url_at(folder))
    return Session(Gateway(replace(place, timeout=10.0)), SPEC)


def test_a_commit_that_was_never_brought_into_the_rows_is_finished_by_the_next_one(
    folder: Path,
) -> None:
    # As a process leaves it that is killed just after its commit: nothing flushed.
    left = session_at(folder)
    put = build_put(build_record(1), unit_vector(1, 8), ["word"], unique=("key",))

    async def read() -> None:
        backend = server_backend_at(folder)
        await backend.open(SPEC)
        assert await lexical(backend, "word") == [record_id(1)]
        again = await backend.write([build_put(build_record(2), unique=("key",))])
        assert again == [Duplicate(record_id(1), "key")]
        await backend.close()

    writer = Writer(left)
    assert writer._commit([[put]]) == [[Applied()]]
    assert left.ledger.flushed() < left.ledger.position
    asyncio.run(read())
    assert left.ledger.flushed() >= left.ledger.position
    left.gateway.close()


def test_of_two_commits_at_one_position_one_wins(folder: Path) -> None:
    one, two = session_at(folder), session_at(folder)
    two.catch_up()
    one.catch_up()
    step = Step("D", "n", "x")
    assert one.ledger.commit([step]) is True
    assert two.ledger.commit([step]) is False
    two.catch_up()
    assert two.ledger.position == one.ledger.position
    assert two.ledger.commit([step]) is True
    for each in (one, two):
        each.gateway.close()


def test_whoever_slept_through_a_shortened_log_begins_anew(folder: Path) -> None:
    awake, asleep = session_at(folder), session_at(folder)
    writer = Writer(awake)
    for number in range(6):
        assert writer._commit([[build_put(build_record(number), None, [f"w{number}"])]])
        if number == 2:
            asleep.catch_up()
            assert len(asleep.look(NAMESPACE, lambda partition: list(partition.row_of))) == 3
    assert writer.flusher.flush()
    awake.ledger.shorten(0, awake.ledger.position - 1)
    with pytest.raises(Overtaken):
        # What it would commit now stands on a past that nobody keeps.
        asleep.ledger.commit([Step("D", NAMESPACE, record_id(1))])
    asleep.restart()
    assert len(asleep.read(NAMESPACE, lambda partition: list(partition.row_of))) == 6
    assert asleep.ledger.position == awake.ledger.position
    for each in (awake, asleep):
        each.gateway.close()


def test_a_turn_that_is_never_given_back_is_taken_over(folder: Path) -> None:
    session = session_at(folder)
    dead = Lease(session.gateway, session.ledger.meta)
    assert dead.take()
    waiting = Lease(session.gateway, session.ledger.meta)
    assert waiting.take() is False
    waiting._abandoned = 0.0
    assert waiting.take() is True
    # Whoever comes next sees a holder, not the one that is gone.
    assert Lease(session.gateway, session.ledger.meta).take() is False
    waiting.give_back()
    assert Lease(session.gateway, session.ledger.meta).take() is True
    session.gateway.close()


def test_a_long_commit_is_whole_or_absent(folder: Path) -> None:
    session = session_at(folder)
    writer = Writer(session)
    puts = [build_put(build_record(n, content="long " * 2_000), None, ["w"]) for n in range(900)]
    assert writer._commit([puts]) == [[Applied()] * 900]
    log = session.gateway.get(session.ledger.log)
    assert any("." in id_ for id_ in log.ids), "the entry was not too long for one row"
    other = session_at(folder)
    assert len(other.read(NAMESPACE, lambda partition: list(partition.row_of))) == 900
    # Reading so much has brought it into the rows, or this does.
    log = session.gateway.get(session.ledger.log)
    for _ in range(200):
        if not any("." in id_ for id_ in log.ids):
            break
        writer.flusher.flush()
        time.sleep(0.05)
        log = session.gateway.get(session.ledger.log)
    assert not any("." in id_ for id_ in log.ids)
    assert "long long" not in str(log.metadatas)
    for each in (session, other):
        each.gateway.close()


def test_parts_without_an_entry_are_no_commit(folder: Path) -> None:
    session = session_at(folder)
    position = session.ledger.position
    session.gateway.add(session.ledger.log, ["dead.0"], [[1.0, 1.0]], [{"e": "x", "of": 1}])
    other = Ledger(session.gateway, lambda entry: None)
    other.begin(SCHEMA_VERSION)
    other.catch_up()
    assert other.position == position
    session.gateway.close()


def test_namespaces_beyond_what_memory_holds_are_read_again(folder: Path) -> None:
    async def run() -> None:
        backend = persistent_backend_at(folder)
        backend = ChromaBackend(replace(backend._place, memory_rows=30))
        await backend.open(SPEC)
        for number in range(60):
            record = build_record(number, namespace=f"n{number % 6}")
            await backend.write([build_put(record, unit_vector(number, 8), [f"w{number}"])])
        assert await backend.namespaces() == {f"n{n}": 10 for n in range(6)}
        for number in range(60):
            namespace = f"n{number % 6}"
            legs: list[SearchLeg] = [DenseLeg(unit_vector(number, 8)), LexicalLeg((f"w{number}",))]
            found = await backend.search(namespace, legs, EVERYTHING, 1)
            assert [[each.id for each in leg] for leg in found.legs] == [[record_id(number)]] * 2
        assert len(ids_of(await scan_all(backend, namespace="n3"))) == 10
        await backend.close()

    asyncio.run(run())


def test_the_store_says_what_it_is() -> None:
    state = State(1, "a", Fingerprint("m", 8), 3, (Fingerprint("n", None), "b", 4), 4, 17)
    from memkit_chroma.entries import state_from

    assert state_from(state.text()) == state
