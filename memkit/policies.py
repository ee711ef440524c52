"""Policies as they are kept: one record for each namespace, read again every few seconds."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from memkit.clock import utc_now
from memkit.errors import RecordNotFound, StoreCorrupt, VersionConflict
from memkit.policy import DEFAULT_POLICY, Policy
from memkit.protocols import Backend, Duplicate, IndexData, Operation, Patch, Put
from memkit.scope import SYSTEM_NAMESPACE
from memkit.types import DEFAULT_KIND, MemoryRecord

#: So old may be what a process knows of a policy that another one has changed.
FRESH_SECONDS: Final = 5.0
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of a namespace, as far as it differs from what goes anyway.

    Attributes:
        all: numbers of :class:`~memkit.policy.Policy` by name.
        kinds: fields of :class:`~memkit.policy.KindPolicy` by kind, then by name.
        record: what holds it; ``None`` if nothing was ever said.
    """

    all: Mapping[str, float] = field(default_factory=dict)
    kinds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    record: MemoryRecord | None = None

    def policy(self) -> Policy:
        """What goes, then."""
        if not self.all and not self.kinds:
            return DEFAULT_POLICY
        kinds = dict(DEFAULT_POLICY.kinds)
        # Kinds without defaults of their own go by what is said of notes.
        for kind in sorted(self.kinds, key=lambda kind: kind != DEFAULT_KIND):
            base = kinds.get(kind) or kinds[DEFAULT_KIND]
            kinds[kind] = replace(base, **self.kinds[kind])
        return Policy(kinds, **self.all)


class Policies:
    """The policies of a store's namespaces."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Policy]] = {}

    async def of(self, namespace: str) -> Policy:
        """What goes in a namespace, at most :data:`FRESH_SECONDS` old."""
        known = self._known.get(namespace)
        if known is not None and time.monotonic() - known[0] < FRESH_SECONDS:
            return known[1]
        return self._note(namespace, (await self.said(namespace)).policy())

    async def said(self, namespace: str) -> Said:
        """What was said of a namespace, as it is now.

        Raises:
            StoreCorrupt: what is kept cannot be read.
        """
        id_ = _id(namespace)
        found = (await self._backend.get(SYSTEM_NAMESPACE, (id_,))).get(id_)
        return Said() if found is None else _read(found.record)

    async def keep(self, namespace: str, before: Said, after: Said) -> bool:
        """Keep what is said; false if somebody else has said something since ``before``."""
        content = json.dumps({"all": dict(after.all), "kinds": after.kinds}, ensure_ascii=False)
        now = utc_now()
        operation: Operation
        if before.record is None:
            record = MemoryRecord(
                id=_id(namespace),
                content=content,
                namespace=SYSTEM_NAMESPACE,
                project=None,
                task=None,
                agent=None,
                created_at=now,
                updated_at=now,
                kind="policy",
                state="system",
            )
            operation = Put(record, IndexData(None, ()))
        else:
            version = before.record.version
            changed = replace(before.record, content=content, updated_at=now, version=version + 1)
            operation = Patch(changed, version)
        try:
            (result,) = await self._backend.write((operation,))
        except (VersionConflict, RecordNotFound):
            return False
        if isinstance(result, Duplicate):
            return False
        self._note(namespace, after.policy())
        return True

    def _note(self, namespace: str, policy: Policy) -> Policy:
        with self._lock:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[namespace] = time.monotonic(), policy
        return policy


def _id(namespace: str) -> str:
    value = int(blake2b(f"policy {namespace}".encode(), digest_size=16).hexdigest(), 16)
    return str(UUID(int=value & ~(0xF << 76) | 0x8 << 76))


def _read(record: MemoryRecord) -> Said:
    try:
        held = json.loads(record.content)
        said = Said(dict(held["all"]), dict(held["kinds"]), record)
        said.policy()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StoreCorrupt(
            "what the store keeps of a policy cannot be read: restore a backup"
        ) from None
    return said
