"""Nothing calls out unasked, not even a library that would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_USE = """
from memkit import Memory
with Memory.open("memory.db", embedder="{embedder}", embedder_wait_seconds=100) as memory:
    memory.remember("Deploys happen on Tuesdays")
    {asserted}
"""
_IMPORT = "import onnxruntime"


def _left_by(program: str, home: Path) -> set[str]:
    """The names of what a program leaves in an empty home folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MEMKIT_", "XDG_", "ORT_"))
    }
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        cwd=home,
        env={**kept, "HOME": str(home)},
        timeout=200,
    )
    return {path.name for path in home.rglob("*")}


def test_the_local_embedder_keeps_its_runtime_from_counting_users(tmp_path: Path) -> None:
    used = 'assert memory.recall("When do we release?", mode="dense")'
    left = _left_by(_USE.format(embedder="local", asserted=used), tmp_path)
    assert "memory.db" in left
    # Its queue of usage events, and the number that it gives to this machine.
    assert not left & {"Microsoft", "DeveloperTools", "deviceid", "onnxruntime.db"}


@pytest.mark.parametrize(
    "module", ["memkit.embedding.onnx", "memkit.embedding.fastembed", "memkit.reranking.fastembed"]
)
def test_whatever_imports_the_runtime_quietens_it_first(module: str, tmp_path: Path) -> None:
    program = (
        f"import sys, {module} as used\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "used.quieten_onnxruntime()\n"
        f"{_IMPORT}\n"
    )
    assert _left_by(program, tmp_path) == set()
