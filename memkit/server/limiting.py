"""How much one caller may ask for, and how much is done at once."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from memkit.errors import ConfigurationError, RateLimited
from memkit.server.asgi import App, Receive, Scope, Send
from memkit.server.context import Context
from memkit.server.problems import Refused, refuse

if TYPE_CHECKING:
    from memkit.config import Settings

NONE: Final = "none"
_SECONDS: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
_LIMIT: Final = re.compile(r"([1-9][0-9]{0,8}) ?/ ?(second|minute|hour)")
# Not asked often, and asked of servers that are busy.
_ALWAYS: Final = ("/healthz", "/readyz", "/metrics")


class Window:
    """Counts by key in windows of one length, by a clock that no one sets back.

    Each window starts with nothing, so that what it holds is bounded by what came in one.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self.most = most
        self.seconds = seconds
        self._number = -1
        self._counts: Counter[str] = Counter()

    def taken(self, key: str) -> int:
        """How many there were of this key in this window."""
        number = int(time.monotonic() // self.seconds)
        if number != self._number:
            self._number, self._counts = number, Counter()
        return self._counts[key]

    def take(self, key: str) -> bool:
        """Count one; false if it is one too many."""
        if self.taken(key) >= self.most:
            return False
        self._counts[key] += 1
        return True

    @property
    def left(self) -> float:
        """Seconds until the next window."""
        return (self._number + 1) * self.seconds - time.monotonic()


class Limits:
    """Counts requests by principal and refusals by address, in this process.

    Raises:
        ConfigurationError: a limit is malformed.
    """

    def __init__(self, settings: Settings) -> None:
        self._rate = window_of(settings.server_rate, "server_rate")
        self._refusals = window_of(settings.server_refusals, "server_refusals")

    def admit(self, principal: str) -> None:
        """Count a request.

        Raises:
            RateLimited: it is one too many.
        """
        if self._rate is not None and not self._rate.take(principal):
            raise _too_many("these are too many requests", self._rate)

    def require_trusted(self, address: str) -> None:
        """Refuse an address whose credentials were refused too often.

        Raises:
            RateLimited: they were.
        """
        held = self._refusals
        if held is not None and held.taken(address) >= held.most:
            raise _too_many("too many credentials from this address were refused", held)

    def note_refusal(self, address: str) -> None:
        """Count a refused credential."""
        if self._refusals is not None:
            self._refusals.take(address)


def window_of(text: str, setting: str) -> Window | None:
    """The window of a limit as ``100/second``; ``None``: no limit.

    Raises:
        ConfigurationError: it is neither.
    """
    if text.strip().lower() == NONE:
        return None
    found = _LIMIT.fullmatch(text.strip().lower())
    if found is None:
        raise ConfigurationError(f"{setting} is a limit as 100/second, or {NONE}")
    return Window(int(found.group(1)), _SECONDS[found.group(2)])


def _too_many(what: str, window: Window) -> RateLimited:
    return RateLimited(
        f"{what}: {window.most} in {window.seconds:g} seconds are allowed", window.left
    )


class Bounded:
    """Answers at most so many requests at once; others are told to come again."""

    def __init__(self, app: App, context: Context) -> None:
        self._app = app
        self._context = context
        self._most = context.settings.server_concurrency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        # Readers of events stay for long and are counted for themselves.
        busy = self._context.in_flight - self._context.streams
        if scope["type"] == "http" and busy > self._most and scope["path"] not in _ALWAYS:
            told = Refused(503, "busy", "the server is busy: come again", {"retry-after": "1"})
            await refuse(scope, send, told)
            return
        await self._app(scope, receive, send)
