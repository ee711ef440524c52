"""The server's schedule: consolidation, sweeps and extraction at set times, in all namespaces.

Of several workers, and of several servers on one store, one does what is due: whoever first notes
in the store that it has begun. What a server was down for is done once when it is up again. A run
that is interrupted because the server ends goes on at the next time.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from memkit.backing.times import micros, moment
from memkit.clock import utc_now
from memkit.errors import MemkitError, RunActive
from memkit.own import held, keep_anew, own_id
from memkit.scope import SYSTEM_NAMESPACE, Scope
from memkit.server.cron import trigger_of
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine
    from memkit.memory import AsyncMemory
    from memkit.server.context import Context

_LOG: Final = logging.getLogger("memkit.server")
_KIND: Final = "schedule"
_AHEAD: Final = timedelta(hours=1)

Work: TypeAlias = "Callable[[Engine, Scope], Awaitable[None]]"


async def _consolidate(engine: Engine, scope: Scope) -> None:
    from memkit.consolidation.consolidating import consolidate

    # What all may read was done without an agent.
    await consolidate(engine, scope, private_only=scope.agent is not None)


async def _sweep(engine: Engine, scope: Scope) -> None:
    from memkit.lifecycle.sweeping import sweep

    await sweep(engine, scope, dry_run=False)


async def _extract(engine: Engine, scope: Scope) -> None:
    from memkit.memory import AsyncMemory

    await AsyncMemory(engine, scope).extract()


#: What is done at a time that a setting names.
WORK: Final[Mapping[str, Work]] = {
    "consolidate": _consolidate,
    "sweep": _sweep,
    "extract": _extract,
}


class Schedule:
    """What is due when, and what is at work.

    Raises:
        ConfigurationError: a time or the time zone cannot be read.
    """

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self._context = context
        self._memory: AsyncMemory = context.service.memory
        self._engine = self._memory._engine
        self._tasks: set[asyncio.Task[Any]] = set()
        self.triggers = {
            name: trigger_of(when, settings.schedule_timezone, f"schedule_{name}")
            for name in WORK
            if (when := getattr(settings, f"schedule_{name}")) is not None
        }

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Keep the schedule for as long as the application runs."""
        if not self.triggers:
            yield
            return
        from apscheduler.events import EVENT_JOB_ERROR
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        # It tells of each step; faults, of ours too, are its errors.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler = AsyncIOScheduler(timezone=UTC)
        scheduler.add_listener(
            lambda event: self._count(event.job_id.partition(" ")[0], "failed"), EVENT_JOB_ERROR
        )
        once = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        for name, trigger in self.triggers.items():
            scheduler.add_job(self.due, trigger, args=(name,), id=name, **once)
        scheduler.start()
        for name in await self._missed():
            scheduler.add_job(self.due, args=(name,), id=f"{name} missed", **once)
        try:
            yield
        finally:
            scheduler.pause()
            # Each is told once: its run is noted as interrupted before it ends.
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            scheduler.shutdown(wait=False)

    async def _missed(self) -> list[str]:
        """What fell due while no server was up; it is done once, however often it was."""
        missed = []
        for name in self.triggers:
            try:
                noted = await self._noted(name)
                if noted is None:
                    # The first start.
                    await self._note(name, utc_now())
                    continue
            except MemkitError as error:
                self._failed(name, None, error)
                continue
            following = self._after(name, noted)
            if following is not None and following <= utc_now():
                missed.append(name)
        return missed

    async def due(self, name: str) -> None:
        """Do what is due, unless somebody else has begun it; whatever fails is told and counted."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if await self._claimed(name):
                await self._everywhere(name)
        except MemkitError as error:
            self._failed(name, None, error)
        finally:
            self._tasks.discard(task)

    async def _everywhere(self, name: str) -> None:
        from memkit.consolidation.homes import agents

        for namespace in await self._namespaces():
            # Private records are read by their agents alone, so each has a run of its own.
            for agent in (None, *await agents(self._engine, namespace)):
                await self._one(name, replace(self._scope(namespace), agent=agent))

    async def _one(self, name: str, scope: Scope) -> None:
        try:
            await WORK[name](self._engine, scope)
        except asyncio.CancelledError:
            self._count(name, "interrupted")
            raise
        except RunActive as error:
            _LOG.info("%s of namespace %r is left out: %s", name, scope.namespace, error)
            self._count(name, "active")
        except MemkitError as error:
            self._failed(name, scope.namespace, error)
        else:
            self._count(name, "done")

    async def _namespaces(self) -> list[str]:
        own = self._memory.scope
        if not self._memory._root:
            return [own.namespace]
        return [
            name
            for name in sorted(await self._engine.backend.namespaces())
            if name != SYSTEM_NAMESPACE
        ]

    def _scope(self, namespace: str) -> Scope:
        # A server of one place keeps to it.
        return Scope(namespace) if self._memory._root else self._memory.scope

    def _count(self, name: str, outcome: str) -> None:
        self._context.metrics.scheduled.labels(name, outcome).inc()

    def _failed(self, name: str, namespace: str | None, error: MemkitError) -> None:
        where = "" if namespace is None else f" of namespace {namespace!r}"
        _LOG.warning("%s%s failed: %s", name, where, error)
        self._count(name, "failed")

    # Who does it: what was begun last is noted in the store.

    def _after(self, name: str, when: datetime) -> datetime | None:
        found = self.triggers[name].get_next_fire_time(when, when + timedelta(microseconds=1))
        return None if found is None else found.astimezone(UTC)

    async def _claimed(self, name: str) -> bool:
        """Note that what is due now was begun; false if another process did."""
        now = utc_now()
        noted = await self._noted(name)
        if noted is not None:
            following = self._after(name, noted)
            # Notes of clocks that are a little ahead count; one set back since tells nothing.
            if following is None or (following > now and noted < now + _AHEAD):
                return False
        return await self._note(name, now)

    async def _noted(self, name: str) -> datetime | None:
        record = await self._record(name)
        if record is None:
            return None
        with suppress(ValueError, KeyError, TypeError):
            return moment(json.loads(record.content)["begun"])
        return None

    async def _record(self, name: str) -> MemoryRecord | None:
        return await held(self._engine.backend, self._id(name))

    def _id(self, name: str) -> str:
        # A server of one namespace keeps its own time.
        return own_id(_KIND, name, None if self._memory._root else self._memory.scope.namespace)

    async def _note(self, name: str, now: datetime) -> bool:
        before = await self._record(name)
        content = json.dumps({"begun": micros(now)})
        return await keep_anew(self._engine.backend, before, self._id(name), _KIND, content)
