"""Records, terms and vectors as text and bytes, without loss, and back."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import starmap
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np

from memkit.backing.hashing import term_hashes
from memkit.backing.times import micros, moment
from memkit.errors import EmbedderMismatch, InvalidInput
from memkit.types import Link, MemoryRecord

if TYPE_CHECKING:
    from memkit.protocols import Vector

#: A term's frequency in one document is counted up to here.
TF_MAX = 65535
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
).encode
_quoted = json.encoder.encode_basestring
_HINTS = get_type_hints(MemoryRecord)
_TIMES = frozenset(name for name, hint in _HINTS.items() if "datetime" in str(hint))
_NAMES = tuple(field.name for field in fields(MemoryRecord))


def as_json(value: object) -> str:
    """Compact JSON text.

    Raises:
        InvalidInput: the value has no JSON form.
    """
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):
        raise InvalidInput(
            "metadata holds text, finite numbers, truth values, null, lists and objects only"
        ) from None


def texts_json(texts: Iterable[str]) -> str | None:
    """The JSON list of these texts, ``None`` if there are none."""
    joined = ",".join(map(_quoted, texts))
    return f"[{joined}]" if joined else None


def pack_record(record: MemoryRecord) -> str:
    """A record as one JSON text, for stores that keep records whole.

    Raises:
        InvalidInput: its metadata has no JSON form.
    """
    return as_json(_fields(record))


def canonical_record(record: MemoryRecord) -> bytes:
    """A record as bytes that are the same for equal records, wherever they are stored."""
    return json.dumps(_fields(record), sort_keys=True, separators=(",", ":")).encode()


def _fields(record: MemoryRecord) -> dict[str, Any]:
    packed: dict[str, Any] = {}
    for name in _NAMES:
        value = getattr(record, name)
        if value is None or value == ():
            continue
        if isinstance(value, datetime):
            value = micros(value)
        elif name == "metadata":
            value = dict(value)
        elif name == "links":
            value = [(link.type, link.target) for link in value]
        packed[name] = value
    return packed


def unpack_record(text: str) -> MemoryRecord:
    """The record of :func:`pack_record`."""
    packed: dict[str, Any] = json.loads(text)
    for name in packed.keys() & _TIMES:
        packed[name] = moment(packed[name])
    packed["tags"] = tuple(packed.get("tags", ()))
    packed["entities"] = tuple(packed.get("entities", ()))
    packed["links"] = tuple(starmap(Link, packed.get("links", ())))
    for name in ("project", "task", "agent"):
        packed.setdefault(name, None)
    return MemoryRecord(**packed)


def pack_terms(terms: Sequence[str]) -> bytes:
    """A document's distinct terms: their hashes (``<u8``), then their frequencies (``<u2``).

    It is what :class:`memkit.backing.lexical.Postings` takes; the document's length is
    ``len(terms)``, which these bytes do not hold.
    """
    counts = Counter(terms)
    hashes = map(term_hashes.__getitem__, counts)
    try:
        return struct.pack(f"<{len(counts)}Q{len(counts)}H", *hashes, *counts.values())
    except struct.error:
        capped = [min(count, TF_MAX) for count in counts.values()]
        return struct.pack(
            f"<{len(counts)}Q{len(counts)}H", *map(term_hashes.__getitem__, counts), *capped
        )


def checked_vector(vector: Vector, dimension: int | None) -> Vector:
    """A vector as contiguous little-endian float32, shape ``(dimension,)``.

    Raises:
        EmbedderMismatch: it has another dimension than the store's.
        InvalidInput: it is no vector.
    """
    array: Vector = np.ascontiguousarray(vector, dtype="<f4")
    if array.ndim != 1 or array.size == 0:
        raise InvalidInput("a vector is a one-dimensional array that is not empty")
    if dimension is not None and array.size != dimension:
        raise EmbedderMismatch(
            f"a vector of {array.size} dimensions cannot stand beside this store's of "
            f"{dimension}: open the store with its own embedder, or run memkit reembed"
        )
    return array
