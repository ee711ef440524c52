"""Builders of records, vectors and operations for tests of backends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from memkit.protocols import IndexData, Put
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memkit.protocols import Vector

#: The moment from which the times and ids of built records count.
EPOCH = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NAMESPACE = "conformance"


def record_id(number: int, group: int = 0) -> str:
    """A UUIDv7, always the same for the same numbers; grows with ``number`` in a group.

    Args:
        number: 0 to 2**32 - 1.
        group: 0 to 2**16 - 1; ids of different groups differ.
    """
    millis = int(EPOCH.timestamp() * 1000) + number
    tail = (group << 32 | number) * 0x9E3779B97F4A7C15 & 0x3FFF_FFFF_FFFF_FFFF
    value = millis << 80 | 0x7 << 76 | (group & 0xFFF) << 64 | 0x2 << 62 | tail
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def build_record(number: int = 0, /, **fields: Any) -> MemoryRecord:
    """A valid record: its id and times follow ``number``, and ``fields`` replace the rest."""
    at = EPOCH + timedelta(seconds=number)
    values: dict[str, Any] = {
        "id": record_id(number),
        "content": f"record {number}",
        "namespace": NAMESPACE,
        "project": None,
        "task": None,
        "agent": None,
        "created_at": at,
        "updated_at": at,
    }
    values.update(fields)
    return MemoryRecord(**values)


def unit_vectors(seed: int, count: int, dimension: int) -> Vector:
    """Random directions, float32 of shape ``(count, dimension)``, each row of length 1."""
    drawn = np.random.default_rng(seed).standard_normal((count, dimension))
    return normalized(drawn)


def unit_vector(seed: int, dimension: int) -> Vector:
    """One random direction, float32 of shape ``(dimension,)``, of length 1."""
    row: Vector = unit_vectors(seed, 1, dimension)[0]
    return row


def basis_vector(axis: int, dimension: int) -> Vector:
    """The unit vector along one axis: its products with others are exact."""
    vector = np.zeros(dimension, dtype=np.float32)
    vector[axis] = 1.0
    return vector


def toward(target: Vector, seed: int, closeness: float) -> Vector:
    """A unit vector whose cosine with ``target`` is ``closeness``, otherwise random."""
    noise = unit_vector(seed, len(target)).astype(np.float64)
    goal = target.astype(np.float64)
    side = noise - goal * float(noise @ goal)
    side /= np.linalg.norm(side)
    result: Vector = normalized((closeness * goal + (1 - closeness**2) ** 0.5 * side)[None])[0]
    return result


def normalized(rows: NDArray[np.float64]) -> Vector:
    """``rows`` in float32, each scaled to length 1."""
    result: Vector = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return result


def build_put(
    record: MemoryRecord,
    vector: Vector | None = None,
    terms: Sequence[str] | None = None,
    *,
    signature: Sequence[str] = (),
    unique: Sequence[str] = (),
) -> Put:
    """A put of ``record``; without ``terms`` it is found by the words of its content."""
    words = record.content.split() if terms is None else terms
    return Put(record, IndexData(vector, tuple(words), tuple(signature)), tuple(unique))
