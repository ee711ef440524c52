"""Entries of the audit: who did what, when, from where, and how it ended; never the content."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from memkit.clock import new_id, utc_now

#: As many of the records' ids are kept; of the others, how many there were.
RECORDS_MAX: Final = 100
_LENGTHS = {"user_agent": 300, "operation": 100, "outcome": 100, "surface": 20}
_LENGTH = 200
_LONGEST_MS = 1e12
# What cannot be stored everywhere, or would drive a terminal that shows it.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TEXTS = (
    *("principal", "principal_name", "token_id", "agent", "operation", "namespace", "project"),
    *("task", "ip", "user_agent", "surface", "outcome", "request_id"),
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One operation, or the refusal of one.

    Texts are shortened to what is kept and lose their control characters.

    Attributes:
        operation: its name in the table of operations, or of a change of the control data.
        principal, principal_name: who; ``None`` if it was not found out.
        token_id: the public part of the token.
        agent: whom it spoke as.
        namespace, project, task: where.
        records: the ids of what it touched, the first 100.
        more_records: how many there were beyond.
        at: when.
        ip, user_agent: from where.
        surface: ``rest``, ``mcp`` or ``cli``.
        outcome: ``ok``, or the error's code.
        request_id: what the logs call the request.
        duration_ms: how long it took.
        changes: whether the operation is one that changes something.
        id: a UUIDv7.
    """

    operation: str
    principal: str | None = None
    principal_name: str | None = None
    token_id: str | None = None
    agent: str | None = None
    namespace: str | None = None
    project: str | None = None
    task: str | None = None
    records: tuple[str, ...] = ()
    more_records: int = 0
    at: datetime = field(default_factory=utc_now)
    ip: str | None = None
    user_agent: str | None = None
    surface: str = "rest"
    outcome: str = "ok"
    request_id: str | None = None
    duration_ms: float | None = None
    changes: bool = False
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        for name in _TEXTS:
            value = getattr(self, name)
            if value is not None:
                longest = _LENGTHS.get(name, _LENGTH)
                object.__setattr__(self, name, _UNFIT.sub("?", str(value)[:longest]))
        records = tuple(_UNFIT.sub("?", str(id_)[:_LENGTH]) for id_ in self.records[:RECORDS_MAX])
        beyond = max(0, self.more_records) + max(0, len(self.records) - RECORDS_MAX)
        object.__setattr__(self, "records", tuple(dict.fromkeys(records)))
        object.__setattr__(self, "more_records", min(beyond, 2**53))
        if self.duration_ms is not None:
            took = float(self.duration_ms)
            kept = min(max(took, 0.0), _LONGEST_MS) if math.isfinite(took) else None
            object.__setattr__(self, "duration_ms", kept)

    @property
    def durable(self) -> bool:
        """Whether it is on disk before the answer goes out: a change or a refusal."""
        return self.changes or self.outcome != "ok"


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first.

    Attributes:
        entries: at most as many as were asked for.
        cursor: where the next page starts; ``None``: this is the last.
    """

    entries: tuple[AuditEntry, ...]
    cursor: str | None


def as_line(entry: AuditEntry) -> Mapping[str, Any]:
    """An entry as a JSON object: the time in ISO 8601, absent values left out."""
    line = {name: value for name, value in asdict(entry).items() if value is not None}
    return {**line, "at": entry.at.isoformat(), "records": list(entry.records)}
