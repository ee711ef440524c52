"""The example of one who moves, on every backend and behind a server."""

from __future__ import annotations

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
