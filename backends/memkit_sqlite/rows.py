"""Records and index data as rows, and back."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import starmap
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from memkit.errors import EmbedderMismatch, InvalidInput
from memkit.protocols import IndexData
from memkit.types import Link, MemoryRecord
from memkit_sqlite.schema import RECORD_COLUMNS

if TYPE_CHECKING:
    from memkit.protocols import Vector

Row: TypeAlias = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TF_MAX = 65535
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
).encode
_quoted = json.encoder.encode_basestring

#: The columns that :func:`record_row` fills, in its order.
WRITTEN_COLUMNS = (
    "seq", "ns", "id", "content", "project", "task", "agent", "created_at", "updated_at",
    "kind", "tags", "metadata", "visibility", "confidence", "pinned", "occurred_at",
    "expires_at", "conversation_id", "sequence", "speaker", "source", "state", "version",
    "superseded_by", "superseded_at", "supersedes", "forgotten_at", "links", "uses", "used_at",
    "useful", "useless", "unique_keys", "embedded",
)  # fmt: skip
SELECTED = ", ".join(f"r.{column}" for column in RECORD_COLUMNS)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    since = moment - _EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def moment(value: int) -> datetime:
    """The UTC time of :func:`micros`."""
    return _EPOCH + timedelta(microseconds=value)


def _optional_micros(value: datetime | None) -> int | None:
    return None if value is None else micros(value)


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


def unique_hash(key: str) -> bytes:
    """What a unique key is looked up by: long enough that no two keys ever share one."""
    return blake2b(key.encode(), digest_size=16).digest()


def signature_hash(key: str) -> int:
    """What a signature key is looked up by, as a signed 64-bit number."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little", signed=True)


def record_row(
    record: MemoryRecord, ns: int, seq: int | None, unique: Sequence[str], embedded: bool
) -> Row:
    """A record's row, in the order of :data:`WRITTEN_COLUMNS`."""
    metadata = record.metadata
    if metadata and type(metadata) is not dict:
        metadata = dict(metadata)
    links = record.links
    return (
        seq,
        ns,
        record.id,
        record.content,
        record.project,
        record.task,
        record.agent,
        micros(record.created_at),
        micros(record.updated_at),
        record.kind,
        texts_json(record.tags),
        as_json(metadata) if metadata else None,
        record.visibility,
        record.confidence,
        record.pinned,
        _optional_micros(record.occurred_at),
        _optional_micros(record.expires_at),
        record.conversation_id,
        record.sequence,
        record.speaker,
        record.source,
        record.state,
        record.version,
        record.superseded_by,
        _optional_micros(record.superseded_at),
        record.supersedes,
        _optional_micros(record.forgotten_at),
        as_json([(link.type, link.target) for link in links]) if links else None,
        record.uses,
        _optional_micros(record.used_at),
        record.useful,
        record.useless,
        texts_json(unique),
        embedded,
    )


@lru_cache(maxsize=4096)
def labels(text: str | None) -> tuple[str, ...]:
    """The labels that a JSON column holds."""
    return () if text is None else tuple(json.loads(text))


def link_targets(text: str | None) -> tuple[str, ...]:
    """The ids, each once, that a ``links`` column points at."""
    return () if text is None else tuple(dict.fromkeys(target for _, target in json.loads(text)))


def record_from(namespace: str, row: Row) -> MemoryRecord:
    """The record of a row that begins with :data:`SELECTED`."""
    (
        id_, content, project, task, agent, created_at, updated_at, kind, tags, metadata,
        visibility, confidence, pinned, occurred_at, expires_at, conversation_id, sequence,
        speaker, source, state, version, superseded_by, superseded_at, supersedes,
        forgotten_at, links, uses, used_at, useful, useless,
    ) = row[:30]  # fmt: skip
    return MemoryRecord(
        id_,
        content,
        namespace,
        project,
        task,
        agent,
        _EPOCH + timedelta(microseconds=created_at),
        _EPOCH + timedelta(microseconds=updated_at),
        kind,
        labels(tags),
        {} if metadata is None else json.loads(metadata),
        visibility,
        confidence,
        pinned == 1,
        None if occurred_at is None else moment(occurred_at),
        None if expires_at is None else moment(expires_at),
        conversation_id,
        sequence,
        speaker,
        source,
        state,
        version,
        superseded_by,
        None if superseded_at is None else moment(superseded_at),
        supersedes,
        None if forgotten_at is None else moment(forgotten_at),
        () if links is None else tuple(starmap(Link, json.loads(links))),
        uses,
        None if used_at is None else moment(used_at),
        useful,
        useless,
    )


class _TermHashes(dict[str, int]):
    """The uint64 under which a term is stored, remembered while there is room."""

    _ROOM = 200_000

    def __missing__(self, term: str) -> int:
        value = int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "little")
        if len(self) >= self._ROOM:
            self.clear()
        self[term] = value
        return value


_hashes = _TermHashes()


def term_hash(term: str) -> int:
    """The uint64 that stands for a term in every store."""
    return _hashes[term]


def terms_blob(terms: Sequence[str]) -> bytes:
    """A document's terms as ``indexed.terms`` holds them."""
    counts = Counter(terms)
    hashes = map(_hashes.__getitem__, counts)
    try:
        return struct.pack(f"<{len(counts)}Q{len(counts)}H", *hashes, *counts.values())
    except struct.error:
        capped = [min(count, _TF_MAX) for count in counts.values()]
        return struct.pack(
            f"<{len(counts)}Q{len(counts)}H", *map(_hashes.__getitem__, counts), *capped
        )


def vector_blob(vector: Vector | None, dimension: int | None) -> bytes | None:
    """A vector as ``indexed.vector`` holds it.

    Raises:
        EmbedderMismatch: it has another dimension than the store's.
    """
    if vector is None:
        return None
    array_ = np.ascontiguousarray(vector, dtype="<f4")
    if array_.ndim != 1 or array_.size == 0:
        raise InvalidInput("a vector is a one-dimensional array that is not empty")
    if dimension is not None and array_.size != dimension:
        raise EmbedderMismatch(
            f"a vector of {array_.size} dimensions cannot stand beside this store's of "
            f"{dimension}: open the store with its own embedder, or run memkit reembed"
        )
    return array_.tobytes()


def vector_from(blob: bytes | None) -> Vector | None:
    """The vector of :func:`vector_blob`."""
    return None if blob is None else np.frombuffer(blob, dtype="<f4")


def index_row(seq: int, index: IndexData, dimension: int | None) -> Row:
    """A row of ``indexed`` or ``staged``."""
    return (
        seq,
        texts_json(dict.fromkeys(index.signature)),
        len(index.terms),
        terms_blob(index.terms),
        vector_blob(index.vector, dimension),
    )
