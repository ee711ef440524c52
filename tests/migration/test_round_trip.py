"""A store goes through every kind of store and comes back as it was, killed on each way."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_a_store_comes_back_from_all_the_others_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    report = tmp_path / "report.json"
    assert import_module("migration").main(["--records", "1200", "--json", str(report)]) == 0
    told = json.loads(report.read_text())
    assert told["records"] == 1200
    assert [leg["to"] for leg in told["legs"]] == [
        "PostgreSQL",
        "Chroma",
        "Qdrant edge",
        "SQLite again",
    ]
    assert all(leg["records"] == 1200 for leg in told["legs"])
