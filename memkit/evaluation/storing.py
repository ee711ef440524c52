"""Storing the memories of a data set, each in its own scope."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from memkit.errors import InvalidInput
from memkit.evaluation.questions import StoredItem

if TYPE_CHECKING:
    from memkit.blocking import Memory
    from memkit.engine import Progress

Place = tuple[str | None, str | None, str | None, str | None]


def store_items(
    memory: Memory, items: Iterable[StoredItem], *, progress: Progress | None = None
) -> tuple[str, ...]:
    """Store a data set's memories as they are: copies among them are kept.

    Args:
        memory: a handle on a store, best a throw-away one.
        items: the memories; each carries its data set's id in its metadata.
        progress: called with how many are stored, and of how many.

    Returns:
        what was missing, for instance vectors, each said once.

    Raises:
        InvalidInput: a memory cannot be accepted; the message names its scope's problem or
            field, not its text.
    """
    places: dict[Place, list[StoredItem]] = {}
    total = 0
    for item in items:
        place = (item.namespace, item.project, item.task, item.agent)
        places.setdefault(place, []).append(item)
        total += 1
    notices: dict[str, None] = {}
    done = 0
    for place, own in places.items():
        namespace, project, task, agent = place

        def tell(stored: int, _: int | None, before: int = done) -> None:
            if progress is not None:
                progress(before + stored, total)

        try:
            handle = memory.at(namespace=namespace, project=project, task=task, agent=agent)
            outcomes = handle.remember_many(
                [item.draft for item in own], deduplicate="off", progress=tell
            )
        except InvalidInput as error:
            raise InvalidInput(f"a memory of the data set cannot be stored: {error}") from error
        done += len(outcomes)
        notices.update((notice, None) for outcome in outcomes for notice in outcome.notices)
    return tuple(notices)
