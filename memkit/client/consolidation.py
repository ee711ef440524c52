"""The methods about summaries of what belongs together, on a server."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from memkit.client.asker import Asker
from memkit.client.asking import given
from memkit.consolidation.outcome import SIZE_MAX, TOLD, Consolidated, Summary, check_what
from memkit.errors import InvalidInput
from memkit.validation import check_count, check_flag

if TYPE_CHECKING:
    from memkit.engine import Progress
    from memkit.protocols import LanguageModel
    from memkit.selection import Labels

_NAMES = tuple(each.name for each in fields(Consolidated) if each.name != "summaries")


def consolidated_of(told: Any) -> Consolidated:
    """What a consolidation did."""
    summaries = tuple(
        Summary(each["id"], each["kind"], each["content"], each["sources"])
        for each in told["summaries"]
    )
    return Consolidated(**{name: told[name] for name in _NAMES}, summaries=summaries)


class ConsolidationCalls(Asker):
    """:class:`~memkit.methods.consolidation.ConsolidationMethods` on a server."""

    async def consolidate(
        self,
        *,
        what: Labels = ("clusters", "episodes", "dossiers"),
        dry_run: bool = False,
        min_size: int = 3,
        progress: Progress | None = None,
        model: LanguageModel | bool | None = None,
        limit: int | None = None,
    ) -> Consolidated:
        """As AsyncMemory's; asked again and again, since each request is a short one."""
        if model is not None and not isinstance(model, bool):
            raise InvalidInput("a server has its own language model: model is True, False or None")
        left = None if limit is None else check_count(limit, "limit", 1, 1_000_000)
        wanted = given(
            what=list(check_what(what)),
            dry_run=check_flag(dry_run, "dry_run"),
            min_size=check_count(min_size, "min_size", 2, SIZE_MAX),
            model=model,
        )
        made: tuple[Summary, ...] = ()
        count = 0
        while True:
            asked = wanted if left is None else {**wanted, "limit": left}
            done = await self._ask("consolidate", consolidated_of, asked)
            made += done.summaries
            count += done.made
            if progress is not None:
                progress(done.records, None)
            left = None if left is None else left - done.made
            if dry_run or not done.more or left == 0:
                return replace(done, made=count, summaries=made[:TOLD])
