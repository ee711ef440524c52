"""Episodes: the turns of a conversation that has been quiet for a while, in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from memkit.clock import utc_now
from memkit.consolidation.extracting import moment_of
from memkit.consolidation.groups import EPISODE, Group, name_of
from memkit.consolidation.homes import Window, scanned
from memkit.consolidation.steps import Step
from memkit.filters import Exists, Filter, In
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

#: The greatest number of turns of an episode.
TURNS_MAX: Final = 60
#: An episode names so many of its speakers.
SPEAKERS_MAX: Final = 20
# So many turns are read at once, unless one conversation has more.
_READ: Final = 1000
_CONVERSATIONS: Final = 100

TURNS: Final[Filter] = Exists("conversation_id")


async def episodes(
    engine: Engine, window: Window, min_size: int, after: str | None
) -> AsyncIterator[Step]:
    """The episodes of a place's conversations, in steps.

    Args:
        engine: the store's.
        window: which records.
        min_size: fewer turns are no episode: they wait for more.
        after: the last conversation that was looked at.
    """
    namespace = window.scope.namespace
    counted = await engine.backend.count(namespace, window.filter(TURNS), by="conversation_id")
    left = [
        (name, count) for name, count in sorted(counted.items()) if after is None or name > after
    ]
    for some in _together(left):
        groups: list[Group] = []
        turns: defaultdict[str, list[MemoryRecord]] = defaultdict(list)
        names = [name for name, count in some if count >= min_size]
        if names:
            wanted = window.filter(In("conversation_id", tuple(names)))
            async for record in scanned(engine, namespace, wanted):
                if window.open(record):
                    turns[record.conversation_id or ""].append(record)
        quiet = timedelta(seconds=engine.settings.consolidate_quiet_seconds)
        for name in names:
            groups += _episodes(window, name, turns[name], min_size, quiet)
        yield Step(tuple(groups), sum(count for _, count in some), after=some[-1][0])


def _together(left: Sequence[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    some: list[tuple[str, int]] = []
    turns = 0
    for name, count in left:
        if some and (turns + count > _READ or len(some) == _CONVERSATIONS):
            yield some
            some, turns = [], 0
        some.append((name, count))
        turns += count
    if some:
        yield some


def _episodes(
    window: Window,
    conversation: str,
    turns: list[MemoryRecord],
    min_size: int,
    quiet: timedelta,
) -> Iterator[Group]:
    if len(turns) < min_size:
        return
    if utc_now() - max(map(moment_of, turns)) < quiet:
        # It may go on.
        return
    for part in parted(in_order(turns), min_size, quiet):
        moments = [moment_of(turn) for turn in part]
        speakers = list(dict.fromkeys(turn.speaker for turn in part if turn.speaker is not None))
        metadata: dict[str, Any] = {
            "conversation_id": conversation,
            "began_at": min(moments).isoformat(),
            "ended_at": max(moments).isoformat(),
        }
        if speakers:
            metadata["speakers"] = speakers[:SPEAKERS_MAX]
        name = name_of(EPISODE, *sorted(turn.id for turn in part))
        yield Group(EPISODE, window.home, name, tuple(part), metadata=metadata)


def in_order(turns: Sequence[MemoryRecord]) -> list[MemoryRecord]:
    """Turns in the order of their conversation: as they are numbered, else by time."""
    if all(turn.sequence is not None for turn in turns):
        return sorted(turns, key=lambda turn: (turn.sequence or 0, turn.id))
    return sorted(turns, key=lambda turn: (moment_of(turn), turn.sequence or 0, turn.id))


def parted(
    turns: Sequence[MemoryRecord], min_size: int, gap: timedelta
) -> list[list[MemoryRecord]]:
    """A conversation in episodes: cut where nothing was said for as long as ``gap``.

    What is still too long is cut into equal parts; what is too short stays with what was before.
    """
    parts: list[list[MemoryRecord]] = []
    before: datetime | None = None
    for turn in turns:
        now = moment_of(turn)
        if before is None or (now - before >= gap and len(parts[-1]) >= min_size):
            parts.append([])
        parts[-1].append(turn)
        before = now
    if len(parts) > 1 and len(parts[-1]) < min_size:
        last = parts.pop()
        parts[-1] += last
    even = []
    for part in parts:
        pieces = -(-len(part) // TURNS_MAX)
        if len(part) // pieces < min_size:
            pieces = max(1, len(part) // min_size)
        ends = [len(part) * piece // pieces for piece in range(pieces + 1)]
        even += [part[start:end] for start, end in pairwise(ends)]
    return even
