"""``memkit extract``, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from memkit import Memory


def run(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMKIT_")}
    return subprocess.run(
        [sys.executable, "-m", "memkit", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=store.parent,
        env={
            **kept,
            "HOME": str(store.parent),
            "MEMKIT_URL": str(store),
            "MEMKIT_EMBEDDER": "none",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "COLUMNS": "200",
        },
        timeout=60,
        check=False,
    )


def test_a_dry_run_shows_what_would_be_stored_and_a_run_stores_it(store: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        memory.remember("I moved to Porto in May. I love hiking.", speaker="Sam")
    shown = run(store, "extract", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "fact: Sam lives in Porto" in shown.stdout
    assert "I moved to Porto in May [memory://" in shown.stdout
    assert "would store 1 facts, 1 preferences" in shown.stdout
    told: Any = json.loads(run(store, "extract", "--json").stdout)
    assert (told["facts"], told["preferences"], told["dry_run"]) == (1, 1, False)
    again = run(store, "extract")
    assert "2 were known" in again.stdout
    assert "run " in again.stdout


def test_without_a_model_it_says_how_to_name_one(store: Path) -> None:
    done = run(store, "extract", "--use", "model")
    assert done.returncode != 0
    assert "language_model = openai:MODEL" in done.stderr
