"""Import: the records of an export, checked and stored as they were."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from os import PathLike
from typing import IO, TYPE_CHECKING, NamedTuple, TextIO

from memkit.drafts import content_key
from memkit.errors import InvalidInput, InvalidScope, MemkitError
from memkit.interchange.lines import CHUNK, FORMAT, Line, check_header, record_of, vector_of
from memkit.protocols import Applied, Fingerprint, Put
from memkit.scope import Scope
from memkit.types import Imported, MemoryRecord, State, Visibility

if TYPE_CHECKING:
    from memkit.engine import Engine, Progress
    from memkit.protocols import Vector


async def import_lines(
    engine: Engine, scope: Scope, lines: Iterable[str], progress: Progress | None = None
) -> Imported:
    """Store the records of an export, as they were, into the scope's namespace.

    Records whose id, or whose exact text in the same place, is there already are skipped, so
    an import can be repeated. Vectors of the same model are kept, others are
    computed anew.

    Raises:
        InvalidInput: the header or a line is not an export's; lines before it are stored.
        InvalidScope: a record belongs outside the scope.
        Forbidden: a record has a tag that is hidden from the scope.
    """
    engine.require_open()
    stored = skipped = 0
    chunks = _chunks(_parsed(engine, scope, lines))
    # Reading and checking a chunk takes long enough to hold an event loop up.
    while chunk := await asyncio.to_thread(next, chunks, None):
        index, _ = await engine.index(
            [entry.record for entry in chunk], [entry.vector for entry in chunk]
        )
        puts = [
            Put(entry.record, data, entry.unique) for entry, data in zip(chunk, index, strict=True)
        ]
        results = await engine.commit(puts)
        done = sum(isinstance(result, Applied) for result in results)
        stored += done
        skipped += len(results) - done
        if progress is not None:
            progress(stored + skipped, None)
    return Imported(stored, skipped)


class Entry(NamedTuple):
    """A record of an export, with its unique keys and its vector, if that is of use."""

    record: MemoryRecord
    unique: tuple[str, ...]
    vector: Vector | None


def _chunks(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    chunk: list[Entry] = []
    for entry in entries:
        chunk.append(entry)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _parsed(engine: Engine, scope: Scope, lines: Iterable[str]) -> Iterator[Entry]:
    header, own = False, None
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
        except ValueError:
            raise InvalidInput(f"line {number} is not JSON: this is not a whole export") from None
        if not isinstance(line, dict):
            raise InvalidInput(f"line {number} is not a JSON object")
        if not header:
            held, own = check_header(line), engine.vectorizer.fingerprint
            if held is None or own is None or not own.matches(held):
                own = None
            header = True
            continue
        try:
            yield _entry(engine, scope, line, vectors=own)
        except MemkitError as error:
            raise type(error)(f"line {number}: {error}") from None
    if not header:
        raise InvalidInput(f"the export is empty: its first line names the format {FORMAT!r}")


def _entry(engine: Engine, scope: Scope, line: Line, *, vectors: Fingerprint | None) -> Entry:
    vector = line.pop("vector", None)
    unique = line.pop("unique", [])
    if not isinstance(unique, list) or not all(isinstance(key, str) for key in unique):
        raise InvalidInput("unique must be a list of text")
    record = record_of({**line, "namespace": scope.namespace}, engine.settings)
    scope.require_taggable(record.tags)
    if scope.author is not None:
        # Who is known to write is not to pass for another.
        record = replace(record, author=scope.author)
    for name in ("project", "task"):
        bound, own = getattr(scope, name), getattr(record, name)
        if bound is not None and own != bound:
            raise InvalidScope(
                f"the record belongs to another {name} than this handle: import it from a "
                f"handle on which {name} is not set"
            )
    if (
        record.visibility == Visibility.PRIVATE
        and scope.agent is not None
        and record.agent != scope.agent
    ):
        raise InvalidScope("the record is private to another agent than this handle's")
    # Content keys depend on nothing that an import changes, but an export written by hand
    # may lack them.
    key = content_key(record) if record.state == State.ACTIVE and not unique else None
    return Entry(
        record,
        tuple(unique) if key is None else (key,),
        None if vectors is None or vector is None else vector_of(vector, vectors.dimension),
    )


async def import_from(
    engine: Engine,
    scope: Scope,
    source: str | PathLike[str] | TextIO,
    progress: Progress | None,
) -> Imported:
    """Read an export from a file."""
    try:
        if not isinstance(source, str | PathLike):
            return await import_lines(engine, scope, source, progress)
        with await asyncio.to_thread(_reading, source) as file:
            return await import_lines(engine, scope, file, progress)
    except UnicodeDecodeError:
        raise InvalidInput("the export is not UTF-8 text") from None
    except OSError as error:
        raise InvalidInput(f"the export cannot be read: {error.strerror}") from error


def _reading(path: str | PathLike[str]) -> IO[str]:
    return open(path, encoding="utf-8")
