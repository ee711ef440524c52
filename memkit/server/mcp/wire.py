"""The wire of stdio: standard input and output, kept for the protocol alone."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections import deque
from collections.abc import AsyncIterator
from functools import cache
from importlib.util import find_spec
from typing import Any, BinaryIO

from memkit.server.mcp.facts import speaks_envelopes
from memkit.server.mcp.greeting import greeting

#: Lines read ahead of the server.
AHEAD_MAX = 64
#: How long the answers to what was asked before the input closed are waited for, seconds.
DRAIN_SECONDS = 10.0


class Wire:
    """Lines from a client and lines to it; greets the client while nothing else is loaded.

    A thread reads from construction on. ``lines`` hands over what was read, and ends when the
    input has closed and what was asked is answered, or when ``close`` was called.
    """

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO, *, enveloped: bool) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._enveloped = enveloped
        self._first = True
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._read: deque[bytes] = deque()
        self._ended = False
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        # Answered by the greeting: the library's answers to them are dropped.
        self._greeted: set[Any] = set()
        # Asked and not answered yet.
        self._open: set[Any] = set()
        self._answered = asyncio.Event()
        threading.Thread(target=self._listen, name="memkit-mcp-input", daemon=True).start()

    def _listen(self) -> None:
        try:
            for line in self._incoming:
                if line.strip():
                    self._take(line)
                    if self._ended:
                        return
        except (OSError, ValueError):
            # The other end is gone, as at its end.
            pass
        self._finish()

    def _take(self, line: bytes) -> None:
        with self._room:
            self._room.wait_for(lambda: len(self._read) < AHEAD_MAX or self._ended)
            if self._wake is None:
                self._greet(line)
            self._read.append(line)
            self._notify()

    def _greet(self, line: bytes) -> None:
        answer = greeting(line, enveloped=self._enveloped, first=self._first)
        if answer is None:
            # From here on the library answers, in its order.
            self._first = self._first and b'"id"' not in line
            return
        self._first = False
        id_, told = answer
        self._greeted.add(id_)
        self._put(told)

    def _finish(self) -> None:
        with self._room:
            self._ended = True
            self._room.notify_all()
            self._notify()

    def _notify(self) -> None:
        if self._wake is not None:
            loop, event = self._wake
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """Read no more: what was asked is answered, then ``lines`` ends."""
        self._finish()

    async def lines(self) -> AsyncIterator[str]:
        """What the client sends, one message each."""
        event = asyncio.Event()
        with self._lock:
            self._wake = (asyncio.get_running_loop(), event)
        while True:
            event.clear()
            with self._room:
                line = self._read.popleft() if self._read else None
                ended = self._ended
                self._room.notify_all()
            if line is not None:
                refusal = self._asked(line)
                if refusal is None:
                    yield line.decode("utf-8", "replace")
                else:
                    await self.write(refusal)
            elif ended:
                break
            else:
                await event.wait()
        await self._drained()

    async def _drained(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._open:
                    self._answered.clear()
                    await self._answered.wait()
        except TimeoutError:
            # Something waits for what does not come, as an inbox does.
            return

    def _asked(self, line: bytes) -> str | None:
        """Note what was asked; a refusal of what the library would leave without an answer."""
        message = _message(line)
        match message:
            case {"id": str() | int() as id_, "method": str()}:
                if id_ not in self._greeted:
                    self._open.add(id_)
                if b"\\u" in line and not _is_text(message):
                    error = {"code": -32700, "message": "half a surrogate pair is no text"}
                    return json.dumps({"jsonrpc": "2.0", "id": id_, "error": error}) + "\n"
            case {
                "method": "notifications/cancelled",
                "params": {"requestId": str() | int() as id_},
            }:
                self._open.discard(id_)
                self._answered.set()
        return None

    async def write(self, text: str) -> None:
        """Send a message; what the greeting answered already is dropped."""
        told = text.encode()
        match _message(told):
            case {"id": str() | int() as id_, "method": _}:
                pass
            case {"id": str() | int() as id_}:
                self._open.discard(id_)
                self._answered.set()
                if id_ in self._greeted:
                    self._greeted.discard(id_)
                    return
        # A client that does not read must not stop the loop.
        await asyncio.to_thread(self._put, told)

    async def flush(self) -> None:
        """Nothing: each message is sent when it is written."""

    def _put(self, told: bytes) -> None:
        try:
            self._outgoing.write(told)
            self._outgoing.flush()
        except (OSError, ValueError):
            # Nobody reads any more; the end of the input will tell.
            return


def _is_text(message: Any) -> bool:
    try:
        json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _message(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


@cache
def standard() -> Wire | None:
    """The wire of standard input and output, which are for the protocol alone from then on.

    What else writes to standard output, libraries and children too, writes to standard error, and
    what else reads standard input finds it empty. ``None`` where the protocol's library is not
    installed.
    """
    if find_spec("mcp") is None:
        return None
    incoming, outgoing = os.dup(0), os.dup(1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    return Wire(os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb"), enveloped=speaks_envelopes())
