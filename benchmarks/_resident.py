"""The memory of a process that opens a store and searches it; run as a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from _precomputed import PrecomputedEmbedder
from _synthetic import DIMENSION

from memkit import Memory

BIG = "all"
MODEL = "speed-benchmark"
TOP = 10


def print_resident(url: str) -> None:
    """Open a store, search it, and print this process's memory in MB as JSON."""
    vector = np.zeros((1, DIMENSION), dtype=np.float32)
    vector[0, 0] = 1.0
    with Memory.open(url, embedder=PrecomputedEmbedder(["seldom"], vector, MODEL)) as memory:
        big = memory.at(namespace=BIG)
        big.recall("seldom", limit=TOP, mode="lexical")
        big.recall("seldom", limit=TOP)
        print(json.dumps(_process_memory()))


def _process_memory() -> dict[str, float] | None:
    # Not getrusage: its peak begins with that of the process this one was forked from.
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kilobytes = {name: rest.split()[0] for name, _, rest in (line.partition(":") for line in lines)
                 if name in ("VmRSS", "VmHWM")}  # fmt: skip
    return {
        "now": round(int(kilobytes["VmRSS"]) / 1024, 1),
        "peak": round(int(kilobytes["VmHWM"]) / 1024, 1),
    }


if __name__ == "__main__":
    print_resident(sys.argv[1])
