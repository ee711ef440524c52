"""Records and index data as rows of the tables, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

from memkit.backing.hashing import signature_hash
from memkit.backing.packing import as_json, checked_vector, pack_record, unpack_record
from memkit.backing.times import micros, moment
from memkit.protocols import IndexData, Stored
from memkit.types import MemoryRecord
from memkit_pgvector import wire
from memkit_pgvector.keys import decoded, encoded, label_key, lexemes
from memkit_pgvector.lexeme_vectors import bag_of, tsvector
from memkit_pgvector.wire import Field, Row

#: A row of ``signatures``: a namespace, what a key is looked up by, a record.
Signature: TypeAlias = tuple[bytes, int, bytes]
#: The columns of ``records``, in the order of :func:`record_row`.
RECORD_COLUMNS = (
    "ns", "rid", "id", "project", "task", "agent", "created_at", "updated_at", "kind", "tags",
    "link_to", "metadata", "visibility", "confidence", "pinned", "occurred_at", "expires_at",
    "conversation_id", "sequence", "speaker", "source", "state", "version", "superseded_by",
    "superseded_at", "forgotten_at", "embedded", "length", "labels", "signature",
    "unique_keys", "body", "uses", "used_at", "useful", "useless", "author",
    "subject", "predicate", "object", "valid_from", "valid_to", "retracted_at",
)  # fmt: skip
#: Texts that are found through ``labels``, as the values of lists are: a text may be longer
#: than an index of its own would take, and records without them cost that index nothing.
LABELLED = ("subject", "predicate", "object")
#: Those that a patch leaves alone: the keys, and what belongs to Touch.
KEPT_COLUMNS = frozenset({"ns", "rid", "id", "uses", "used_at", "useful", "useless"})
#: What :func:`record_from` reads.
SELECTED = "r.body, r.uses, r.used_at, r.useful, r.useless"


def _optional_micros(value: datetime | None) -> Field:
    return None if value is None else wire.int8(micros(value))


def record_row(
    ns: bytes,
    rid: bytes,
    record: MemoryRecord,
    unique: Sequence[str],
    signature: Sequence[str],
    embedded: bool,
    length: int,
) -> Row:
    """A row of ``records``.

    Raises:
        InvalidInput: the metadata has no JSON form, or a number has more than 64 bits.
        UnicodeEncodeError: a text holds a lone surrogate.
    """
    body = pack_record(record)
    targets = tuple(dict.fromkeys([link.target for link in record.links])) if record.links else ()
    labels = [label_key(ns, "tags", tag) for tag in record.tags]
    labels += [label_key(ns, "link_to", target) for target in targets]
    for name in LABELLED:
        if (value := getattr(record, name)) is not None:
            labels.append(label_key(ns, name, value))
    return [
        ns,
        rid,
        wire.text(record.id),
        wire.optional_text(record.project),
        wire.optional_text(record.task),
        wire.optional_text(record.agent),
        wire.int8(micros(record.created_at)),
        wire.int8(micros(record.updated_at)),
        wire.text(record.kind),
        wire.texts(record.tags),
        wire.texts(targets),
        metadata_field(record.metadata) if record.metadata else None,
        wire.text(record.visibility),
        wire.float8(record.confidence),
        wire.flag(record.pinned),
        _optional_micros(record.occurred_at),
        _optional_micros(record.expires_at),
        wire.optional_text(record.conversation_id),
        wire.optional_int8(record.sequence),
        wire.optional_text(record.speaker),
        wire.optional_text(record.source),
        wire.text(record.state),
        wire.int8(record.version),
        wire.optional_text(record.superseded_by),
        _optional_micros(record.superseded_at),
        _optional_micros(record.forgotten_at),
        wire.flag(embedded),
        wire.int8(length),
        wire.int8s(labels),
        wire.texts(signature),
        wire.texts(unique),
        body.encode(),
        wire.int8(record.uses),
        _optional_micros(record.used_at),
        wire.int8(record.useful),
        wire.int8(record.useless),
        wire.optional_text(record.author),
        wire.optional_text(record.subject),
        wire.optional_text(record.predicate),
        wire.optional_text(record.object),
        _optional_micros(record.valid_from),
        _optional_micros(record.valid_to),
        _optional_micros(record.retracted_at),
    ]


def metadata_field(metadata: Mapping[str, Any]) -> bytes:
    """Metadata as ``jsonb``, for filters: equal numbers look equal, and nothing is refused.

    It is a copy: the record's own metadata, without loss, is in its body.
    """
    packed = as_json(dict(metadata))
    # U+0000 and U+0001, and floats in scientific notation, are written as these only.
    if "\\u000" in packed or "e+" in packed:
        packed = as_json(comparable(dict(metadata)))
    return b"\1" + packed.encode()


def comparable(value: Any) -> Any:
    """A JSON value whose texts PostgreSQL can hold and whose great numbers are exact."""
    if isinstance(value, str):
        return encoded(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {comparable(key): comparable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    return value


def words_row(ns: bytes, rid: bytes, terms: Sequence[str], *, bag: bool) -> Row:
    """A row of the words' table, with the bag of words that pg_textsearch indexes or without."""
    row: Row = [ns, rid, tsvector(terms, lexemes(ns))]
    return [*row, bag_of(terms, lexemes(ns))] if bag else row


def vector_row(ns: bytes, rid: bytes, index: IndexData, dimension: int, kind: str) -> Row:
    """A row of the vectors' table.

    Raises:
        EmbedderMismatch: the vector has another dimension.
        InvalidInput: it is no vector.
    """
    assert index.vector is not None
    return [ns, rid, wire.vector(checked_vector(index.vector, dimension), kind)]


def signature_rows(ns: bytes, rid: bytes, signature: Iterable[str]) -> list[Signature]:
    """Rows of ``signatures``."""
    return [(ns, signature_hash(key), rid) for key in dict.fromkeys(signature)]


def _counted(body: str, uses: int, used_at: int | None, useful: int, useless: int) -> MemoryRecord:
    record = unpack_record(body)
    at = None if used_at is None else moment(used_at)
    if (record.uses, record.used_at, record.useful, record.useless) != (uses, at, useful, useless):
        return replace(record, uses=uses, used_at=at, useful=useful, useless=useless)
    return record


def record_from(row: Sequence[Any]) -> MemoryRecord:
    """The record of a row that begins with :data:`SELECTED`."""
    return _counted(*row[:5])


def stored_from(row: Sequence[Any], kind: str) -> Stored:
    """What a row holds that goes on with the unique keys and the vector's bytes."""
    return Stored(_counted(*row[:5]), wire.vector_from(row[6], kind), tuple(map(decoded, row[5])))
