"""The commands, as people type them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memkit import Memory
from memkit.testing.embedders import ToyEmbedder


def _run(store: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "memkit", *arguments, "--store", str(store)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def test_contradictions_are_found_listed_and_settled(store: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        older = memory.remember("The cache is enabled.").id
        memory.remember("The cache is disabled.")
    done: dict[str, Any] = json.loads(_run(store, "reconcile", "--json"))
    assert (done["found"], done["finished"]) == (1, True)
    (found,) = done["contradictions"]
    listed = _run(store, "contradictions")
    assert found["id"] in listed
    assert "negation: enabled / disabled" in listed
    told = json.loads(
        _run(store, "contradiction", "resolve", found["id"], "--keep", older, "--json")
    )
    assert told["status"] == "resolved"
    assert _run(store, "contradictions") == ""
    assert "keep" in _run(store, "contradictions", "--state", "resolved")
    told = json.loads(
        _run(store, "contradiction", "reopen", found["id"], "--embedder", "none", "--json")
    )
    assert told["status"] == "open"


@pytest.mark.parametrize("limit", ["1", "5"])
def test_a_part_can_be_looked_at(store: Path, limit: str) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        memory.remember_many(["One thing.", "Another thing."])
    told = _run(store, "reconcile", "--limit", limit)
    assert ("there is more" in told) == (limit == "1")
