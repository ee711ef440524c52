"""Control stores for the tests: an SQLite file, and a database of a real PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return str(tmp_path / "memory.db.control.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "memory.db.control.db")
    from tests.engines.postgres import database_at

    return database_at(tmp_path)
