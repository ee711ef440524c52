"""Policies as they are kept: one record for each namespace, read again every few seconds."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from memkit.errors import StoreCorrupt
from memkit.own import held, keep_anew, own_id
from memkit.policy import DEFAULT_POLICY, Policy
from memkit.protocols import Backend
from memkit.types import DEFAULT_KIND, MemoryRecord

#: So old may be what a process knows of a policy that another one has changed.
FRESH_SECONDS: Final = 5.0
_KIND: Final = "policy"
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
        found = await held(self._backend, own_id(_KIND, namespace))
        return Said() if found is None else _read(found)

    async def keep(self, namespace: str, before: Said, after: Said) -> bool:
        """Keep what is said; false if somebody else has said something since ``before``."""
        content = json.dumps({"all": dict(after.all), "kinds": after.kinds}, ensure_ascii=False)
        id_ = own_id(_KIND, namespace)
        if not await keep_anew(self._backend, before.record, id_, _KIND, content):
            return False
        self._note(namespace, after.policy())
        return True

    def _note(self, namespace: str, policy: Policy) -> Policy:
        with self._lock:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[namespace] = time.monotonic(), policy
        return policy


def _read(record: MemoryRecord) -> Said:
    try:
        told = json.loads(record.content)
        said = Said(dict(told["all"]), dict(told["kinds"]), record)
        said.policy()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StoreCorrupt(
            "what the store keeps of a policy cannot be read: restore a backup"
        ) from None
    return said
