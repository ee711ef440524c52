"""Export: the records of a scope as JSON lines, whole."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from os import PathLike
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, TextIO

from memkit.errors import InvalidInput
from memkit.filters import EVERYTHING, And
from memkit.interchange.lines import CHUNK, Line, header, json_text, to_line, vector_text
from memkit.protocols import Order
from memkit.scope import Scope

if TYPE_CHECKING:
    from memkit.engine import Engine, Progress


async def export_lines(
    engine: Engine, scope: Scope, *, everyone: bool, vectors: bool
) -> AsyncIterator[Line]:
    """The header, then each record of the scope and below it, whatever its state.

    Args:
        engine: the engine of the store.
        scope: what is exported: its own records and those of the places inside it.
        everyone: private records too, whoever wrote them.
        vectors: their vectors too.
    """
    engine.require_open()
    held = engine.info.fingerprint or engine.vectorizer.fingerprint
    yield header(scope.namespace, held if vectors else None)
    wanted = scope.readable("subtree")
    if everyone:
        place = replace(scope, agent=None).place("subtree")
        parts = tuple(part for part in (place, scope.unhidden()) if part is not None)
        wanted = And(parts) if parts else EVERYTHING
    cursor: str | None = None
    while True:
        # By id: an order that no update changes, so that nothing is missed or doubled.
        page = await engine.backend.scan(
            scope.namespace,
            wanted,
            order=Order("id", descending=False),
            cursor=cursor,
            limit=CHUNK,
            vectors=True,
        )
        for item in page.items:
            line = to_line(item.record, item.unique)
            if vectors and item.vector is not None:
                line["vector"] = vector_text(item.vector)
            yield line
        cursor = page.cursor
        if cursor is None:
            return


async def export_to(
    engine: Engine,
    scope: Scope,
    target: str | PathLike[str] | TextIO,
    progress: Progress | None = None,
    *,
    everyone: bool = False,
    vectors: bool = False,
) -> int:
    """Write an export to a file; a path's file appears once it is complete."""
    lines = export_lines(engine, scope, everyone=everyone, vectors=vectors)
    return await write_export(lines, target, progress)


async def write_export(
    lines: AsyncIterator[Line],
    target: str | PathLike[str] | TextIO,
    progress: Progress | None = None,
) -> int:
    """Write an export's lines, wherever they come from, as :func:`export_to` does."""
    if not isinstance(target, str | PathLike):
        return await _write_lines(lines, target, progress)
    path = Path(target)
    try:
        file = await asyncio.to_thread(_part_of, path)
        try:
            written = await _write_lines(lines, file, progress)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise
        await asyncio.to_thread(_complete, file, path)
    except OSError as error:
        raise InvalidInput(f"the export cannot be written: {error.strerror}") from error
    return written


def _part_of(path: Path) -> IO[str]:
    # Beside the target, so that the rename cannot cross file systems.
    return NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    )


def _complete(file: IO[str], path: Path) -> None:
    with file:
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


async def _write_lines(lines: AsyncIterator[Line], file: IO[str], progress: Progress | None) -> int:
    written = -1
    pending: list[str] = []
    async for line in lines:
        pending.append(json_text(line) + "\n")
        written += 1
        if len(pending) == CHUNK:
            await asyncio.to_thread(file.writelines, pending)
            pending = []
            if progress is not None:
                progress(written, None)
    await asyncio.to_thread(file.writelines, pending)
    if progress is not None:
        progress(written, written)
    return written
