"""Every program in ``examples/`` runs offline and says what it is there to show."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from memkit import Memory
from memkit.testing.embedders import ToyEmbedder
from tests.engines import chroma, postgres
from tests.server.client.serving import serving

EXAMPLES = Path(__file__).parents[2] / "examples"


def _output(name: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_has_a_test_here() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == [
        "moving.py",
        "server_agents.py",
        "two_agents.py",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "Sam: It runs out of memory since we added the audit table.",
        "now:    The export may use 4 GB of memory",
        "before: The export may use 2 GB of memory",
        "another tenant finds: 0",
    ],
)
def test_two_agents_share_what_is_not_private(line: str) -> None:
    assert line in _output("two_agents.py")


ANSWERS = {
    "where do I live": "Porto",
    "where did I live in May": "Lisbon",
    "where did I live in May, put right": "Coimbra",
    "what did you think in June": "Lisbon",
    "where do I live, after the letter": "Porto",
    "where did I live last Christmas": "Faro",
    "recall": "Porto",
    "recall, with what was": "Coimbra, Faro, Lisbon, Porto",
    "timeline": "2025-03-01 begins Faro; 2026-01-10 ends Faro; 2026-01-10 begins Coimbra; "
    "2026-06-01 ends Coimbra; 2026-06-01 begins Porto",
    "where did I live in May, undone": "Lisbon",
}


def test_a_mover_is_told_what_was_true_and_what_was_believed() -> None:
    lines = _output("moving.py").splitlines()
    assert lines == [f"{question}: {answer}" for question, answer in ANSWERS.items()]


@pytest.mark.parametrize("store", ["sqlite", "postgres", "textsearch", "edge", "chroma", "served"])
def test_a_mover_is_told_the_same_on_every_backend(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    with _memory(store, tmp_path) as memory:
        assert import_module("moving").scenario(memory) == ANSWERS


@contextmanager
def _memory(store: str, folder: Path) -> Iterator[Memory]:
    url = f"sqlite://{folder}/memory.db"
    if store == "served":
        with serving(url, embedder=ToyEmbedder()) as server, Memory.open(server.url) as memory:
            yield memory
        return
    if store == "postgres":
        url = postgres.database_at(folder)
    elif store == "textsearch":
        url = postgres.textsearch_database_at(folder)
    elif store == "edge":
        url = f"qdrant+edge://{folder}/edge"
    elif store == "chroma":
        url = chroma.server_url_at(folder)
    with Memory.open(url, embedder=ToyEmbedder()) as memory:
        yield memory


def test_two_agents_on_a_server_share_what_they_want_to_and_nothing_else() -> None:
    lines = _output("server_agents.py").splitlines()
    for line in (
        "engineer recalls: The export may use 2 GB of memory (by researcher)",
        "engineer: there is no such record",
        "engineer recalls of it: []",
        "  The export may use 4 GB of memory (by engineer)",
        "left for engineer: 0",
        "researcher reads: ['Measured, on Tuesday']",
        "the server ended with 0",
    ):
        assert line in lines
    assert any(line.startswith("engineer as researcher: this credential may") for line in lines)
    assert lines.count("engineer reads: Is 4 GB measured or guessed? (from researcher)") == 2
