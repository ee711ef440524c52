"""Records as payloads of points, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memkit.backing.packing import pack_record, unpack_record
from memkit.backing.times import micros
from memkit.errors import InvalidInput
from memkit.filters import FieldType, field_type
from memkit.types import MemoryRecord
from memkit_qdrant.names import Generation
from memkit_qdrant.tokens import tokens
from memkit_qdrant.transport import Payload

_TEXTS = (
    "project", "task", "agent", "visibility", "kind", "state", "superseded_by",
    "conversation_id", "speaker", "source", "author", "subject", "predicate", "object",
)  # fmt: skip
_NUMBERS = ("version", "uses", "useful", "useless", "sequence")
_TIMES = (
    "created_at", "updated_at", "occurred_at", "expires_at", "used_at", "superseded_at",
    "forgotten_at", "valid_from", "valid_to", "retracted_at",
)  # fmt: skip

#: Fields whose index came with version 2 of the schema.
FACTS = ("subject", "predicate", "object")
#: Fields whose index finds equal text. Not among the vectors' graph: it would take hours.
KEYWORDS = (
    "project", "task", "agent", "visibility", "kind", "state", "tags", "link_to",
    "conversation_id", "unique", *FACTS,
)  # fmt: skip
#: Fields whose index finds ranges and gives an order.
RANGES = ("created_at", "updated_at", "expires_at", "occurred_at")
#: Fields whose index finds equal whole numbers.
WHOLE = ("meta", "indexed", "embedded")
#: Fields that can be counted by their index, which every store has whole.
COUNTED = frozenset(KEYWORDS) - {"link_to", *FACTS}

#: What a record is read from.
RECORD = ("record",)


def payload_of(
    record: MemoryRecord,
    unique: Sequence[str],
    signature: Sequence[str],
    generation: Generation,
    *,
    embedded: bool,
) -> Payload:
    """The payload of a record's point.

    ``indexed`` and ``embedded`` list the generations that have index data, and a dense vector,
    of the record as it is.

    Raises:
        InvalidInput: it holds what has no JSON form.
    """
    payload: Payload = {
        "namespace": record.namespace,
        "id": record.id,
        "record": pack_record(record),
        "pinned": int(record.pinned),
        "confidence": float(record.confidence),
        "indexed": [generation.number],
        "embedded": [generation.number] if embedded else [],
    }
    for name in _TEXTS:
        if (text := getattr(record, name)) is not None:
            payload[name] = str(text)
    for name in _NUMBERS:
        if (number := getattr(record, name)) is not None:
            payload[name] = number
    for name in _TIMES:
        if (time := getattr(record, name)) is not None:
            payload[name] = micros(time)
    for name, texts in (
        ("tags", record.tags),
        ("link_to", [link.target for link in record.links]),
        ("unique", unique),
        (generation.signature, signature),
        ("meta", tokens(record.metadata)),
    ):
        if texts:
            payload[name] = list(texts)
    _check_numbers(payload)
    return payload


def _check_numbers(payload: Payload) -> None:
    for name in (*_NUMBERS, *_TIMES):
        if not -(2**63) <= payload.get(name, 0) < 2**63:
            raise InvalidInput(f"{name} needs more than 64 bits")


def record_of(payload: Mapping[str, Any]) -> MemoryRecord:
    """The record of a payload that has the fields :data:`RECORD`."""
    return unpack_record(payload["record"])


def viewed(payload: Mapping[str, Any], record: MemoryRecord, generation: Generation) -> Any:
    """The function that tells what a filter on a field sees."""

    def value_of(field: str) -> Any:
        if field == "embedded":
            return generation.number in payload.get("embedded", ())
        if field == "signature":
            return tuple(payload.get(generation.signature, ()))
        return record.value_of(field)

    return value_of


def viewed_fields(generation: Generation) -> tuple[str, ...]:
    """The fields of a payload that :func:`viewed` needs."""
    return (*RECORD, "embedded", generation.signature)


def ordered_by(record: MemoryRecord, field: str) -> Any:
    """What a listing orders a record by: text, a number, or ``None``."""
    value = record.value_of(field)
    if value is None:
        return None
    if field_type(field) is FieldType.TIME:
        return micros(value)
    return str(value) if isinstance(value, str) else value
