"""Chroma's embedded engine does all but serve several processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from memkit.testing import BackendConformance
from tests.engines.chroma import persistent_backend_at, served_backend_at


class TestChromaPersistent(BackendConformance):
    backend_factory = "tests.engines.chroma:persistent_backend_at"
    foreign_rows = 10_000
    kills = 5
    random_filters = 100

    def test_it_belongs_to_one_process_and_lacks_nothing_else(self, tmp_path: Path) -> None:
        everything = served_backend_at(tmp_path).capabilities
        held = persistent_backend_at(tmp_path).capabilities
        assert held == replace(everything, multi_process=False)
