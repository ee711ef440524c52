"""The methods about what decays, is archived, and is brought back, on a server."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from memkit.client import asking
from memkit.client.answers import record_of, time_of
from memkit.client.asker import Asker
from memkit.errors import InvalidInput
from memkit.lifecycle.revisions import UNSET, Unset
from memkit.lifecycle.sweeping import Faded, Swept
from memkit.policy import KindPolicy, Policy
from memkit.runs import Run
from memkit.scope import Reach
from memkit.selection import Labels
from memkit.types import MemoryRecord
from memkit.validation import check_count, check_flag, check_id, check_kind, check_time, check_unit

if TYPE_CHECKING:
    from memkit.engine import Progress

Json = Mapping[str, Any]


class UpkeepCalls(Asker):
    """:class:`~memkit.methods.upkeep.UpkeepMethods` on a server."""

    async def archive(self, id: str) -> MemoryRecord:
        """As AsyncMemory's."""
        return await self._ask("archive", record_of, {"id": check_id(id)})

    async def sweep(
        self,
        *,
        dry_run: bool = True,
        now: datetime | None = None,
        kinds: Labels = None,
        reach: Reach | str = Reach.SUBTREE,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Swept:
        """As AsyncMemory's; for admins of the namespace. Progress is told once, at the end."""
        asked = {
            "dry_run": check_flag(dry_run, "dry_run"),
            "reach": asking.reach_form(reach),
        } | asking.given(
            now=check_time(now, "now"),
            kinds=asking.labels_form(kinds),
            limit=None if limit is None else check_count(limit, "limit", 1, 2**31 - 1),
        )
        swept = await self._ask("sweep", _swept_of, asked)
        if progress is not None:
            progress(swept.examined, swept.examined)
        return swept

    async def runs(self, *, operation: str | None = None, limit: int = 20) -> builtins.list[Run]:
        """As AsyncMemory's."""
        if operation is not None and not isinstance(operation, str):
            raise InvalidInput("operation is the name of one, or None for all")
        asked = {"limit": check_count(limit, "limit", 1, 200)} | asking.given(operation=operation)
        return await self._ask("runs", _runs_of, asked)

    async def undo_run(self, id: str, *, progress: Progress | None = None) -> Run:
        """As AsyncMemory's; for admins of the namespace. Progress is told once, at the end."""
        run = await self._ask("undo_run", _run_of, {"id": check_id(id)})
        if progress is not None:
            total = run.counts.get("restored", 0) + run.counts.get("erased", 0)
            progress(total, total)
        return run

    async def policy(self) -> Policy:
        """As AsyncMemory's."""
        return await self._ask("policy", _policy_of, {})

    async def set_policy(
        self,
        kind: str | None,
        *,
        half_life_days: float | None | Unset = UNSET,
        confidence: float | Unset = UNSET,
        archive: bool | Unset = UNSET,
        access_extension: float | Unset = UNSET,
        access_cap: float | Unset = UNSET,
        archive_below: float | Unset = UNSET,
        archive_after: float | Unset = UNSET,
        reset: bool = False,
    ) -> Policy:
        """As AsyncMemory's; for admins of the namespace."""
        asked: dict[str, Any] = {"reset": check_flag(reset, "reset")}
        if kind is not None:
            asked["kind"] = check_kind(kind)
        if not isinstance(confidence, Unset):
            asked["confidence"] = check_unit(confidence, "confidence")
        if not isinstance(archive, Unset):
            asked["archive"] = check_flag(archive, "archive")
        if half_life_days is None:
            asked["half_life_days"] = None
        numbers = {
            "half_life_days": UNSET if half_life_days is None else half_life_days,
            "access_extension": access_extension,
            "access_cap": access_cap,
            "archive_below": archive_below,
            "archive_after": archive_after,
        }
        for name, value in numbers.items():
            if isinstance(value, Unset):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidInput(f"{name} must be a number, not {type(value).__name__}")
            asked[name] = value
        return await self._ask("set_policy", _policy_of, asked)


def _swept_of(told: Json) -> Swept:
    return Swept(
        told["dry_run"],
        told["run"],
        told["examined"],
        told["archived"],
        told["counts"],
        tuple(
            Faded(
                each["id"],
                each["kind"],
                each["strength"],
                each["why"],
                each["age_days"],
                each["half_life_days"],
                each["excerpt"],
            )
            for each in told["records"]
        ),
    )


def _run_of(told: Json) -> Run:
    return Run(
        told["id"],
        told["operation"],
        told["namespace"],
        told["project"],
        told["task"],
        told["agent"],
        told["state"],
        time_of(told["started_at"]),
        time_of(told["updated_at"]),
        told["done"],
        told["total"],
        told["counts"],
    )


def _runs_of(told: Json) -> list[Run]:
    return [_run_of(each) for each in told["runs"]]


def _policy_of(told: Json) -> Policy:
    kinds = {
        kind: KindPolicy(each["confidence"], each["half_life_days"], each["archive"])
        for kind, each in told["kinds"].items()
    }
    names = ("access_extension", "access_cap", "archive_below", "archive_after")
    return Policy(kinds, *(told[name] for name in names))
