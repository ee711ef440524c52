"""The command: what a person sees of a consolidation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from memkit import Memory
from tests.unit.consolidation.stories import deploys


def command(store: Path, *options: str) -> subprocess.CompletedProcess[str]:
    place = ["--store", str(store), "--embedder", "none"]
    return subprocess.run(
        [sys.executable, "-m", "memkit", "consolidate", *place, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_person_looks_first_then_does_it(store: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        memory.remember_many(deploys())
    near = ("--what", "clusters", "--what", "episodes")
    looked = command(store, *near, "--dry-run")
    assert looked.returncode == 0, looked.stderr
    assert "summary of 4 records" in looked.stdout
    assert "would make: clusters 1, episodes 0" in looked.stdout
    done = json.loads(command(store, *near, "--json").stdout)
    assert (done["clusters"], done["records"], done["more"]) == (1, 4, False)
    assert done["run"] is not None
    assert "made: clusters 0" in command(store, *near).stdout
    wrong = command(store, "--what", "everything")
    assert wrong.returncode == 2
    assert "episodes, clusters, dossiers" in wrong.stderr
