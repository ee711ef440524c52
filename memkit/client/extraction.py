"""The methods about facts and preferences that texts tell of, on a server."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from memkit.client.asker import Asker
from memkit.client.asking import given
from memkit.errors import InvalidInput
from memkit.extraction.extracting import LIMIT_MAX, USES, check_ids
from memkit.extraction.outcome import COUNTS, TOLD, Extract, Extracted
from memkit.validation import check_count, check_flag, check_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memkit.engine import Progress

_NAMES = tuple(each.name for each in fields(Extract))
_TIMES = ("valid_from", "valid_to")


def extracted_of(told: Any) -> Extracted:
    """What an extraction did."""
    names = {each.name for each in fields(Extracted)} - {"failed", "extracts"}
    return Extracted(
        **{name: told[name] for name in names},
        failed=tuple(told["failed"]),
        extracts=tuple(_extract_of(each) for each in told["extracts"]),
    )


def _extract_of(told: Any) -> Extract:
    parts = {name: told[name] for name in _NAMES}
    for name in _TIMES:
        parts[name] = None if told[name] is None else datetime.fromisoformat(told[name])
    return Extract(**parts)


class ExtractionCalls(Asker):
    """:class:`~memkit.methods.extraction.ExtractionMethods` on a server."""

    async def extract(
        self,
        *,
        ids: Iterable[str] | None = None,
        since: datetime | None = None,
        use: str | None = None,
        dry_run: bool = False,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Extracted:
        """As AsyncMemory's; asked again and again, since each request is a short one."""
        if use is not None and use not in USES:
            raise InvalidInput(f"use is one of {', '.join(USES)}")
        left = None if limit is None else check_count(limit, "limit", 1, LIMIT_MAX)
        after = check_time(since, "since")
        wanted = given(
            ids=None if ids is None else check_ids(ids),
            since=None if after is None else after.isoformat(),
            use=use,
            dry_run=check_flag(dry_run, "dry_run"),
        )
        whole: Extracted | None = None
        while True:
            asked = wanted if left is None else {**wanted, "limit": left}
            done = await self._ask("extract", extracted_of, asked)
            whole = done if whole is None else _joined(whole, done)
            if progress is not None:
                progress(whole.records, None)
            left = None if left is None else left - done.records
            if dry_run or not done.more or (left is not None and left <= 0):
                return whole


def _joined(before: Extracted, after: Extracted) -> Extracted:
    counts = {name: getattr(before, name) + getattr(after, name) for name in COUNTS}
    return replace(
        after,
        **counts,
        failed=(before.failed + after.failed)[:TOLD],
        extracts=(before.extracts + after.extracts)[:TOLD],
    )
