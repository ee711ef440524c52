"""An open embedded store: the journal in front of the engine, and how both are changed.

All that changes it runs in one thread, one call after another.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from memkit.backing.compatibility import refuse_write
from memkit.errors import StoreError
from memkit.protocols import Operation, StoreSpec, WriteResult
from memkit_qdrant.conditions import AnyOf, Clause, Match
from memkit_qdrant.edge_folder import Folder
from memkit_qdrant.edge_options import EdgeOptions
from memkit_qdrant.edge_shard import EdgeShard
from memkit_qdrant.journal import Journal
from memkit_qdrant.names import check_text, point_id
from memkit_qdrant.planning import Planner
from memkit_qdrant.plans import Action, Held, Place, held_fields, places
from memkit_qdrant.reading import walk
from memkit_qdrant.state import StoreState

T = TypeVar("T")
# Of the journal: some seconds' work to carry out again.
_CHECKPOINT_BYTES = 64_000_000
_KEYS = 500


def drive(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, as all over the embedded engine are."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise AssertionError("the embedded engine has nothing to wait for")


class EdgeStore:
    """An open store.

    Args:
        folder: its folder, held by this process.
        options: its settings.
        spec: what it is opened with.

    Raises:
        EmbedderMismatch, SchemaMismatch, StoreCorrupt: as their names say.
    """

    def __init__(self, folder: Folder, options: EdgeOptions, spec: StoreSpec) -> None:
        self.folder = folder
        self.options = options
        self.spec = spec
        state = folder.load()
        if state is not None:
            state.check(spec)
        folder.tidy(state)
        self.broken = False
        #: While another process builds new files from these, the journal leads from old to new.
        self.journal_kept = False
        if state is None:
            state = StoreState()
            dimension = None
            if spec.fingerprint is not None:
                dimension = spec.fingerprint.dimension
            self.shard = EdgeShard.create(folder.shard(state), state.generation, dimension, options)
            self.shard.flush()
            folder.save(state)
        else:
            self.shard = EdgeShard.load(folder.shard(state))
            if state.dimension is not None:
                # A kill may have come between the state that says so and the engine.
                self.shard.add_dense(state.generation, state.dimension, options)
            if not (state.current or spec.read_only):
                self.shard.add_fact_indexes()
                self.shard.flush()
                state = state.upgraded()
                folder.save(state)
        self.state = state
        self.shard.approximate = state.graphed > 0
        self.journal = Journal(folder.path / "journal")
        self._replay(self.journal.entries())

    def _replay(self, batches: Iterable[list[Action]]) -> None:
        found = False
        for batch in batches:
            self.shard.apply(batch)
            found = True
        if found and not self.spec.read_only:
            self.checkpoint()

    # Writing.

    def check_writable(self) -> None:
        """See that the store can be changed.

        Raises:
            StoreReadOnly: it was opened for reading.
            StoreError: an earlier write broke off half way.
        """
        if self.spec.read_only:
            raise refuse_write(self.folder.location)
        if self.broken:
            raise StoreError(
                "an earlier write broke off in the engine: close the store and open it again, "
                "which carries it out"
            )

    def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        """Carry out a batch: whole and durably, or not at all."""
        self.check_writable()
        records, keys = places(batch)
        planner = Planner(
            self._held(records),
            self._holders(keys),
            self.state.generation,
            self.state.staged,
            self._known_dimension(),
            stamped=False,
        )
        plan = planner.plan(batch)
        actions = list(plan.actions.values())
        if actions:
            self._prepare(planner)
            self.commit(actions)
        return plan.results

    def _known_dimension(self) -> int | None:
        if self.state.dimension is not None or self.spec.fingerprint is None:
            return self.state.dimension
        return self.spec.fingerprint.dimension

    def _prepare(self, planner: Planner) -> None:
        """See that the store says what is in it, before it is."""
        embedded = planner.embedded
        if self.state.analyzer is not None and not (embedded and self.state.dimension is None):
            return
        state = self.state.written(self.spec, planner.dimension if embedded else None)
        self.folder.save(state)
        if state.dimension is not None and self.state.dimension is None:
            self.shard.add_dense(state.generation, state.dimension, self.options)
            self.shard.flush()
        self.state = state

    def commit(self, actions: Sequence[Action]) -> None:
        """Journal a batch and carry it out."""
        self.journal.append(actions, durable=self.options.flush == "on_acknowledge")
        try:
            self.shard.apply(actions)
        except BaseException:
            # It is in the journal: opening the store again carries the rest of it out.
            self.broken = True
            raise
        if self.journal.size > _CHECKPOINT_BYTES and not self.journal_kept:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Have the engine write all out, and begin a new journal."""
        self.shard.flush()
        if not self.journal_kept:
            self.journal.clear()

    def change(self, state: StoreState) -> None:
        """Take on another state, durably."""
        self.folder.save(state)
        self.state = state

    def adopt(self, shard: EdgeShard, name: str, graphed: int) -> None:
        """Put newly built files in the place of the old ones.

        The journal has all that was written since they were begun; it is carried out on them.
        """
        if self.state.dimension is not None:
            # The first vectors may have come meanwhile.
            shard.add_dense(self.state.generation, self.state.dimension, self.options)
        for batch in self.journal.entries():
            shard.apply(batch)
        shard.flush()
        shard.approximate = graphed > 0
        old = self.shard
        self.change(replace(self.state, shard=name, graphed=graphed))
        self.shard = shard
        self.journal_kept = False
        self.journal.clear()
        old.close()
        self.folder.tidy(self.state)

    def close(self) -> None:
        """Write all out and close."""
        try:
            if not self.spec.read_only and not self.broken:
                self.journal_kept = False
                self.checkpoint()
        finally:
            self.journal.close()
            self.shard.close()

    # What planning needs.

    def _held(self, records: Iterable[Place]) -> dict[Place, Held]:
        wanted = {point_id(*place): place for place in records}
        fields = held_fields(self.state.generation, self.state.staged)
        rows = drive(self.shard.retrieve(None, list(wanted), fields))
        return {wanted[row.id]: Held(row.payload) for row in rows}

    def _holders(self, keys: Iterable[Place]) -> dict[Place, str]:
        """Who holds each of these unique keys."""
        by_namespace: dict[str, list[str]] = {}
        for namespace, key in keys:
            check_text(key)
            by_namespace.setdefault(namespace, []).append(key)
        holders: dict[Place, str] = {}
        for namespace, names in by_namespace.items():
            for start in range(0, len(names), _KEYS):
                some = tuple(names[start : start + _KEYS])
                clause = Clause(must=(AnyOf("unique", some), Match("namespace", namespace)))
                drive(self._collect_holders(namespace, clause, holders))
        return holders

    async def _collect_holders(
        self, namespace: str, clause: Clause, holders: dict[Place, str]
    ) -> None:
        async for row in walk(self.shard, namespace, clause, ("id", "unique")):
            for key in row.payload["unique"]:
                holders[namespace, key] = str(row.payload["id"])
