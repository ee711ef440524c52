"""What a user installs: memkit, its backends, their data, and nothing that does not belong."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import memkit

ROOT = Path(__file__).parents[2]
MOST_BYTES = 1_500_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


BACKENDS = {"memkit_sqlite", "memkit_pgvector", "memkit_qdrant", "memkit_chroma"}
ADAPTERS = {"memkit_langgraph", "memkit_llamaindex", "memkit_crewai", "memkit_agents"}


def test_a_wheel_installs_memkit_its_backends_and_adapters_alone(names: list[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "memkit"
    } | BACKENDS | ADAPTERS


def test_a_wheel_tells_type_checkers_that_it_is_typed(names: list[str]) -> None:
    assert {f"{package}/py.typed" for package in BACKENDS | ADAPTERS | {"memkit"}} <= set(names)


def test_a_wheel_has_the_vocabulary_but_no_weights_and_no_data_set(names: list[str]) -> None:
    assert "memkit/embedding/data/vocab.txt" in names
    code = {".py", ".typed"}
    others = {
        name
        for name in names
        if Path(name).suffix not in code and not name.partition("/")[0].endswith(".dist-info")
    }
    assert others == {
        "memkit/embedding/data/README.md",
        "memkit/embedding/data/vocab.txt",
        "memkit/evaluation/reports/report.html.jinja",
    }


def test_a_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST_BYTES


def test_a_wheel_has_its_licence_version_and_entry_points(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = f"agent_memkit-{memkit.__version__}.dist-info"
        metadata = message_from_string(archive.read(f"{info}/METADATA").decode())
        points = archive.read(f"{info}/entry_points.txt").decode()
        assert f"{info}/licenses/LICENSE" in archive.namelist()
    assert metadata["Version"] == memkit.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "memkit = memkit.cli:main" in points
    assert "[memkit.backends]" in points
    assert "[memkit.embedders]" in points
