"""Blocking work in threads that nobody need wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from memkit.errors import LanguageModelError, MemkitError

T = TypeVar("T")


async def detached(work: Callable[[], T]) -> T:
    """What a blocking call returns or raises.

    It runs in a daemon thread of its own: whoever is cancelled, or closes its loop, leaves it
    behind. A language model may take minutes, and a loop's own threads are waited for.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(settle: Callable[[Any], None], outcome: object) -> None:
        def there() -> None:
            if not done.done():
                settle(outcome)

        # The loop may have been closed meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(there)

    def run() -> None:
        # Of what is no error of ours the thread itself tells.
        outcome: Callable[[], None] = partial(tell, done.set_exception, _broken())
        try:
            outcome = partial(tell, done.set_result, work())
        except MemkitError as error:
            outcome = partial(tell, done.set_exception, error)
        finally:
            outcome()

    threading.Thread(target=run, name="memkit-language", daemon=True).start()
    return await done


def _broken() -> LanguageModelError:
    return LanguageModelError("asking the language model broke off unexpectedly")
