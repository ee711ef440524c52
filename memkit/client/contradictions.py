"""The methods about records that disagree, on a server."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from memkit.client import asking
from memkit.client.answers import record_of, time_of
from memkit.client.asker import Asker
from memkit.contradictions.evidence import Evidence
from memkit.contradictions.keeping import Decision
from memkit.contradictions.results import TOLD, Contradiction, Reconciled, checked_statuses
from memkit.methods.contradictions import checked_rule
from memkit.scope import Reach
from memkit.validation import (
    check_count,
    check_flag,
    check_id,
    check_optional_text,
    check_time,
)

if TYPE_CHECKING:
    from memkit.engine import Progress

Json = Any
#: Records that one request looks at: it must be answered before the connection gives up.
CHUNK = 500


class ContradictionCalls(Asker):
    """:class:`~memkit.methods.contradictions.ContradictionMethods` on a server."""

    async def contradictions(
        self,
        *,
        ids: str | Iterable[str] | None = None,
        states: str | Iterable[str] = ("open",),
        reach: Reach | str = Reach.ANCESTORS,
        limit: int = 100,
    ) -> builtins.list[Contradiction]:
        """As AsyncMemory's."""
        asked: dict[str, Any] = {
            "states": list(checked_statuses(states)),
            "reach": asking.reach_form(reach),
            "limit": check_count(limit, "limit", 1, 1000),
        }
        if ids is not None:
            asked["ids"] = [check_id(id_) for id_ in ((ids,) if isinstance(ids, str) else ids)]
            if not asked["ids"]:
                return []
        return await self._ask("contradictions", _contradictions_of, asked)

    async def reconcile(
        self,
        *,
        since: datetime | None = None,
        rule: str = "none",
        model: bool = False,
        dry_run: bool = False,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Reconciled:
        """As AsyncMemory's, in requests that each look at some of the records."""
        moment = check_time(since, "since")
        asked: dict[str, Any] = {
            "rule": checked_rule(rule),
            "model": check_flag(model, "model"),
            "dry_run": check_flag(dry_run, "dry_run"),
        } | asking.given(since=None if moment is None else moment.isoformat())
        left = None if limit is None else check_count(limit, "limit", 1, 2**31)
        if dry_run:
            # Nothing is kept that a second request could go on from.
            return await self._ask("reconcile", _reconciled_of, asked | asking.given(limit=left))
        found: list[Contradiction] = []
        notices: dict[str, None] = {}
        while True:
            size = CHUNK if left is None else min(CHUNK, left)
            done = await self._ask("reconcile", _reconciled_of, {**asked, "limit": size})
            found += done.contradictions
            notices |= dict.fromkeys(done.notices)
            if progress is not None:
                progress(done.records, None if not done.finished else done.records)
            if left is not None:
                left -= size
            if done.finished or left == 0:
                return Reconciled(
                    done.run,
                    done.records,
                    done.pairs,
                    done.found,
                    done.known,
                    done.settled,
                    done.asked,
                    done.finished,
                    tuple(found[:TOLD]),
                    tuple(notices),
                )

    async def resolve(
        self, id: str, *, keep: str | None = None, note: str | None = None
    ) -> Contradiction:
        """As AsyncMemory's."""
        asked = {"id": check_id(id)} | asking.given(
            keep=None if keep is None else check_id(keep, "keep"),
            note=check_optional_text(note, "note"),
        )
        return await self._ask("resolve", contradiction_of, asked)

    async def reopen(self, id: str, *, note: str | None = None) -> Contradiction:
        """As AsyncMemory's."""
        asked = {"id": check_id(id)} | asking.given(note=check_optional_text(note, "note"))
        return await self._ask("reopen", contradiction_of, asked)


def contradiction_of(told: Json) -> Contradiction:
    """A contradiction."""
    return Contradiction(
        id=told["id"],
        newer=record_of(told["newer"]),
        older=record_of(told["older"]),
        evidence=tuple(
            Evidence(each["kind"], each["first"], each["second"], each["strength"])
            for each in told["evidence"]
        ),
        similarity=told["similarity"],
        confidence=told["confidence"],
        status=told["status"],
        found_at=time_of(told["found_at"]),
        decisions=tuple(
            Decision(
                each["what"],
                each["kept"],
                each["how"],
                each["by"],
                time_of(each["at"]),
                each["note"],
            )
            for each in told["decisions"]
        ),
        run=told["run"],
    )


def _contradictions_of(told: Json) -> list[Contradiction]:
    return [contradiction_of(each) for each in told["contradictions"]]


def _reconciled_of(told: Json) -> Reconciled:
    return Reconciled(
        told["run"],
        told["records"],
        told["pairs"],
        told["found"],
        told["known"],
        told["settled"],
        told["asked"],
        told["finished"],
        tuple(_contradictions_of(told)),
        tuple(told["notices"]),
    )
