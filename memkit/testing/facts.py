"""The theme of facts: random histories against a diary, races, and states that are set right.

The diary is the model: a list of what was said, read through for each question.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from memkit.protocols import Patch
from memkit.retrieval.analysis import ANALYZER
from memkit.testing.processes import Job, hear, started, tell
from memkit.testing.suite import Suite, on_memory, require
from memkit.types import State

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory

#: What is done, which of the standing entries it is done to, subject, value, begin, length.
Step: TypeAlias = tuple[str, int, int, int, int, int | None]

#: What can be done; most of it is said for the first time.
DEEDS = (*["assert"] * 6, "correct", "move", "retract", "undo", "undo", "forget", "restore")
DAYS = 20
#: So many in one process, or in several.
WRITERS, PROCESSES = 8, 4


@dataclass
class Said:
    """An entry of the diary: what somebody said, when it began, when it was noted and struck."""

    id: str
    subject: str
    value: str
    begins: datetime
    ends: datetime | None
    noted: datetime
    instead_of: Said | None = None
    struck: datetime | None = None
    hidden: bool = False

    def covers(self, day: datetime, seen: datetime) -> bool:
        """Whether a reader at one moment finds that it speaks of another."""
        known = self.noted <= seen and (self.struck is None or seen < self.struck)
        spans = self.begins <= day and (self.ends is None or day < self.ends)
        return known and spans and not self.hidden


@dataclass
class Diary:
    """What was said of some people with one predicate, in a memory and beside it.

    Attributes:
        memory: where it is kept.
        predicate: what is said.
        names: of whom; a symmetric predicate joins two of them.
        single, symmetric: what the predicate is like.
        today: what the days of the steps are counted from; the middle one is today.
    """

    memory: AsyncMemory
    predicate: str
    names: Sequence[str]
    single: bool
    symmetric: bool
    today: datetime = field(default_factory=lambda: datetime.now(UTC))
    said: list[Said] = field(default_factory=list)

    def day(self, number: int) -> datetime:
        """The moment that a day begins."""
        return self.today + (number - DAYS // 2) * timedelta(days=1)

    def holding(self, day: datetime, seen: datetime) -> list[Said]:
        """What held on a day, by what the diary said at a moment, the strongest first."""
        covering = [entry for entry in enumerate(self.said) if entry[1].covers(day, seen)]
        covering.sort(key=lambda entry: (entry[1].begins, entry[0]), reverse=True)
        holding: list[Said] = []
        for _, said in covering:
            if not self.single or not any(self._share(said, other) for other in holding):
                holding.append(said)
        return holding

    def _share(self, said: Said, other: Said) -> bool:
        if not self.symmetric:
            return said.subject == other.subject
        return bool({said.subject, said.value} & {other.subject, other.value})

    def values(self, name: str, day: datetime, seen: datetime) -> list[str]:
        """The values that somebody had on a day, by what the diary said at a moment."""
        found = []
        for said in self.holding(day, seen):
            if said.subject == name:
                found.append(said.value)
            elif self.symmetric and said.value == name:
                found.append(said.subject)
        return sorted(found)

    async def take(self, step: Step) -> None:
        """Do one thing in the memory and note it in the diary."""
        deed, which, subject, value, begin, length = step
        if deed == "assert":
            name = self.names[subject % len(self.names)]
            begins = self.day(begin)
            ends = None if length is None else begins + timedelta(days=length)
            other = self._value(name, value)
            done = await self.memory.assert_fact(
                name, self.predicate, other, valid_from=begins, valid_to=ends
            )
            self._note(done.record.id, Said("", name, other, begins, ends, done.record.created_at))
            return
        hidden = deed == "restore"
        able = [each for each in self.said if each.struck is None and each.hidden == hidden]
        if not able:
            return
        old = able[which % len(able)]
        if deed in ("forget", "restore"):
            await (self.memory.forget if deed == "forget" else self.memory.restore)(old.id)
            old.hidden = deed == "forget"
        elif deed in ("correct", "move"):
            await self._correct(old, deed, self._value(old.subject, value), self.day(begin))
        else:
            await self._take_back(old, deed)

    def _value(self, name: str, number: int) -> str:
        if not self.symmetric:
            return f"value {number % 3}"
        others = [other for other in self.names if other != name]
        return others[number % len(others)]

    async def _correct(self, old: Said, deed: str, value: str, begins: datetime) -> None:
        if deed == "correct":
            if value == old.value:
                return
            done = await self.memory.correct_fact(old.id, object=value)
            new = replace(old, value=value)
        else:
            if begins == old.begins or (old.ends is not None and old.ends <= begins):
                return
            done = await self.memory.correct_fact(old.id, valid_from=begins)
            new = replace(old, begins=begins)
        assert done.status == "corrected"
        await self._strike(old)
        assert old.struck == done.record.created_at, "for a moment both or neither was believed"
        self._note(done.record.id, replace(new, noted=done.record.created_at, instead_of=old))

    async def _take_back(self, old: Said, deed: str) -> None:
        before = old.instead_of
        undone = deed == "undo"
        done = await (self.memory.undo if undone else self.memory.retract_fact)(old.id)
        await self._strike(old)
        if undone and before is not None and not before.hidden:
            again = replace(before, noted=done.record.created_at, struck=None, instead_of=old)
            self._note(done.record.id, again)

    async def _strike(self, old: Said) -> None:
        old.struck = (await self.memory.get(old.id)).retracted_at
        assert old.struck is not None

    def _note(self, id_: str, said: Said) -> None:
        self.said.append(replace(said, id=id_))

    async def compare(self, *, moments: int = 100) -> None:
        """Fail unless the memory says what the diary says: of every day, as known at moments."""
        seen = sorted(
            {said.noted for said in self.said} | {s.struck for s in self.said if s.struck}
        )
        every = -(-len(seen) // moments) if seen else 1
        for moment in (*seen[::every], None):
            known = datetime.now(UTC) if moment is None else moment
            for name in self.names:
                stretches = await self.memory.facts(
                    subject=name,
                    predicate=self.predicate,
                    known_at=moment,
                    history=True,
                    limit=1000,
                )
                assert all(fact.subject == name for fact in stretches)
                for number in range(-1, DAYS + 8):
                    day = self.day(number)
                    found = [
                        fact.object
                        for fact in stretches
                        if fact.valid_from <= day and (fact.valid_to is None or day < fact.valid_to)
                    ]
                    assert sorted(found) == self.values(name, day, known), (name, number)
                day = self.day(DAYS // 2 - 3)
                found = [
                    fact.object
                    for fact in await self.memory.facts(
                        subject=name, predicate=self.predicate, as_of=day, known_at=moment
                    )
                ]
                assert sorted(found) == self.values(name, day, known)
        await self._compare_states()

    async def _compare_states(self) -> None:
        now = datetime.now(UTC)
        current = {said.id for said in self.holding(now, now)}
        records = await self.memory.get_many(said.id for said in self.said)
        for said in self.said:
            record = records[said.id]
            if said.hidden:
                assert record.state == State.FORGOTTEN
                continue
            active = said.struck is None and (said.id in current or now < said.begins)
            assert record.state == (State.ACTIVE if active else State.SUPERSEDED)
            if self.single and said.struck is None and not active and said.ends is None:
                assert record.superseded_by in records, "it does not say what took its place"


async def follow(
    memory: AsyncMemory, steps: Sequence[Step], *, name: str = "", moments: int = 100
) -> None:
    """Fail unless a memory answers as a diary does, whatever the predicate is like."""
    people = [f"{person}{name}" for person in ("Ann", "Bob", "Cyd", "Dan", "Eve")]
    for single in (True, False):
        for symmetric in (True, False):
            predicate = f"{'single' if single else 'many'}{' both' if symmetric else ''}"
            await memory.declare_predicate(predicate, single=single, symmetric=symmetric)
            names = people if symmetric else people[:1]
            diary = Diary(memory, predicate.replace(" ", "_"), names, single, symmetric)
            for step in steps:
                await diary.take(step)
            await diary.compare(moments=moments)


def random_steps(seed: int, number: int) -> list[Step]:
    """Steps by chance, the same for the same seed."""
    chance = random.Random(seed)
    return [
        (
            chance.choice(DEEDS),
            chance.randrange(30),
            chance.randrange(5),
            chance.randrange(5),
            chance.randrange(DAYS),
            chance.choice((None, None, chance.randrange(1, 8))),
        )
        for _ in range(number)
    ]


async def race(memory: AsyncMemory, writer: int, values: int = 2) -> None:
    """What one of several writers says of one subject; each begins later than the one before."""
    for number in range(values):
        await memory.assert_fact("Ann", "lives_in", f"city {writer} {number}")


class FactTests(Suite):
    """What was true on a day and believed on a day, whatever was said in which order."""

    #: How many random histories are compared with the diary.
    fact_histories: int = 1

    @on_memory
    async def test_facts_are_what_a_diary_says(self, memory: AsyncMemory) -> None:
        for seed in range(self.fact_histories):
            await follow(memory, random_steps(seed, 10), name=f" {seed}", moments=3)

    @on_memory
    async def test_writers_of_one_loop_leave_one_current_value(self, memory: AsyncMemory) -> None:
        await asyncio.gather(*(race(memory, writer) for writer in range(WRITERS)))
        await self.assert_one_current(memory)

    @on_memory
    async def test_writers_in_threads_leave_one_current_value(self, memory: AsyncMemory) -> None:
        def write(writer: int) -> None:
            asyncio.run(race(memory, writer))

        def run() -> None:
            with ThreadPoolExecutor(WRITERS) as pool:
                list(pool.map(write, range(WRITERS)))

        await asyncio.to_thread(run)
        await self.assert_one_current(memory)

    def test_writers_in_processes_leave_one_current_value(self, tmp_path: Path) -> None:
        async def run() -> None:
            place = tmp_path / "store"
            async with self.opened_memory(place) as memory:
                require(memory._engine.backend, "multi_process")
                jobs = [
                    Job("assert", self.backend_factory, str(place), "", 0, ANALYZER, writer)
                    for writer in range(PROCESSES)
                ]
                await asyncio.to_thread(_raced, jobs)
                await asyncio.sleep(self.settle_seconds)
                await self.assert_one_current(memory)

        asyncio.run(run())

    async def assert_one_current(self, memory: AsyncMemory) -> None:
        """Fail unless of all that was said the last holds, and the rest is its history."""
        (current,) = await memory.facts(subject="Ann", predicate="lives_in")
        states = [record.state for record in await memory.list(states=list(State), limit=100)]
        assert (len(states), states.count("active")) == (2 * WRITERS, 1)
        (active,) = await memory.list(limit=100)
        assert active.id == current.id
        stretches = await memory.facts(subject="Ann", predicate="lives_in", history=True)
        assert [fact.ended_by for fact in stretches] == [
            *(fact.id for fact in stretches[1:]), None,
        ]  # fmt: skip

    @on_memory
    async def test_states_that_are_off_are_set_right_by_whoever_reads(
        self, memory: AsyncMemory
    ) -> None:
        day = timedelta(days=1)
        now = datetime.now(UTC)
        bonn = await memory.assert_fact("Ann", "lives_in", "Bonn", valid_from=now - 9 * day)
        rome = await memory.assert_fact("Ann", "lives_in", "Rome", valid_from=now - day)
        assert rome.closed == (bonn.record.id,)

        async def stored(id_: str, **changed: object) -> None:
            held = await memory.get(id_)
            new = replace(held, version=held.version + 1, **changed)  # type: ignore[arg-type]
            await memory._engine.backend.write([Patch(new, held.version)])

        # As a writer leaves it that ended between its two writes.
        await stored(bonn.record.id, state="active", superseded_by=None, superseded_at=None)
        hits = await memory.recall("where Ann lives", mode="lexical")
        assert [hit.record.object for hit in hits] == ["Rome"]
        assert (await memory.get(bonn.record.id)).superseded_by == rome.record.id
        await stored(bonn.record.id, state="active", superseded_by=None, superseded_at=None)
        (fact,) = await memory.facts(subject="Ann")
        assert fact.id == rome.record.id
        assert (await memory.get(bonn.record.id)).state == "superseded"
        # As time leaves it: the one is over, so that the other holds again.
        await stored(rome.record.id, valid_to=now - day / 2)
        hits = await memory.recall("where Ann lives", mode="lexical")
        assert [hit.record.object for hit in hits] == ["Bonn"]
        both = await memory.recall(
            "where Ann lives", mode="lexical", states=["active", "superseded"]
        )
        assert {hit.record.object: hit.record.state for hit in both} == {
            "Bonn": "active", "Rome": "superseded",
        }  # fmt: skip


def _raced(jobs: Sequence[Job]) -> None:
    """Have processes do their jobs, all at the same time."""
    with ExitStack() as stack:
        processes = [stack.enter_context(started(job)) for job in jobs]
        for process in processes:
            assert hear(process) == "ready"
        for process in processes:
            tell(process, "go")
        for process in processes:
            assert hear(process) == "done"
