"""Building an embedded store's files anew: with graphs, or without what was deleted.

The library lets nothing else of its process run meanwhile, so that large ones are built by
another process (``python -m memkit_qdrant.edge_building``) from a copy.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from memkit_qdrant.edge_options import EdgeOptions
from memkit_qdrant.edge_shard import EdgeShard
from memkit_qdrant.state import StoreState

_PAGE = 256


def rebuild(source: EdgeShard, folder: Path, state: StoreState, options: EdgeOptions) -> EdgeShard:
    """A new shard with the points of another, and nothing of what was deleted there."""
    made = EdgeShard.create(folder, state.generation, state.dimension, options)
    names = [state.generation.words]
    if state.dimension is not None:
        names.append(state.generation.dense)
    if state.staged is not None and state.target is not None:
        made.add_generation(state.staged)
        names.append(state.staged.words)
        if state.target.dimension is not None:
            made.add_dense(state.staged, state.target.dimension, options)
            names.append(state.staged.dense)
    source.copy_to(made, names, _PAGE)
    made.flush()
    return made


def built_elsewhere(
    source: Path, folder: Path, state: StoreState, options: EdgeOptions, *, anew: bool
) -> subprocess.Popen[bytes]:
    """A process that builds ``folder`` from ``source``, which nobody else has open.

    Args:
        source: a copy of a shard's files; the process may change them.
        folder: where the new ones go; without ``anew`` the copy itself is completed.
        state: the store's.
        options: its settings.
        anew: leave out what was deleted.
    """
    job = {
        "source": str(source),
        "folder": str(folder) if anew else None,
        "state": state.to_json(),
        "options": asdict(options),
    }
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-m", "memkit_qdrant.edge_building", json.dumps(job)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths},
    )


def _main(arguments: Sequence[str]) -> None:
    job: dict[str, Any] = json.loads(arguments[0])
    state = StoreState.from_json(job["state"], job["source"])
    shard = EdgeShard.load(Path(job["source"]))
    if job["folder"] is not None:
        made = rebuild(shard, Path(job["folder"]), state, EdgeOptions(**job["options"]))
        shard.close()
        shard = made
    shard.optimize()
    shard.flush()
    shard.close()


if __name__ == "__main__":
    _main(sys.argv[1:])
