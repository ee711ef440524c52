"""A store's files are their owner's alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from memkit import Memory


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_store_and_what_lies_beside_it_are_private(tmp_path: Path) -> None:
    with Memory.open(str(tmp_path / "memory.db"), embedder="none") as memory:
        memory.remember("the gate is open")
        files = sorted(tmp_path.iterdir())
        assert len(files) > 1
        assert {_mode(path) for path in files} == {0o600}


def test_a_store_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    Memory.open(str(path), embedder="none").close()
    path.chmod(0o640)
    with Memory.open(str(path), embedder="none") as memory:
        memory.remember("the gate is open")
    assert _mode(path) == 0o640
