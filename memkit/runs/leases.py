"""Leases: one process at a time does a thing, until it says so no more or is silent for long.

A lease is one small record, changed by compare-and-set, with the time at which it runs out. The
times are those of the processes' clocks; what a clock says wrongly can only make two processes
work at once for as long as it takes the first one to notice at its next renewal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from memkit.backing.times import micros, moment
from memkit.clock import new_id, utc_now
from memkit.errors import RecordNotFound, RunActive, StoreCorrupt, VersionConflict
from memkit.own import changed, created, held, keep, own_id
from memkit.protocols import Operation, Patch, Put
from memkit.scope import SYSTEM_NAMESPACE
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

_KIND: Final = "lease"
_ATTEMPTS: Final = 16
# A lease that runs out later than this many of its lengths from now was written by a clock that
# has been set back since.
_PLAUSIBLE: Final = 2


@dataclass(frozen=True, slots=True)
class Held:
    """Who has a lease: their token, the run they work on, since when, until when."""

    holder: str | None
    run: str | None
    since: datetime
    until: datetime
    length: timedelta

    def alive(self, now: datetime) -> bool:
        """Whether somebody has it still."""
        left = self.until - now
        return self.holder is not None and timedelta() < left <= self.length * _PLAUSIBLE


class Lease:
    """The right to do an operation in a namespace, taken and renewed by compare-and-set."""

    def __init__(self, engine: Engine, namespace: str, operation: str, seconds: float) -> None:
        self._engine = engine
        self._namespace = namespace
        self._operation = operation
        self._length = timedelta(seconds=seconds)
        self._token = new_id()
        self._record: MemoryRecord | None = None

    async def take(self, run: str | None = None) -> None:
        """Take it, for a run that may be named later.

        Raises:
            RunActive: somebody else has it.
        """
        for _ in range(_ATTEMPTS):
            record = await _record(self._engine, self._namespace, self._operation)
            known = None if record is None else held_from(record)
            if known is not None and known.alive(utc_now()) and known.holder != self._token:
                raise RunActive(
                    f"a run of {self._operation} is active in this namespace since "
                    f"{known.since.isoformat(timespec='seconds')}: wait until it is done"
                )
            operation = self._next(record, run, utc_now(), self._token)
            if await keep(self._engine.backend, operation):
                self._record = operation.record
                return
        raise RunActive(f"runs of {self._operation} in this namespace keep starting: try again")

    async def renew(self, run: str, *others: Operation) -> None:
        """Keep it for as long again, and write something that only its holder may.

        Raises:
            RunActive: it has gone to somebody else; where batches are atomic nothing is written.
        """
        await self._write(self._token, run, others)

    async def release(self, *others: Operation) -> None:
        """Give it back, and write something that only its holder may.

        Raises:
            RunActive: it has gone to somebody else.
        """
        await self._write(None, None, others)
        self._record = None

    async def _write(
        self, holder: str | None, run: str | None, others: tuple[Operation, ...]
    ) -> None:
        if self._record is None:
            raise self._lost()
        operation = self._next(self._record, run, utc_now(), holder)
        try:
            await self._engine.backend.write((operation, *others))
        except (VersionConflict, RecordNotFound):
            self._record = None
            raise self._lost() from None
        self._record = operation.record

    def _lost(self) -> RunActive:
        return RunActive(
            f"this run of {self._operation} was silent for too long and was taken over: "
            "what it did so far stands"
        )

    def _next(
        self, record: MemoryRecord | None, run: str | None, now: datetime, holder: str | None
    ) -> Put | Patch:
        before = None if record is None else held_from(record)
        since = now if before is None or before.holder != holder else before.since
        content = json.dumps(
            {
                "holder": holder,
                "run": run,
                "since": micros(since),
                "until": micros(now + self._length),
                "length": self._length // timedelta(microseconds=1),
            }
        )
        if record is None:
            return created(lease_id(self._namespace, self._operation), _KIND, content, now)
        return changed(record, content, now)


def lease_id(namespace: str, operation: str) -> str:
    """The id of the record that holds a lease."""
    return own_id(_KIND, namespace, operation)


def held_from(record: MemoryRecord) -> Held:
    """What the record of a lease says.

    Raises:
        StoreCorrupt: it cannot be read.
    """
    try:
        told = json.loads(record.content)
        length = timedelta(microseconds=told["length"])
        since, until = moment(told["since"]), moment(told["until"])
        return Held(told["holder"], told["run"], since, until, length)
    except (ValueError, KeyError, TypeError, OverflowError):
        raise StoreCorrupt(
            "what the store keeps of a lease cannot be read: restore a backup"
        ) from None


async def working(engine: Engine, namespace: str, operations: set[str]) -> set[str]:
    """The ids of the runs of these operations that somebody works on now."""
    ids = [lease_id(namespace, operation) for operation in sorted(operations)]
    found = await engine.backend.get(SYSTEM_NAMESPACE, ids) if ids else {}
    now = utc_now()
    known = [held_from(item.record) for item in found.values()]
    return {each.run for each in known if each.run is not None and each.alive(now)}


async def _record(engine: Engine, namespace: str, operation: str) -> MemoryRecord | None:
    return await held(engine.backend, lease_id(namespace, operation))
