"""Export and import: JSON lines that hold records whole, versioned, one line a record."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any, TextIO, TypeAlias, get_type_hints

from memkit.drafts import content_key
from memkit.errors import InvalidInput, InvalidScope, MemkitError
from memkit.filters import EVERYTHING
from memkit.protocols import Applied, Order, Put
from memkit.scope import Scope, check_label
from memkit.types import Imported, Link, MemoryRecord, State, Visibility
from memkit.validation import (
    check_count,
    check_id,
    check_kind,
    check_metadata,
    check_optional_text,
    check_states,
    check_tags,
    check_text,
    check_unit,
)

if TYPE_CHECKING:
    from memkit.engine import Engine, Progress

FORMAT = "memkit-export"
FORMAT_VERSION = 1
_CHUNK = 500

_HINTS = get_type_hints(MemoryRecord)
_TIMES = frozenset(name for name, hint in _HINTS.items() if "datetime" in str(hint))
_NAMES = tuple(field.name for field in fields(MemoryRecord))
_COUNTERS = ("version", "uses", "useful", "useless")

Line: TypeAlias = dict[str, Any]


# Control characters and those that turn or hide text: json leaves them as they are.
_HIDDEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def json_text(value: object) -> str:
    """JSON that is safe to show: what could drive or mislead a terminal is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return _HIDDEN.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def to_line(record: MemoryRecord, unique: Iterable[str]) -> Line:
    """A record as a JSON object: times in ISO 8601, absent values left out."""
    line: Line = {}
    for name in _NAMES:
        value = getattr(record, name)
        if value is None or value == ():
            continue
        if isinstance(value, datetime):
            value = value.isoformat()
        elif name == "links":
            value = [{"type": edge.type, "target": edge.target} for edge in value]
        elif name == "tags":
            value = list(value)
        elif name == "metadata":
            value = dict(value)
        line[name] = value
    keys = list(unique)
    if keys:
        line["unique"] = keys
    return line


async def export_lines(engine: Engine, scope: Scope, *, everyone: bool) -> AsyncIterator[Line]:
    """The header, then each record of the scope and below it, whatever its state.

    Args:
        engine: the engine of the store.
        scope: what is exported: its own records and those of the places inside it.
        everyone: private records too, whoever wrote them.
    """
    engine.require_open()
    yield {"format": FORMAT, "version": FORMAT_VERSION, "namespace": scope.namespace}
    wanted = scope.readable("subtree")
    if everyone:
        place = replace(scope, agent=None).place("subtree")
        wanted = EVERYTHING if place is None else place
    cursor: str | None = None
    while True:
        # By id: an order that no update changes, so that nothing is missed or doubled.
        page = await engine.backend.scan(
            scope.namespace,
            wanted,
            order=Order("id", descending=False),
            cursor=cursor,
            limit=_CHUNK,
            vectors=True,
        )
        for item in page.items:
            yield to_line(item.record, item.unique)
        cursor = page.cursor
        if cursor is None:
            return


async def import_lines(
    engine: Engine, scope: Scope, lines: Iterable[str], progress: Progress | None = None
) -> Imported:
    """Store the records of an export, as they were, into the scope's namespace.

    Records whose id, or whose exact text in the same place, is there already are skipped, so
    an import can be repeated. Vectors are computed anew.

    Raises:
        InvalidInput: the header or a line is not an export's; lines before it are stored.
        InvalidScope: a record belongs outside the scope.
    """
    engine.require_open()
    stored = skipped = 0
    chunks = _chunks(_parsed(engine, scope, lines))
    # Reading and checking a chunk takes long enough to hold an event loop up.
    while chunk := await asyncio.to_thread(next, chunks, None):
        index, _ = await engine.index([record for record, _ in chunk])
        puts = [
            Put(record, data, unique) for (record, unique), data in zip(chunk, index, strict=True)
        ]
        results = await engine.backend.write(puts)
        done = sum(isinstance(result, Applied) for result in results)
        stored += done
        skipped += len(results) - done
        if progress is not None:
            progress(stored + skipped, None)
    return Imported(stored, skipped)


Entry: TypeAlias = tuple[MemoryRecord, tuple[str, ...]]


