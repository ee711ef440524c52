"""Vectors in exports: taken as they are by the same model, made anew by another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memkit import Memory
from memkit.errors import InvalidInput
from memkit.testing.embedders import FailingEmbedder, ToyEmbedder

TEXTS = ["the harbour opens at six", "ferries leave every hour", "no bikes on board"]


@pytest.fixture
def exported(memory: Memory, tmp_path: Path) -> Path:
    memory.remember_many(TEXTS)
    file = tmp_path / "with-vectors.jsonl"
    assert memory.export(file, vectors=True) == len(TEXTS)
    return file


def test_the_same_model_takes_the_vectors_without_embedding(exported: Path, tmp_path: Path) -> None:
    down = FailingEmbedder(ToyEmbedder())
    with Memory.open(str(tmp_path / "other.db"), embedder=down) as other:
        assert other.import_(exported).stored == len(TEXTS)
        assert other.status().unembedded == 0
        again = tmp_path / "again.jsonl"
        other.export(again, vectors=True)
    assert again.read_text() == exported.read_text()


def test_another_model_embeds_anew(exported: Path, tmp_path: Path) -> None:
    with Memory.open(str(tmp_path / "other.db"), embedder=ToyEmbedder(32, "another")) as other:
        assert other.import_(exported).stored == len(TEXTS)
        assert other.recall("ferries", mode="dense")[0].content == TEXTS[1]
        assert other.status().dimension == 32


def test_an_export_without_vectors_is_of_the_version_that_older_memkits_read(
    memory: Memory, exported: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.jsonl"
    memory.export(plain)
    first, *rest = map(json.loads, plain.read_text().splitlines())
    assert first["version"] == 1
    assert not any("vector" in line for line in rest)
    assert json.loads(exported.read_text().splitlines()[0])["version"] == 2


@pytest.mark.parametrize("vector", ["", "not base64!", "AAAA", "AAAAAA==", "AACAfw==", 7])
def test_a_damaged_vector_is_refused(
    exported: Path, memory: Memory, tmp_path: Path, vector: object
) -> None:
    lines = [json.loads(line) for line in exported.read_text().splitlines()]
    lines[2]["vector"] = vector
    bad = tmp_path / "bad.jsonl"
    bad.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(InvalidInput, match="line 3: a vector is"):
        memory.at(namespace="other").import_(bad)


def test_a_vector_of_another_dimension_is_refused(exported: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in exported.read_text().splitlines()]
    lines[2]["vector"] = "AACAPw=="  # one number, 1.0
    bad = tmp_path / "bad.jsonl"
    bad.write_text("\n".join(map(json.dumps, lines)))
    with (
        Memory.open(str(tmp_path / "other.db"), embedder=ToyEmbedder()) as other,
        pytest.raises(InvalidInput, match=r"line 3: .*64 numbers"),
    ):
        other.import_(bad)
