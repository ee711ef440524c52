"""A process that stores memories, one for each line it is told, and says what was acknowledged.

Run as ``python -m tests.resilience.storing URL``. It closes the memory when its input ends.
"""

from __future__ import annotations

import sys

from memkit import Memory
from memkit.testing.embedders import ToyEmbedder


def main(url: str) -> None:
    with Memory.open(url, embedder=ToyEmbedder(), namespace="team") as memory:
        for line in sys.stdin:
            memory.remember(line.strip(), deduplicate="exact")
            sys.stdout.write(line)
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
