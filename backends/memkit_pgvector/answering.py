"""Connections that do not wait for ever for a server that has stopped answering."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from psycopg import AsyncConnection, AsyncCursor, Notify

# What it warns of is retried or raised here. Unheard, it would go to the standard error of a
# program that has set up no logging.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

# What lifts the server's own limit, for work that takes as long as it takes.
_UNLIMITED = "statement_timeout = 0"
_LIMITED = "RESET statement_timeout"


class AnsweringConnection(AsyncConnection[Any]):
    """Broken off when the server has not said a word for ``answer_seconds``.

    The server itself ends a statement that takes too long: this is for one that is frozen, cut
    off from the network, or whose commit waits for a standby that is gone.
    """

    answer_seconds: float | None = None
    _unlimited = False

    async def execute(self, query: Any, *arguments: Any, **more: Any) -> AsyncCursor[Any]:
        """Execute a statement; one that sets or resets the server's limit does so to ours."""
        if isinstance(query, str):
            if query.endswith(_UNLIMITED):
                self._unlimited = True
            elif query == _LIMITED:
                self._unlimited = False
        return await super().execute(query, *arguments, **more)

    def notifies(self, *arguments: Any, **more: Any) -> AsyncGenerator[Notify, None]:
        """Listen for notifications, for any time."""
        self._unlimited = True
        return super().notifies(*arguments, **more)

    def limit_again(self) -> None:
        """Forget that a transaction, which has ended, had no limit."""
        self._unlimited = False

    async def wait(self, gen: Any, *arguments: Any, **more: Any) -> Any:
        """What psycopg waits in for every answer."""
        if self.answer_seconds is None or self._unlimited:
            return await super().wait(gen, *arguments, **more)
        overdue = asyncio.get_running_loop().call_later(self.answer_seconds, self._break_off)
        try:
            return await super().wait(gen, *arguments, **more)
        finally:
            overdue.cancel()

    def _break_off(self) -> None:
        # Not closed: whoever waits for it then sees what it would if the server had hung up.
        with suppress(OSError), socket.socket(fileno=os.dup(self.pgconn.socket)) as ours:
            ours.shutdown(socket.SHUT_RDWR)
