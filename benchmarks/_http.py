"""A lean HTTP/1.1 client for load: one connection, one request after the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any


class Connection:
    """A connection to the server; it connects again when it was lost."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._common = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the JSON of the answer.

        Raises:
            OSError, EOFError: the connection was lost; whether it was done is not known.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        held = b"" if body is None else json.dumps(body).encode()
        kind = f"Content-Type: application/json\r\nContent-Length: {len(held)}\r\n" if held else ""
        try:
            writer.write(f"{method} {path} HTTP/1.1\r\n{self._common}{kind}\r\n".encode() + held)
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head[9:12])
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 : head.index(b"\r", at)])
            return status, json.loads(await reader.readexactly(length))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def events(self, path: str, after: str | None) -> AsyncIterator[tuple[str, str, str]]:
        """Cursor, type and data of each event, and of each sign of life, which has no type."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        seen = "" if after is None else f"Last-Event-ID: {after}\r\n"
        try:
            writer.write(f"GET {path} HTTP/1.1\r\n{self._common}{seen}\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.split(b"\r\n")[0]:
                raise ConnectionError(head.split(b"\r\n")[0].decode())
            text = b""
            while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
                text += (await reader.readexactly(size + 2))[:-2]
                *blocks, text = text.split(b"\n\n")
                for block in blocks:
                    told = dict(
                        line.split(": ", 1)
                        for line in block.decode().split("\n")
                        if ": " in line and not line.startswith(":")
                    )
                    if "id" in told:
                        yield told["id"], told.get("event", ""), told.get("data", "")
        finally:
            writer.close()
