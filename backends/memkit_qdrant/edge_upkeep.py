"""Building graphs and clearing out, beside the writes that go on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any

from memkit.errors import StoreError
from memkit.types import Problem
from memkit_qdrant.conditions import Clause
from memkit_qdrant.edge_building import built_elsewhere, rebuild
from memkit_qdrant.edge_shard import EdgeShard
from memkit_qdrant.edge_store import EdgeStore, drive
from memkit_qdrant.payloads import record_of
from memkit_qdrant.reading import walk

# Up to so many points are copied here, in less than the second that another process takes.
SMALL = 4_000
#: An erasure waits for a store of up to so many points to be built anew.
PURGED_AT_ONCE = 20_000

Submit = Callable[[Callable[[], Any]], "Future[Any]"]


class Builder:
    """Builds a store's files anew in another process, one at a time.

    Args:
        store: the store.
        submit: runs a step in the one thread that changes the store.
    """

    def __init__(self, store: EdgeStore, submit: Submit) -> None:
        self._store = store
        self._submit = submit
        self._running: Future[None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = False
        self._failed = False

    @property
    def running(self) -> Future[None] | None:
        """What is being built now, if anything is."""
        return self._running

    def due(self) -> bool:
        """Whether enough was written that no graph covers; from the store's thread."""
        after, state = self._store.options.index_after, self._store.state
        if after == 0 or self._running is not None or self._failed or state.dimension is None:
            return False
        # What a re-embedding stages is not in the journal, so that a copy would miss it.
        if state.staged is not None:
            return False
        return self._store.shard.points - state.graphed >= max(after, state.graphed // 4)

    def start(self, *, anew: bool) -> Future[None]:
        """Begin to build; from the store's thread, while nothing is being built.

        Args:
            anew: leave out what was deleted.
        """
        assert self._running is None
        store = self._store
        store.checkpoint()
        done: Future[None] = Future()
        self._running = done
        store.journal_kept = True
        try:
            source = store.folder.path / "shard-copy"
            shutil.rmtree(source, ignore_errors=True)
            shutil.copytree(store.folder.shard(store.state), source)
            target = store.folder.path / store.folder.following(store.state)
            self._process = built_elsewhere(source, target, store.state, store.options, anew=anew)
        except OSError as error:
            self._end(done, StoreError("the store's files could not be built anew"), error)
            return done
        Thread(
            target=self._wait,
            args=(self._process, source, target, done, anew),
            name="memkit-qdrant-build",
            daemon=True,
        ).start()
        return done

    def _wait(
        self,
        process: subprocess.Popen[bytes],
        source: Path,
        target: Path,
        done: Future[None],
        anew: bool,
    ) -> None:
        code = process.wait()

        def finish() -> None:
            try:
                if code != 0 or self._closing:
                    raise StoreError("the process that builds the store's files anew failed")
                if not anew:
                    source.rename(target)
                shard = EdgeShard.load(target)
                self._store.adopt(shard, target.name, shard.points)
            except (StoreError, OSError) as error:
                shutil.rmtree(target, ignore_errors=True)
                shutil.rmtree(source, ignore_errors=True)
                self._end(done, StoreError("the store's files could not be built anew"), error)
            else:
                shutil.rmtree(source, ignore_errors=True)
                self._end(done)
                if self.due():
                    self.start(anew=False)

        try:
            self._submit(finish)
        except RuntimeError:
            # Closed meanwhile: the next opening tidies up.
            self._end(done)

    def _end(
        self, done: Future[None], error: Exception | None = None, cause: Exception | None = None
    ) -> None:
        self._running = self._process = None
        self._store.journal_kept = False
        if error is None or self._closing:
            done.set_result(None)
        else:
            # The old files serve on; another try would most likely end as this one.
            self._failed = True
            error.__cause__ = cause
            done.set_exception(error)

    def stop(self) -> None:
        """Give up what is being built; the store is about to be closed."""
        self._closing = True
        process = self._process
        if process is not None:
            process.kill()
            process.wait()


def rebuild_here(store: EdgeStore) -> None:
    """Leave out what was deleted, in this process; from the store's thread."""
    store.checkpoint()
    name = store.folder.following(store.state)
    made = rebuild(store.shard, store.folder.path / name, store.state, store.options)
    store.adopt(made, name, 0)


async def check(store: EdgeStore) -> list[Problem]:
    """All that is wrong with the store."""
    remedy = "restore the folder from a copy, or export what can be read and import it anew"
    damaged = lost = shared = 0
    holders: dict[tuple[str, str], str] = {}
    generation = store.state.generation
    fields = ("record", "namespace", "id", "unique", "indexed", "embedded")
    names = (generation.dense,) if store.state.dimension is not None else ()
    async for row in walk(store.shard, None, Clause(), fields, names):
        try:
            record = record_of(row.payload)
            place = (record.namespace, record.id)
        except (KeyError, TypeError, ValueError):
            damaged += 1
            continue
        damaged += place != (row.payload.get("namespace"), row.payload.get("id"))
        embedded = generation.number in row.payload.get("embedded", ())
        lost += embedded is not (generation.dense in row.vectors)
        for key in row.payload.get("unique", ()):
            shared += holders.setdefault((record.namespace, key), record.id) != record.id
    problems = []
    for count, what in (
        (damaged, "records cannot be read or are not what their fields say"),
        (lost, "records have lost their vectors or have some they should not"),
        (shared, "unique keys are held by two records"),
    ):
        if count:
            problems.append(Problem(f"{count} {what}", remedy))
    return problems


def checked(store: EdgeStore) -> list[Problem]:
    """All that is wrong with the store; from any thread."""
    return drive(check(store))