def _chunks(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    chunk: list[Entry] = []
    for entry in entries:
        chunk.append(entry)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _parsed(engine: Engine, scope: Scope, lines: Iterable[str]) -> Iterator[Entry]:
    header = False
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
            _check_header(line)
            header = True
            continue
        try:
            yield _entry(engine, scope, line)
        except MemkitError as error:
            raise type(error)(f"line {number}: {error}") from None
    if not header:
        raise InvalidInput(f"the export is empty: its first line names the format {FORMAT!r}")


def _check_header(line: Line) -> None:
    if line.get("format") != FORMAT:
        raise InvalidInput(f"the first line does not name the format {FORMAT!r}")
    version = line.get("version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise InvalidInput(
            f"this export has version {version!r}, this memkit reads up to {FORMAT_VERSION}: "
            "upgrade memkit"
        )


def _entry(engine: Engine, scope: Scope, line: Line) -> Entry:
    unique = line.pop("unique", [])
    if not isinstance(unique, list) or not all(isinstance(key, str) for key in unique):
        raise InvalidInput("unique must be a list of text")
    record = _record(engine, {**line, "namespace": scope.namespace})
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
    return record, tuple(unique) if key is None else (key,)


_CHECKS: Mapping[str, Callable[[Any], object]] = {
    "id": check_id,
    "kind": check_kind,
    "confidence": lambda value: check_unit(value, "confidence"),
    "state": lambda value: check_states(value)[0],
    "superseded_by": lambda value: check_id(value, "superseded_by"),
    "supersedes": lambda value: check_id(value, "supersedes"),
    "conversation_id": lambda value: check_optional_text(value, "conversation_id"),
    "speaker": lambda value: check_optional_text(value, "speaker"),
    "source": lambda value: check_optional_text(value, "source", 10_000),
    "sequence": lambda value: check_count(value, "sequence", 0, 2**63 - 1),
    "visibility": lambda value: _one_of(value, "visibility", tuple(Visibility)),
    "pinned": lambda value: _one_of(value, "pinned", (True, False)),
}


def _record(engine: Engine, line: Line) -> MemoryRecord:
    unknown = sorted(set(line) - set(_NAMES))
    if unknown:
        raise InvalidInput(f"a record has no {', '.join(unknown)}")
    missing = [name for name in ("id", "content", "created_at", "updated_at") if name not in line]
    if missing:
        raise InvalidInput(f"the record lacks {', '.join(missing)}")
    settings = engine.settings
    values: dict[str, Any] = {"project": None, "task": None, "agent": None}
    for name, value in line.items():
        if name in _TIMES:
            values[name] = _time(name, value)
        elif name in _COUNTERS:
            values[name] = check_count(value, name, 0, 2**63 - 1)
        elif name == "content":
            values[name] = check_text(value, name, settings.max_content_chars)
        elif name == "metadata":
            values[name] = check_metadata(value, settings.max_metadata_bytes)
        elif name == "links":
            values[name] = _links(value)
        elif name in ("namespace", "project", "task", "agent"):
            values[name] = check_label(value, name)
        elif name != "tags":
            values[name] = _CHECKS[name](value)
    values["tags"] = check_tags(line.get("tags"), values["agent"])
    if values["task"] is not None and values["project"] is None:
        raise InvalidScope("a task lives inside a project: the record names none")
    return MemoryRecord(**values)


def _one_of(value: object, what: str, allowed: tuple[object, ...]) -> object:
    if value not in allowed:
        raise InvalidInput(f"{what} is one of {', '.join(map(str, allowed))}")
    return value


def _time(name: str, value: object) -> datetime:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.utcoffset() is None:
        raise InvalidInput(f"{name} must be an ISO 8601 time with a zone")
    return time.astimezone(UTC)


def _links(value: object) -> tuple[Link, ...]:
    if not isinstance(value, list):
        raise InvalidInput("links must be a list")
    links = []
    for edge in value:
        if not isinstance(edge, dict) or set(edge) != {"type", "target"}:
            raise InvalidInput("a link has a type and a target")
        links.append(Link(check_kind(edge["type"]), check_id(edge["target"], "a link's target")))
    return tuple(links)


async def export_to(
    engine: Engine,
    scope: Scope,
    target: str | PathLike[str] | TextIO,
    everyone: bool,
    progress: Progress | None,
) -> int:
    """Write an export to a file; a path's file appears once it is complete."""
    if not isinstance(target, str | PathLike):
        return await _write_lines(engine, scope, target, everyone, progress)
    path = Path(target)
    try:
        file = await asyncio.to_thread(_part_of, path)
        try:
            written = await _write_lines(engine, scope, file, everyone, progress)
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


async def _write_lines(
    engine: Engine, scope: Scope, file: IO[str], everyone: bool, progress: Progress | None
) -> int:
    written = -1
    pending: list[str] = []
    async for line in export_lines(engine, scope, everyone=everyone):
        pending.append(json_text(line) + "\n")
        written += 1
        if len(pending) == _CHUNK:
            await asyncio.to_thread(file.writelines, pending)
            pending = []
            if progress is not None:
                progress(written, None)
    await asyncio.to_thread(file.writelines, pending)
    if progress is not None:
        progress(written, written)
    return written


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
