"""Clusters: records of one place that are near each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from memkit.consolidation.extracting import moment_of
from memkit.consolidation.groups import SUMMARY, Group, name_of
from memkit.consolidation.homes import BY_ID, PAGE, Window
from memkit.consolidation.neighbours import blocks, grouped, joined, near_pairs, words_matrix
from memkit.consolidation.outcome import SIZE_MAX
from memkit.consolidation.steps import Step
from memkit.filters import Exists, Filter, Not
from memkit.retrieval.analysis import analyze
from memkit.retrieval.text import index_text

if TYPE_CHECKING:
    from memkit.engine import Engine
    from memkit.protocols import Stored, Vector

#: So many records are compared with each other at once: those stored one after the other. It
#: bounds memory (25 MiB of vectors of 384 numbers), and the time between two steps.
COMPARED: Final = 16 * PAGE
#: The least mean cosine of texts' words, where there are no vectors.
WORDS_LEAST: Final = 0.5
# Groups of one step.
_BATCH: Final = 40

LOOSE: Final[Filter] = Not(Exists("conversation_id"))


async def clusters(
    engine: Engine, window: Window, min_size: int, after: str | None
) -> AsyncIterator[Step]:
    """The clusters of a place, in steps.

    Records with vectors are compared by them; in a store without an embedder by their words.
    Where there is one, records that still lack their vector wait for the next time.

    Args:
        engine: the store's.
        window: which records.
        min_size: smaller clusters are none.
        after: where to go on, as a step told.
    """
    cursor = after
    while True:
        ids, rows, looked, cursor = await _read(engine, window, cursor)
        found = await _grouped(engine, ids, rows, min_size)
        for start in range(0, len(found), _BATCH):
            some = found[start : start + _BATCH]
            groups = await _groups(engine, window, [[ids[at] for at in group] for group in some])
            size = sum(map(len, some))
            looked -= size
            yield Step(groups, size, ends=False)
        yield Step((), looked, after=cursor)
        if cursor is None:
            return


async def _read(
    engine: Engine, window: Window, cursor: str | None
) -> tuple[list[str], Vector, int, str | None]:
    """The ids and vectors of the next records, how many were looked at, and where to go on."""
    dense = engine.vectorizer.fingerprint is not None or engine.info.fingerprint is not None
    ids: list[str] = []
    parts: list[Vector] = []
    looked = 0
    while looked < COMPARED:
        page = await engine.backend.scan(
            window.scope.namespace,
            window.filter(LOOSE),
            order=BY_ID,
            cursor=cursor,
            limit=PAGE,
            vectors=True,
        )
        looked += len(page.items)
        items = [
            item
            for item in page.items
            if window.open(item.record) and (item.vector is not None or not dense)
        ]
        if items:
            ids += [item.record.id for item in items]
            parts.append(await asyncio.to_thread(_matrix, items))
        cursor = page.cursor
        if cursor is None:
            break
    rows = np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)
    return ids, rows, looked, cursor


def _matrix(items: Sequence[Stored]) -> Vector:
    vectors = [item.vector for item in items if item.vector is not None]
    if vectors:
        return np.stack(vectors).astype(np.float32, copy=False)
    return words_matrix([analyze(index_text(item.record)) for item in items])


async def _grouped(
    engine: Engine, ids: Sequence[str], rows: Vector, min_size: int
) -> list[list[int]]:
    if len(ids) < min_size:
        return []
    dense = engine.vectorizer.fingerprint is not None or engine.info.fingerprint is not None
    least = engine.settings.consolidate_similarity if dense else WORDS_LEAST
    parts = []
    for start, stop in blocks(len(rows)):
        # Each block in a thread of its own, so that a cancellation need not wait for all.
        parts.append(await asyncio.to_thread(near_pairs, rows, start, stop, least))
    found = await asyncio.to_thread(grouped, rows, joined(parts), least, SIZE_MAX)
    return [group for group in found if len(group) >= min_size]


async def _groups(
    engine: Engine, window: Window, found: Sequence[Sequence[str]]
) -> tuple[Group, ...]:
    wanted = [id_ for ids in found for id_ in ids]
    held = await engine.backend.get(window.scope.namespace, wanted)
    groups = []
    for ids in found:
        records = [held[id_].record for id_ in ids if id_ in held]
        if len(records) < len(ids):
            # One was erased meanwhile: the others are looked at again the next time.
            continue
        members = tuple(sorted(records, key=lambda record: (moment_of(record), record.id)))
        name = name_of(SUMMARY, *sorted(ids))
        groups.append(Group(SUMMARY, window.home, name, members))
    return tuple(groups)
