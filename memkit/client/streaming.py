"""Exports and imports over a connection."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from memkit.client.connection import Connection, Request
from memkit.errors import InvalidInput, MemkitError, StoreError, StoreUnavailable
from memkit.interchange.exporting import write_export
from memkit.service.streams import STREAMS
from memkit.types import Imported

if TYPE_CHECKING:
    from memkit.engine import Progress

EXPORT, IMPORT = STREAMS["export"].route, STREAMS["import"].route
LINES = "application/x-ndjson"
#: Lines of one request of an import, and about how many bytes.
CHUNK = 500
_CHUNK_BYTES = 512_000
_READ_SECONDS = 300.0
_NUMBERED = re.compile(r"line (\d+)\b")

Params = Sequence[tuple[str, str]]


async def download(
    connection: Connection,
    params: Params,
    target: str | PathLike[str] | TextIO,
    progress: Progress | None,
) -> int:
    """Write a server's export to a file; how many records it holds.

    Raises:
        StoreUnavailable: the connection was lost; a file under the target's name is whole.
    """
    return await write_export(_lines(connection, params), target, progress)


async def _lines(connection: Connection, params: Params) -> AsyncIterator[dict[str, Any]]:
    request = Request(EXPORT.method, EXPORT.path, tuple(params))
    async with connection.stream(
        request, {"Accept": LINES}, read_seconds=_READ_SECONDS
    ) as response:
        # Not aiter_lines(): it breaks lines at more than line feeds.
        held = b""
        async for part in response.aiter_bytes():
            *whole, held = (held + part).split(b"\n")
            for line in whole:
                yield _line(line)
    if held:
        raise StoreUnavailable("the connection broke off in the middle of a record: export again")


def _line(text: bytes) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        line = None
    if not isinstance(line, dict):
        raise StoreError("the server's export is no JSON lines: does the URL lead to memkit?")
    return line


class Chunk(NamedTuple):
    """Lines of an import, and how many lines of the file stand before the first."""

    before: int
    text: bytes


async def upload(
    connection: Connection,
    params: Params,
    source: str | PathLike[str] | TextIO,
    progress: Progress | None,
) -> Imported:
    """Send an export to a server, chunk by chunk; what is there already is skipped.

    Raises:
        InvalidInput: the file cannot be read, or is no export; chunks before are stored.
    """
    try:
        if not isinstance(source, str | PathLike):
            return await _send(connection, params, source, progress)
        with await asyncio.to_thread(open, source, encoding="utf-8") as file:
            return await _send(connection, params, file, progress)
    except UnicodeError:
        raise InvalidInput("the export is not UTF-8 text") from None
    except OSError as error:
        raise InvalidInput(f"the export cannot be read: {error.strerror}") from error


async def _send(
    connection: Connection, params: Params, lines: Iterable[str], progress: Progress | None
) -> Imported:
    stored = skipped = 0
    chunks = _chunks(lines)
    while chunk := await asyncio.to_thread(next, chunks, None):
        request = Request(IMPORT.method, IMPORT.path, tuple(params), chunk.text, LINES)
        try:
            told = await connection.ask(request)
        except MemkitError as error:
            raise _renumbered(error, chunk.before) from None
        stored += told["stored"]
        skipped += told["skipped"]
        if progress is not None:
            progress(stored + skipped, None)
    return Imported(stored, skipped)


def _chunks(lines: Iterable[str]) -> Iterator[Chunk]:
    """Exports of some lines each, every one with the header of the whole."""
    header: bytes | None = None
    held: list[bytes] = []
    size, before = 0, 0
    number = 0
    for number, line in enumerate(lines, 1):
        text = line.encode().rstrip(b"\r\n") + b"\n"
        if header is None:
            # Blank lines stay where they are, for the numbers in messages.
            held.append(text)
            if text.strip():
                header, held = b"".join(held), []
                before = number
            continue
        held.append(text)
        size += len(text)
        if len(held) == CHUNK or size >= _CHUNK_BYTES:
            yield _chunk(header, held, before)
            held, size, before = [], 0, number
    if header is None or held or number == before:
        # Also an export without records: the server says whether that is one.
        yield _chunk(header or b"\n", held, before)


def _chunk(header: bytes, lines: Sequence[bytes], before: int) -> Chunk:
    return Chunk(before - header.count(b"\n"), header + b"".join(lines))


def _renumbered(error: MemkitError, before: int) -> MemkitError:
    """The error with the number of the line in the whole file."""
    found = _NUMBERED.match(str(error))
    if found is None or before <= 0:
        return error
    number = int(found[1])
    error.args = (f"line {number + before}{str(error)[found.end() :]}",)
    return error
