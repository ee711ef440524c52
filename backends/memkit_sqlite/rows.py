"""Records and index data as rows, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import starmap
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from memkit.backing.making import record_of
from memkit.backing.packing import as_json, checked_vector, pack_terms, texts_json
from memkit.backing.times import micros, moment
from memkit.protocols import IndexData
from memkit.types import Link, MemoryRecord
from memkit_sqlite.schema import RECORD_COLUMNS

if TYPE_CHECKING:
    from memkit.protocols import Vector

Row: TypeAlias = tuple[Any, ...]


#: The columns that :func:`record_row` fills, in its order.
WRITTEN_COLUMNS = (
    "seq", "ns", "id", "content", "project", "task", "agent", "created_at", "updated_at",
    "kind", "tags", "metadata", "visibility", "confidence", "pinned", "occurred_at",
    "expires_at", "conversation_id", "sequence", "speaker", "source", "state", "version",
    "superseded_by", "superseded_at", "supersedes", "forgotten_at", "links", "uses", "used_at",
    "useful", "useless", "author", "subject", "predicate", "object", "valid_from", "valid_to",
    "retracted_at", "unique_keys", "embedded",
)  # fmt: skip
#: How many values of a row are a record's.
RECORD_WIDTH = len(RECORD_COLUMNS)
SELECTED = ", ".join(f"r.{column}" for column in RECORD_COLUMNS)


def _optional_micros(value: datetime | None) -> int | None:
    return None if value is None else micros(value)


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
        record.author,
        record.subject,
        record.predicate,
        record.object,
        None if record.valid_from is None else micros(record.valid_from),
        None if record.valid_to is None else micros(record.valid_to),
        None if record.retracted_at is None else micros(record.retracted_at),
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
        forgotten_at, links, uses, used_at, useful, useless, author,
        subject, predicate, object_, valid_from, valid_to, retracted_at,
    ) = row[:RECORD_WIDTH]  # fmt: skip
    created = moment(created_at)
    return record_of((
        id_,
        content,
        namespace,
        project,
        task,
        agent,
        created,
        created if updated_at == created_at else moment(updated_at),
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
        author,
        subject,
        predicate,
        object_,
        None if valid_from is None else moment(valid_from),
        None if valid_to is None else moment(valid_to),
        None if retracted_at is None else moment(retracted_at),
    ))  # fmt: skip


def vector_blob(vector: Vector | None, dimension: int | None) -> bytes | None:
    """A vector as ``indexed.vector`` holds it.

    Raises:
        EmbedderMismatch: it has another dimension than the store's.
    """
    return None if vector is None else checked_vector(vector, dimension).tobytes()


def vector_from(blob: bytes | None) -> Vector | None:
    """The vector of :func:`vector_blob`."""
    return None if blob is None else np.frombuffer(blob, dtype="<f4")


def index_row(seq: int, index: IndexData, dimension: int | None) -> Row:
    """A row of ``indexed`` or ``staged``."""
    return (
        seq,
        texts_json(dict.fromkeys(index.signature)),
        len(index.terms),
        pack_terms(index.terms),
        vector_blob(index.vector, dimension),
    )
