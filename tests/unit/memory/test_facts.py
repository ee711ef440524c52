"""Facts on both time axes, against a model that is plain enough to be believed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from memkit import AsyncMemory
from memkit.testing.embedders import ToyEmbedder

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Said:
    """An assertion: what a reader of a diary would note."""

    id: str
    value: str
    begins: datetime
    ends: datetime | None
    noted: datetime
    struck: datetime | None = None


def holds(diary: list[Said], day: datetime, seen: datetime, *, single: bool) -> list[str]:
    """The values on a day, by what the diary said at a moment."""
    covering = [
        (said.begins, number, said.value)
        for number, said in enumerate(diary)
        if said.noted <= seen
        and (said.struck is None or seen < said.struck)
        and said.begins <= day
        and (said.ends is None or day < said.ends)
    ]
    if single:
        return [max(covering)[2]] if covering else []
    return sorted(value for _, _, value in covering)


def day(number: int) -> datetime:
    return START + number * DAY


SPAN = st.tuples(st.integers(0, 12), st.none() | st.integers(1, 6))
STEP = st.one_of(
    st.tuples(st.just("assert"), st.sampled_from("abc"), SPAN),
    st.tuples(st.just("correct"), st.integers(0, 30), st.sampled_from("abc")),
    st.tuples(st.just("retract"), st.integers(0, 30)),
    st.tuples(st.just("undo"), st.integers(0, 30)),
)


async def _follows_the_model(steps: list[tuple], *, single: bool) -> None:
    predicate = "lives_in" if single else "likes"
    diary: list[Said] = []
    origin: dict[str, str] = {}
    async with AsyncMemory.open(":memory:", embedder="none") as memory:
        for step in steps:
            standing = [said for said in diary if said.struck is None]
            if step[0] == "assert":
                begins = day(step[2][0])
                ends = None if step[2][1] is None else begins + step[2][1] * DAY
                done = await memory.assert_fact(
                    "Ann", predicate, step[1], valid_from=begins, valid_to=ends
                )
                record = done.record
                diary.append(Said(record.id, step[1], begins, ends, record.created_at))
            elif not standing:
                continue
            elif step[0] == "correct":
                old = standing[step[1] % len(standing)]
                if old.value == step[2]:
                    continue
                record = (await memory.correct_fact(old.id, object=step[2])).record
                old.struck = (await memory.get(old.id)).retracted_at
                origin[record.id] = old.id
                diary.append(Said(record.id, step[2], old.begins, old.ends, record.created_at))
            else:
                old = standing[step[1] % len(standing)]
                undone = step[0] == "undo"
                done = await (memory.undo(old.id) if undone else memory.retract_fact(old.id))
                old.struck = (await memory.get(old.id)).retracted_at
                before = next((s for s in diary if s.id == origin.get(old.id)), None)
                if undone and before is not None:
                    record = done.record
                    origin[record.id] = old.id
                    diary.append(
                        Said(record.id, before.value, before.begins, before.ends, record.created_at)
                    )
        moments = [said.noted for said in diary] + [said.struck for said in diary if said.struck]
        for seen in (*moments, datetime.now(UTC)):
            for number in range(0, 20, 3):
                found = await memory.facts(
                    subject="Ann", as_of=day(number), known_at=seen, limit=1000
                )
                values = [fact.object for fact in found]
                assert sorted(values) == holds(diary, day(number), seen, single=single)
        if single:
            now = datetime.now(UTC)
            active = [each.object for each in await memory.list(limit=1000)]
            current = holds(diary, now, now, single=True)
            assert active == current or (not current and not active)


@settings(max_examples=40)
@given(st.lists(STEP, min_size=1, max_size=14))
def test_facts_are_what_a_diary_says(steps: list[tuple]) -> None:
    for single in (True, False):
        asyncio.run(_follows_the_model(steps, single=single))
