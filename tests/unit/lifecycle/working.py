"""A process that begins a run, does steps of it as it is told, and says what came of them.

Run as ``python -m tests.unit.lifecycle.working STORE SECONDS``. It says ``ready``, then for each
line that it reads does as that says: ``begin``, ``step`` or ``end``.
"""

import asyncio
import json
import sys

from memkit.config import load_settings
from memkit.errors import MemkitError
from memkit.opening import open_engine
from memkit.runs import begin
from memkit.scope import Scope


def say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def told() -> str:
    line: str = await asyncio.to_thread(sys.stdin.readline)
    return line.strip()


async def main(store: str, seconds: float) -> None:
    engine = await open_engine(load_settings(url=store, embedder="none").settings)
    say("ready")
    await told()
    try:
        async with begin(engine, Scope("n"), "sweep", lease_seconds=seconds) as run:
            say([run.id, run.resumed, run.run.done, run.run.cursor])
            done = run.run.done
            while await told() == "step":
                done += 1
                await run.advance(done=done, total=9, cursor=f"after {done}")
                say(done)
    except MemkitError as error:
        say(error.code)
    await engine.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
