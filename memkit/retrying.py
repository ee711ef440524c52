"""When to ask a service again, and how long to wait before."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

# Too many requests, a lock, an early try, or the server's own trouble. 501 and 505 will not
# change by asking again.
PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try again.

    Attributes:
        retries: how many times at most; 0 never.
        first_wait: seconds before the first retry; each further wait is twice as long, and
            each is shortened at random by up to a half, so that many clients that failed
            together do not come back together.
        longest_wait: seconds; no single wait is longer, and a service that asks for more
            is taken to be unavailable.
    """

    retries: int = 3
    first_wait: float = 0.5
    longest_wait: float = 20.0

    def wait(self, attempt: int, asked: float | None = None) -> float | None:
        """Seconds to wait after failed attempt number ``attempt`` (from 0).

        Args:
            attempt: how many attempts failed before this one.
            asked: the seconds that the service asked for, if it did.

        Returns:
            ``None``: do not try again.
        """
        if attempt >= self.retries:
            return None
        if asked is not None:
            return asked if asked <= self.longest_wait else None
        longest = min(self.longest_wait, self.first_wait * 2.0**attempt)
        return longest * random.uniform(0.5, 1.0)


def retry_after(header: str | None) -> float | None:
    """The seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3); at least 0.

    It is a number of seconds or a date; anything else is passed over.
    """
    if header is None:
        return None
    value = header.strip()
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
