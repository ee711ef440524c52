"""memkit's own records: what it keeps in a store about the store, out of everybody's sight.

Each is a small document in a namespace that no scope can name. It has no vector and no words, so no
search finds it, and it is changed by compare-and-set: whoever is overtaken looks again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from memkit.clock import utc_now
from memkit.errors import RecordNotFound, VersionConflict
from memkit.protocols import Backend, Duplicate, IndexData, Patch, Put
from memkit.scope import SYSTEM_NAMESPACE
from memkit.types import MemoryRecord
from memkit.validation import canonical_json

#: The state of all of them: of none of the states that anybody asks for.
STATE = "system"


def own_id(kind: str, *parts: str | None) -> str:
    """The id of the document that is about these parts: the same for the same ones.

    It is a UUIDv8 (RFC 9562, section 5.8) of a digest.
    """
    digest = blake2b(canonical_json([kind, *parts]).encode(), digest_size=16).hexdigest()
    text = f"{digest[:12]}8{digest[13:16]}8{digest[17:]}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def created(id_: str, kind: str, content: str, now: datetime | None = None, **fields: Any) -> Put:
    """What stores a new document; ``fields`` are those of the record that it needs besides."""
    now = utc_now() if now is None else now
    place = {"project": None, "task": None, "agent": None, "created_at": now, "updated_at": now}
    record = MemoryRecord(
        id=id_,
        content=content,
        namespace=SYSTEM_NAMESPACE,
        kind=kind,
        state=STATE,
        **{**place, **fields},
    )
    return Put(record, IndexData(None, ()))


def changed(
    record: MemoryRecord, content: str, now: datetime | None = None, **fields: Any
) -> Patch:
    """What stores a document as it is to be, if nobody else has changed it since it was read."""
    after = replace(
        record,
        content=content,
        updated_at=utc_now() if now is None else now,
        version=record.version + 1,
        **fields,
    )
    return Patch(after, record.version)


async def held(backend: Backend, id_: str) -> MemoryRecord | None:
    """A document as it is stored; ``None`` where there is none."""
    found = (await backend.get(SYSTEM_NAMESPACE, (id_,))).get(id_)
    return None if found is None else found.record


async def keep(backend: Backend, operation: Put | Patch) -> bool:
    """Store a document; false if somebody else has stored or changed it meanwhile."""
    try:
        (result,) = await backend.write((operation,))
    except (VersionConflict, RecordNotFound):
        return False
    return not isinstance(result, Duplicate)


async def keep_anew(
    backend: Backend, before: MemoryRecord | None, id_: str, kind: str, content: str
) -> bool:
    """Store a document in the place of what was read of it; false if that is overtaken."""
    if before is None:
        return await keep(backend, created(id_, kind, content))
    return await keep(backend, changed(before, content))
