"""A process that sends or takes messages in several threads: ``workers.py URL ROLE ARGUMENTS``."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from memkit import Memory

THREADS = 4


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def send(memory: Memory, name: str, count: int) -> list[str]:
    def one(thread: int) -> list[str]:
        mine = memory.at(agent=f"{name}-{thread}")
        return [mine.send("jobs", f"{name} {thread} {n}").id for n in range(count)]

    with ThreadPoolExecutor(THREADS) as threads:
        return [id_ for part in threads.map(one, range(THREADS)) for id_ in part]


def work(memory: Memory, name: str, idle_seconds: float) -> list[str]:
    """Take messages until none came for a while; the ids, once for each time given out."""

    def one(thread: int) -> list[str]:
        mine = memory.at(agent=f"{name}-{thread}")
        taken = []
        while found := mine.inbox(
            "jobs", consumer="workers", lease=300, limit=3, wait=idle_seconds
        ):
            taken += [each.record.id for each in found]
            mine.ack([each.record.id for each in found], consumer="workers")
        return taken

    with ThreadPoolExecutor(THREADS) as threads:
        return [id_ for part in threads.map(one, range(THREADS)) for id_ in part]


def hold(memory: Memory) -> None:
    """Take messages and never acknowledge them, until killed."""
    found = memory.at(agent="held").inbox("jobs", consumer="workers", lease=2)
    tell(json.dumps([each.record.id for each in found]))
    time.sleep(600)


def main() -> None:
    url, role, *rest = sys.argv[1:]
    with Memory.open(url, embedder="none") as memory:
        if role == "hold":
            hold(memory)
        elif role == "send":
            tell(json.dumps(send(memory, rest[0], int(rest[1]))))
        else:
            tell(json.dumps(work(memory, rest[0], float(rest[1]))))


if __name__ == "__main__":
    main()
