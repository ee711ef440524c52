"""The audit: who did what, when and from where; kept, found again, exported, pruned."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any, Final, TextIO

from sqlalchemy import Row, Select, delete, or_, select

from memkit.errors import InvalidInput, StoreReadOnly
from memkit.interchange.lines import json_text
from memkit.server.control.database import Database
from memkit.server.control.entries import AuditEntry, AuditPage, as_line
from memkit.server.control.tables import audit, audit_records
from memkit.server.control.writing import AuditWriter
from memkit.validation import check_count, check_id, check_time

#: The most entries of a page.
PAGE_MAX: Final = 1_000
_PRUNED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which entries are asked for; ``None``: any."""

    principal: str | None = None
    operation: str | None = None
    namespace: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    record: str | None = None

    def query(self) -> Select[Any]:
        found = select(audit)
        if self.principal is not None:
            name, id_ = audit.c.principal_name, audit.c.principal
            found = found.where(or_(name == self.principal, id_ == self.principal))
        for column, value in (
            (audit.c.operation, self.operation),
            (audit.c.namespace, self.namespace),
            (audit.c.outcome, self.outcome),
        ):
            if value is not None:
                found = found.where(column == value)
        since, until = check_time(self.since, "since"), check_time(self.until, "until")
        if since is not None:
            found = found.where(audit.c.at >= since)
        if until is not None:
            found = found.where(audit.c.at < until)
        if self.record is not None:
            entries = select(audit_records.c.entry).where(audit_records.c.record == self.record)
            found = found.where(audit.c.id.in_(entries))
        return found


class Audit:
    """The audit of a control store.

    Args:
        database: the control store's.
        writer: what writes entries.
    """

    def __init__(self, database: Database, writer: AuditWriter) -> None:
        self._database = database
        self._writer = writer

    async def record(self, entry: AuditEntry) -> None:
        """Keep an entry.

        That of a change or a refusal is on disk when this returns; that of a read is within a
        second, and when the control store is closed.

        Raises:
            StoreError: it cannot be written.
        """
        await self._writer.write(entry)

    async def flush(self) -> None:
        """Wait until all entries so far are on disk."""
        await self._writer.flush()

    async def query(
        self,
        *,
        principal: str | None = None,
        operation: str | None = None,
        namespace: str | None = None,
        outcome: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        record: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> AuditPage:
        """A page of entries, newest first.

        Args:
            principal: by this principal, by id or name.
            operation, namespace, outcome: with exactly these.
            since, until: at ``since`` or later, and before ``until``.
            record: about the record of this id.
            cursor: of the page before.
            limit: 1 to 1000.

        Raises:
            InvalidInput: an argument cannot be.
        """
        check_count(limit, "limit", 1, PAGE_MAX)
        wanted = _Wanted(principal, operation, namespace, outcome, since, until, record)
        return await asyncio.to_thread(self._page, wanted, cursor, limit)

    def _page(self, wanted: _Wanted, cursor: str | None, limit: int) -> AuditPage:
        # Ids grow with time, and no two are the same.
        found = wanted.query().order_by(audit.c.id.desc()).limit(limit + 1)
        if cursor is not None:
            found = found.where(audit.c.id < check_id(cursor, "cursor"))
        with self._database.reading() as connection:
            entries = [_entry(row) for row in connection.execute(found)]
        more = len(entries) > limit
        page = tuple(entries[:limit])
        return AuditPage(page, page[-1].id if more else None)

    async def export(
        self,
        target: str | PathLike[str] | TextIO,
        *,
        principal: str | None = None,
        operation: str | None = None,
        namespace: str | None = None,
        outcome: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        record: str | None = None,
    ) -> int:
        """Write entries as JSON lines, newest first; how many there were.

        Args:
            target: a path, whose file is replaced and is for its owner's eyes only, or
                something to write text to.
            principal, operation, namespace, outcome, since, until, record: see :meth:`query`.

        Raises:
            StoreReadOnly: the file cannot be written.
        """
        wanted = _Wanted(principal, operation, namespace, outcome, since, until, record)
        await self._writer.flush()
        return await asyncio.to_thread(self._export, target, wanted)

    def _export(self, target: str | PathLike[str] | TextIO, wanted: _Wanted) -> int:
        if not isinstance(target, str | PathLike):
            return self._write(target, wanted)
        part = Path(target).with_name(Path(target).name + ".part")
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                written = self._write(file, wanted)
            # A file that is there is whole.
            part.replace(target)
        except OSError as error:
            raise StoreReadOnly(f"{target} cannot be written: {error.strerror}") from error
        return written

    def _write(self, file: TextIO, wanted: _Wanted) -> int:
        written, cursor = 0, None
        while True:
            page = self._page(wanted, cursor, PAGE_MAX)
            file.writelines(json_text(as_line(entry)) + "\n" for entry in page.entries)
            written += len(page.entries)
            cursor = page.cursor
            if cursor is None:
                return written

    async def prune(self, before: datetime) -> int:
        """Delete the entries from before a time, for ever; how many there were.

        Raises:
            InvalidInput: ``before`` is no aware time.
        """
        limit = check_time(before, "before")
        if limit is None:
            raise InvalidInput("say before which time")
        await self._writer.flush()
        return await asyncio.to_thread(self._prune, limit)

    def _prune(self, before: datetime) -> int:
        pruned = 0
        while True:
            # A part at a time: requests must not wait for all of it.
            old = select(audit.c.id).where(audit.c.at < before).limit(_PRUNED_AT_ONCE)
            with self._database.writing() as connection:
                ids = list(connection.execute(old).scalars())
                connection.execute(delete(audit_records).where(audit_records.c.entry.in_(ids)))
                connection.execute(delete(audit).where(audit.c.id.in_(ids)))
            pruned += len(ids)
            if len(ids) < _PRUNED_AT_ONCE:
                return pruned


def _entry(row: Row[Any]) -> AuditEntry:
    values = {**row._mapping, "records": tuple(json.loads(row.records))}
    return AuditEntry(**values)
