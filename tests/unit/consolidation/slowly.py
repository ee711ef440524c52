"""A process that consolidates slowly, to be killed in the middle.

Run as ``python -m tests.unit.consolidation.slowly STORE``. It says ``step`` after each batch that
it has stored, and then waits for a line.
"""

import asyncio
import sys
from typing import Any

from memkit.config import load_settings
from memkit.consolidation import consolidating, storing
from memkit.opening import open_engine
from memkit.scope import Scope
from memkit.testing.embedders import ToyEmbedder

# Small batches, so that there is a middle.
consolidating._SOME = 2  # type: ignore[misc]
_store = storing.store


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


async def stepwise(*args: Any) -> Any:
    stored = await _store(*args)
    say("step")
    await asyncio.to_thread(sys.stdin.readline)
    return stored


setattr(consolidating, "store", stepwise)  # noqa: B010 (it is imported there, not exported)


async def main(store: str) -> None:
    engine = await open_engine(load_settings(url=store).settings, ToyEmbedder())
    await consolidating.consolidate(engine, Scope(), what=("clusters", "episodes"))
    say("done")
    await engine.close()


asyncio.run(main(sys.argv[1]))
