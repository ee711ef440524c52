"""LangGraph's own store tests: they are in the sdist of its SQLite store, fetched when needed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "3.1.2"
_NAME = "langgraph-checkpoint-sqlite"
_FOLDER = f"langgraph_checkpoint_sqlite-{VERSION}"
_SHA256 = "4e3f376fa6f192d6ad2a1a4643b039986f1593552ef870e9e45281575de6fbf2"
_SECONDS = 300


def upstream_tests() -> Path:
    """The unpacked sdist, kept in the folder of this environment."""
    kept = Path(sys.prefix) / "upstream"
    unpacked = kept / _FOLDER
    if not unpacked.is_dir():
        kept.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept) as scratch:
            _unpack(_fetched(Path(scratch)), Path(scratch))
            try:
                (Path(scratch) / _FOLDER).rename(unpacked)
            except OSError:
                # Another process of the session was faster.
                assert unpacked.is_dir()
    return unpacked


def _fetched(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:"]
    subprocess.run(
        [*pip, "--quiet", "--dest", str(folder), f"{_NAME}=={VERSION}"],
        check=True,
        timeout=_SECONDS,
    )
    archive = folder / f"{_FOLDER}.tar.gz"
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert found == _SHA256, "this is not the sdist whose tests were read"
    return archive


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
