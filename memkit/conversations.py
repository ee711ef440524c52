"""Turns of a conversation in order: those just before a record, those just after it.

A turn is a record with a ``conversation_id`` and a ``sequence``. Only turns with the same
audience are neighbours: the words of one that fewer may read must not find another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from memkit.filters import And, Eq, Filter, In
from memkit.places import Place, place_in_conversation, shifted
from memkit.protocols import Backend, Stored
from memkit.types import MemoryRecord, State

#: How many turns lend their words to the next ones.
REACH = 2

_AT_ONCE = 200


async def turns_before(
    backend: Backend, records: Sequence[MemoryRecord], without: Collection[str] = ()
) -> list[tuple[MemoryRecord, ...]]:
    """For each record the active turns just before it, the nearest first, up to :data:`REACH`.

    They are looked for among the records themselves, then in the store. A gap ends them.

    Args:
        backend: where the others are.
        records: any records.
        without: ids that are passed over.
    """
    known: dict[Place, MemoryRecord] = {}
    for record in records:
        place = place_in_conversation(record)
        if place is not None and record.state == State.ACTIVE and record.id not in without:
            known[place] = record
    places = [place_in_conversation(record) for record in records]
    wanted = {
        shifted(place, -step)
        for place in places
        if place is not None
        for step in range(1, REACH + 1)
        if place[3] >= step
    }
    known |= await _stored(backend, wanted - known.keys(), without)
    return [() if place is None else _unbroken(place, known) for place in places]


def _unbroken(place: Place, known: Mapping[Place, MemoryRecord]) -> tuple[MemoryRecord, ...]:
    found = []
    for step in range(1, REACH + 1):
        turn = known.get(shifted(place, -step))
        if turn is None:
            break
        found.append(turn)
    return tuple(found)


async def _stored(
    backend: Backend, wanted: Iterable[Place], without: Collection[str]
) -> dict[Place, MemoryRecord]:
    found: dict[Place, MemoryRecord] = {}
    for item in await turns_at(backend, wanted):
        if item.record.id not in without:
            place = place_in_conversation(item.record)
            assert place is not None
            held = found.get(place)
            # Two at one place: the newer one stands.
            if held is None or held.id < item.record.id:
                found[place] = item.record
    return found


async def turns_after(backend: Backend, records: Iterable[MemoryRecord]) -> list[Stored]:
    """The active turns, up to :data:`REACH` on, to which these records lend their words.

    They come with their vectors; the records themselves are not among them.
    """
    places = [place for record in records if (place := place_in_conversation(record))]
    after = {shifted(place, step) for place in places for step in range(1, REACH + 1)}
    return await turns_at(backend, after - set(places), vectors=True)


async def turns_at(
    backend: Backend, places: Iterable[Place], *, vectors: bool = False
) -> list[Stored]:
    """The active turns at these places."""
    wanted = set(places)
    by_conversation: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for namespace, _, conversation, sequence in wanted:
        by_conversation[namespace, conversation].add(sequence)
    found: list[Stored] = []
    for (namespace, conversation), sequences in by_conversation.items():
        ordered = sorted(sequences)
        for start in range(0, len(ordered), _AT_ONCE):
            filter: Filter = And(
                (
                    Eq("conversation_id", conversation),
                    In("sequence", tuple(ordered[start : start + _AT_ONCE])),
                    Eq("state", State.ACTIVE.value),
                )
            )
            cursor: str | None = None
            while True:
                page = await backend.scan(namespace, filter, cursor=cursor, vectors=vectors)
                found += [
                    item for item in page.items if place_in_conversation(item.record) in wanted
                ]
                cursor = page.cursor
                if cursor is None:
                    break
    return found
