"""A record as a line of an export, and back."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias, get_type_hints

from memkit.errors import InvalidInput, InvalidScope
from memkit.protocols import Fingerprint
from memkit.scope import check_label
from memkit.types import Link, MemoryRecord, Visibility
from memkit.validation import (
    check_count,
    check_fact_part,
    check_id,
    check_kind,
    check_metadata,
    check_optional_text,
    check_states,
    check_tags,
    check_text,
    check_unit,
)

if TYPE_CHECKING:
    from memkit.config import Settings
    from memkit.protocols import Vector

FORMAT = "memkit-export"
#: The newest version that is read. Exports without vectors are still of version 1.
FORMAT_VERSION = 2
CHUNK = 500

_HINTS = get_type_hints(MemoryRecord)
_TIMES = frozenset(name for name, hint in _HINTS.items() if "datetime" in str(hint))
_NAMES = tuple(field.name for field in fields(MemoryRecord))
_COUNTERS = ("version", "uses", "useful", "useless")

Line: TypeAlias = dict[str, Any]


# Control characters and those that turn or hide text: json leaves them as they are.
_HIDDEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def json_text(value: object) -> str:
    """JSON that is safe to show: what could drive or mislead a terminal is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return _HIDDEN.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def header(namespace: str, vectors: Fingerprint | None) -> Line:
    """The first line of an export; ``vectors`` is the fingerprint of those that follow."""
    line: Line = {"format": FORMAT, "version": 1, "namespace": namespace}
    if vectors is not None:
        line["version"] = FORMAT_VERSION
        line["vectors"] = {"model": vectors.model, "normalized": vectors.normalized}
    return line


def check_header(line: Line) -> Fingerprint | None:
    """The fingerprint of an export's vectors, ``None`` if it has none.

    Raises:
        InvalidInput: it is not the header of an export that this memkit reads.
    """
    if line.get("format") != FORMAT:
        raise InvalidInput(f"the first line does not name the format {FORMAT!r}")
    version = line.get("version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise InvalidInput(
            f"this export has version {version!r}, this memkit reads up to {FORMAT_VERSION}: "
            "upgrade memkit"
        )
    told = line.get("vectors")
    if told is None:
        return None
    if not isinstance(told, dict) or not isinstance(told.get("model"), str):
        raise InvalidInput("the header does not name the model of the export's vectors")
    return Fingerprint(told["model"], None, told.get("normalized") is not False)


def vector_text(vector: Vector) -> str:
    """A vector as an export writes it: base64 of little-endian float32."""
    import numpy as np

    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()


def vector_of(text: object, dimension: int | None) -> Vector:
    """The vector of :func:`vector_text`.

    Raises:
        InvalidInput: it is none, not of length 1, or not of the model's dimension.
    """
    import numpy as np

    try:
        held = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        vector: Vector = np.frombuffer(held, "<f4").astype(np.float32)
    except (binascii.Error, ValueError):
        vector = np.zeros(0, np.float32)
    # Squared in double: what was damaged must not overflow.
    wide = vector.astype(np.float64)
    if not np.isclose(float(wide @ wide), 1.0, atol=1e-2):
        raise InvalidInput("a vector is the base64 of float32 numbers, of length 1 in all")
    if dimension is not None and len(vector) != dimension:
        raise InvalidInput(f"the model's vectors have {dimension} numbers, this one {len(vector)}")
    return vector


def to_line(record: MemoryRecord, unique: Iterable[str]) -> Line:
    """A record as a JSON object: times in ISO 8601, absent values left out."""
    line: Line = {}
    for name in _NAMES:
        value = getattr(record, name)
        if value is None or value == ():
            continue
        if isinstance(value, datetime):
            value = value.isoformat()
        elif name == "links":
            value = [{"type": edge.type, "target": edge.target} for edge in value]
        elif name == "tags":
            value = list(value)
        elif name == "metadata":
            value = dict(value)
        line[name] = value
    keys = list(unique)
    if keys:
        line["unique"] = keys
    return line


_CHECKS: Mapping[str, Callable[[Any], object]] = {
    "id": check_id,
    "kind": check_kind,
    "confidence": lambda value: check_unit(value, "confidence"),
    "state": lambda value: check_states(value)[0],
    "superseded_by": lambda value: check_id(value, "superseded_by"),
    "supersedes": lambda value: check_id(value, "supersedes"),
    "conversation_id": lambda value: check_optional_text(value, "conversation_id"),
    "speaker": lambda value: check_optional_text(value, "speaker"),
    "source": lambda value: check_optional_text(value, "source", 10_000),
    "subject": lambda value: check_fact_part(value, "subject"),
    "predicate": lambda value: check_fact_part(value, "predicate"),
    "object": lambda value: check_fact_part(value, "object"),
    "sequence": lambda value: check_count(value, "sequence", 0, 2**63 - 1),
    "visibility": lambda value: _one_of(value, "visibility", tuple(Visibility)),
    "pinned": lambda value: _one_of(value, "pinned", (True, False)),
}


def record_of(line: Line, settings: Settings) -> MemoryRecord:
    """The record of a line, every value of it checked.

    Raises:
        InvalidInput, InvalidScope: it is not one that memkit could have written.
    """
    unknown = sorted(set(line) - set(_NAMES))
    if unknown:
        raise InvalidInput(f"a record has no {', '.join(unknown)}")
    missing = [name for name in ("id", "content", "created_at", "updated_at") if name not in line]
    if missing:
        raise InvalidInput(f"the record lacks {', '.join(missing)}")
    values: dict[str, Any] = {"project": None, "task": None, "agent": None}
    for name, value in line.items():
        if name in _TIMES:
            values[name] = _time(name, value)
        elif name in _COUNTERS:
            values[name] = check_count(value, name, 0, 2**63 - 1)
        elif name == "content":
            values[name] = check_text(value, name, settings.max_content_chars)
        elif name == "metadata":
            values[name] = check_metadata(value, settings.max_metadata_bytes)
        elif name == "links":
            values[name] = _links(value)
        elif name in ("namespace", "project", "task", "agent", "author"):
            values[name] = check_label(value, name)
        elif name != "tags":
            values[name] = _CHECKS[name](value)
    values["tags"] = check_tags(line.get("tags"), values["agent"])
    if values["task"] is not None and values["project"] is None:
        raise InvalidScope("a task lives inside a project: the record names none")
    return MemoryRecord(**values)


def _one_of(value: object, what: str, allowed: tuple[object, ...]) -> object:
    if value not in allowed:
        raise InvalidInput(f"{what} is one of {', '.join(map(str, allowed))}")
    return value


def _time(name: str, value: object) -> datetime:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.utcoffset() is None:
        raise InvalidInput(f"{name} must be an ISO 8601 time with a zone")
    return time.astimezone(UTC)


def _links(value: object) -> tuple[Link, ...]:
    if not isinstance(value, list):
        raise InvalidInput("links must be a list")
    links = []
    for edge in value:
        if not isinstance(edge, dict) or set(edge) != {"type", "target"}:
            raise InvalidInput("a link has a type and a target")
        links.append(Link(check_kind(edge["type"]), check_id(edge["target"], "a link's target")))
    return tuple(links)
