"""Importing memkit loads nothing heavy, so that a program that may never use it can."""

from __future__ import annotations

import subprocess
import sys

import pytest

import memkit

HEAVY = {
    "apsw",
    "fastembed",
    "httpx",
    "memkit.cli",
    "memkit_sqlite",
    "numpy",
    "onnxruntime",
    "platformdirs",
    "pydantic",
    "pytest",
    "rich",
    "snowballstemmer",
    "tokenizers",
    "typer",
}


@pytest.mark.parametrize("statement", ["import memkit", "from memkit import *"])
def test_importing_memkit_loads_no_driver_model_or_framework(statement: str) -> None:
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert not HEAVY & set(done.stdout.split())


def test_the_public_names_are_these() -> None:
    assert sorted(memkit.__all__) == [
        "AsyncMemory",
        "Channel",
        "Delivery",
        "Draft",
        "ErasureReceipt",
        "Event",
        "Hit",
        "Link",
        "Memory",
        "MemoryRecord",
        "Page",
        "Reach",
        "RecallResult",
        "Related",
        "Remembered",
        "Scope",
        "Status",
        "errors",
        "filters",
    ]
    for name in memkit.__all__:
        assert hasattr(memkit, name)
