"""AsyncMemory: what a user calls. :mod:`memkit.blocking` holds its synchronous face."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, ClassVar, Self, TextIO

from memkit.clock import utc_now
from memkit.contradictions.keeping import drop
from memkit.drafts import Draft, DraftLike, as_draft, keyed_id
from memkit.engine import Engine, Progress
from memkit.errors import ConfigurationError, InvalidInput, InvalidScope
from memkit.events.selecting import Selection, event_kinds
from memkit.events.watching import Watch
from memkit.extraction.ingesting import extract_stored
from memkit.facts.asking import Asked, Fact, facts
from memkit.facts.asserting import Asserted, Assertion, assert_fact, retract, undo
from memkit.facts.asserting import correct as correct_fact
from memkit.facts.checking import recall
from memkit.facts.predicates import DEFAULTS, Predicate, declare, declared
from memkit.facts.settling import is_fact, settle
from memkit.facts.timeline import Moment, timeline
from memkit.filters import And, Filter, In
from memkit.interchange.exporting import export_to
from memkit.interchange.importing import import_from
from memkit.lifecycle import revisions
from memkit.lifecycle.erasure import erase
from memkit.lifecycle.keyed import put
from memkit.lifecycle.revisions import UNSET, Unset
from memkit.maintenance import status as status_of
from memkit.messaging.acknowledging import ack
from memkit.messaging.channels import channels
from memkit.messaging.delivering import LEASE_MAX, Request, inbox
from memkit.messaging.names import channel_tag, consumer_name
from memkit.messaging.sending import send
from memkit.methods.consolidation import ConsolidationMethods
from memkit.methods.contradictions import ContradictionMethods
from memkit.methods.entities import EntityMethods
from memkit.methods.extraction import ExtractionMethods
from memkit.methods.profile import ProfileMethods
from memkit.methods.upkeep import UpkeepMethods
from memkit.profiles.constraints import recall_with_constraints
from memkit.protocols import Embedder, Maintenance, Order
from memkit.recalling import CONTEXT_MAX, Query
from memkit.relations import DEPTH_MAX, link, related, unlink
from memkit.scope import Reach, Scope
from memkit.selection import Labels, living, selection
from memkit.types import (
    Channel,
    Delivery,
    ErasureReceipt,
    Imported,
    MemoryRecord,
    Page,
    Problem,
    RecallResult,
    Related,
    Remembered,
    State,
    Status,
)
from memkit.validation import (
    MESSAGE_TAG,
    RECALL_LIMIT_MAX,
    check_count,
    check_flag,
    check_id,
    check_span,
    check_states,
    check_text,
    check_time,
    check_unit,
    check_wait,
)

if TYPE_CHECKING:
    from memkit.config import Settings

MODES = ("hybrid", "dense", "lexical")
PROFILES = ("fast", "balanced", "best")
DEDUPLICATE = ("near", "exact", "off")
_ACTIVE = (State.ACTIVE.value,)

Target = str | PathLike[str] | TextIO


class AsyncMemory(
    EntityMethods,
    ContradictionMethods,
    UpkeepMethods,
    ConsolidationMethods,
    ProfileMethods,
    ExtractionMethods,
):
    """A handle on a memory, bound to a scope.

    Handles are cheap, share one engine, belong to no event loop and may be used by many
    tasks and threads at once; a cancelled call leaves them usable. Closing one closes the
    engine for all of them.
    """

    #: What makes the synchronous face of a handle, where it is not simply ``Memory``.
    _face: ClassVar[type[Any] | None] = None

    def __init__(self, engine: Engine, scope: Scope, *, root: bool = False) -> None:
        self._engine = engine
        self._scope = scope
        self._root = root

    @staticmethod
    def open(
        url: str | PathLike[str] | None = None,
        *,
        namespace: str | None = None,
        project: str | None = None,
        task: str | None = None,
        agent: str | None = None,
        embedder: str | Embedder | None = None,
        read_only: bool = False,
        **settings: Any,
    ) -> Opening:
        """Open a memory: ``await`` the result, or enter it with ``async with``.

        Arguments go before environment variables (``MEMKIT_*``), those before a
        ``memkit.toml``; :mod:`memkit.config` lists the settings.

        Args:
            url: the store: a path or ``sqlite:///path``; by default a file in the user's
                data folder. ``http://…`` and ``https://…`` are a server's: with ``token`` among
                the settings, the result is an :class:`~memkit.client.AsyncClient`.
            namespace: the tenant; given here it is fixed, else ``at`` can choose one.
            project, task, agent: further labels of the handle's scope.
            embedder: a URL (``local``, ``fastembed:MODEL``, ``openai:MODEL?base_url=...``,
                ``none``) or an embedder object.
            read_only: refuse every write.
            **settings: any other setting by its name.

        Raises:
            ConfigurationError: a setting is unknown or malformed.
            InvalidScope: a label is malformed.
            StoreError: the store cannot be opened; its kinds say why and what to do.
        """
        arguments = {
            "url": None if url is None else fspath(url),
            "namespace": namespace,
            "project": project,
            "task": task,
            "agent": agent,
            **settings,
        }
        if isinstance(embedder, str):
            arguments["embedder"] = embedder
            embedder = None
        return Opening(arguments, embedder, read_only, fixed=namespace is not None)

    @property
    def scope(self) -> Scope:
        """The scope this handle is bound to."""
        return self._scope

    @property
    def settings(self) -> Settings:
        """The settings the memory was opened with."""
        return self._engine.settings

    @property
    def embedder(self) -> Embedder | None:
        """What embeds here, safe to use beside: ``None`` for words alone, and on a server."""
        return self._engine.vectorizer.embedder

    def at(
        self,
        *,
        namespace: str | None = None,
        project: str | None = None,
        task: str | None = None,
        agent: str | None = None,
    ) -> AsyncMemory:
        """A narrower handle on the same engine.

        A label that is bound cannot be changed. The namespace can be chosen once, on the
        handle that ``open`` returned, unless it was given there.

        Raises:
            InvalidScope: a label is malformed or already bound to another value.
        """
        scope = self._scope
        if namespace is not None and namespace != scope.namespace:
            if not self._root:
                raise InvalidScope(
                    "this handle is bound to another namespace: choose it on the handle that "
                    "open() returned"
                )
            scope = replace(scope, namespace=namespace)
        return AsyncMemory(self._engine, scope.narrowed(project=project, task=task, agent=agent))

    def within(self, scope: Scope) -> AsyncMemory:
        """A handle on the same engine for whoever was found to have this scope.

        For servers, which know who calls: unlike ``at`` it leaves what this handle is bound to.
        """
        return AsyncMemory(self._engine, scope)

    async def remember(
        self,
        content: str,
        *,
        kind: str = "note",
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        private: bool = False,
        confidence: float | None = None,
        pinned: bool = False,
        occurred_at: datetime | None = None,
        ttl: float | timedelta | None = None,
        expires_at: datetime | None = None,
        conversation_id: str | None = None,
        sequence: int | None = None,
        speaker: str | None = None,
        source: str | None = None,
        idempotency_key: str | None = None,
        vector: Sequence[float] | None = None,
        deduplicate: str | None = None,
    ) -> Remembered:
        """Store a memory in this scope; it is durable when this returns.

        The arguments but the last are those of :class:`~memkit.drafts.Draft`.

        Args:
            deduplicate: ``near`` (the default): copies are recognised, near copies merged
                if all gates agree and otherwise reported; ``exact``: only exact copies;
                ``off``: neither.

        Returns:
            what happened: stored, duplicate or merged, and the record that now says it.

        Raises:
            InvalidInput: an argument cannot be accepted; nothing was written.
            IdempotencyConflict: the key was used for another memory.
            StoreError: the store could not keep it; nothing was written.
        """
        draft = Draft(
            content=content,
            kind=kind,
            tags=tags,
            metadata=metadata,
            private=private,
            confidence=confidence,
            pinned=pinned,
            occurred_at=occurred_at,
            ttl=ttl,
            expires_at=expires_at,
            conversation_id=conversation_id,
            sequence=sequence,
            speaker=speaker,
            source=source,
            idempotency_key=idempotency_key,
            vector=vector,
        )
        mode = _choice(deduplicate or self._engine.settings.deduplicate, "deduplicate", DEDUPLICATE)
        (outcome,) = await self._engine.remember(self._scope, (draft,), mode)
        await extract_stored(self._engine, self._scope, (outcome,))
        return outcome

    async def remember_many(
        self,
        items: Iterable[DraftLike],
        *,
        deduplicate: str = "exact",
        progress: Progress | None = None,
    ) -> builtins.list[Remembered]:
        """Store many memories, in order.

        All are checked before the first is written; then they are written in chunks, each
        of them whole or not at all. Only exact copies are looked for unless ``deduplicate``
        says ``near``, which looks at one memory after the other.

        Args:
            items: texts, drafts, or mappings of ``remember``'s arguments.
            deduplicate: as for ``remember``.
            progress: called with how many are stored, and of how many.

        Raises:
            InvalidInput: an item cannot be accepted; nothing was written.
        """
        items = several(items)
        mode = _choice(deduplicate, "deduplicate", DEDUPLICATE)
        drafts = [as_draft(item) for item in items]
        outcomes = await self._engine.remember(self._scope, drafts, mode, progress)
        await extract_stored(self._engine, self._scope, outcomes)
        return outcomes

    async def put(
        self,
        key: str,
        content: str,
        *,
        kind: str = "note",
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        private: bool = False,
        confidence: float | None = None,
        pinned: bool = False,
        occurred_at: datetime | None = None,
        ttl: float | timedelta | None = None,
        expires_at: datetime | None = None,
        conversation_id: str | None = None,
        sequence: int | None = None,
        speaker: str | None = None,
        source: str | None = None,
        vector: Sequence[float] | None = None,
    ) -> Remembered:
        """Store a memory under a key of yours, in the place of what the key holds.

        A place (namespace, project, task) holds one record under a key, and each agent one more
        that is private. The record is replaced whole: what is not given goes back to its default,
        but ``created_at``, links and counters stay. Copies are not looked for.

        Args:
            key: any text of 1 to 1,000 characters; :meth:`id_of` tells the record's id.

        The other arguments are those of :class:`~memkit.drafts.Draft`.

        Returns:
            what happened: ``stored`` or ``updated``, and the record.

        Raises:
            InvalidInput: an argument cannot be accepted; nothing was written.
            StoreError: the store could not keep it.
        """
        draft = Draft(
            content=content,
            kind=kind,
            tags=tags,
            metadata=metadata,
            private=private,
            confidence=confidence,
            pinned=pinned,
            occurred_at=occurred_at,
            ttl=ttl,
            expires_at=expires_at,
            conversation_id=conversation_id,
            sequence=sequence,
            speaker=speaker,
            source=source,
            key=key,
            vector=vector,
        )
        (outcome,) = await put(self._engine, self._scope, (draft,))
        return outcome

    async def put_many(
        self, items: Iterable[DraftLike], *, progress: Progress | None = None
    ) -> builtins.list[Remembered]:
        """Store many memories under their keys; as :meth:`put`, in chunks of 1,000.

        All are checked before the first is written. Of several with one key the last is stored.

        Args:
            items: drafts with a ``key``, or mappings of ``put``'s arguments.
            progress: called with how many are stored, and of how many.

        Raises:
            InvalidInput: an item cannot be accepted; nothing was written.
        """
        drafts = [as_draft(item) for item in several(items)]
        return await put(self._engine, self._scope, drafts, progress)

    def id_of(self, key: str, *, private: bool = False) -> str:
        """The id of the record that this scope's place keeps under a key; nothing is read.

        Args:
            key: as for :meth:`put`.
            private: the private record of this handle's agent.

        Raises:
            InvalidInput: the key cannot be one, or a private one has no agent.
        """
        return keyed_id(self._scope, key, private=private)

    async def get_many(self, ids: Iterable[str]) -> dict[str, MemoryRecord]:
        """The records with these ids, whatever their state; those that are not shown are left out.

        Raises:
            InvalidInput: one has not the form of an id.
        """
        wanted = [check_id(id_) for id_ in several(ids)]
        found = await self._engine.visible(self._scope, wanted)
        return {id_: found[id_].record for id_ in wanted if id_ in found}

    async def recall(
        self,
        query: str,
        *,
        limit: int | None = None,
        reach: Reach | str = Reach.ANCESTORS,
        kinds: Labels = None,
        tags: Labels = None,
        filter: Filter | None = None,
        mode: str = "hybrid",
        states: Labels = _ACTIVE,
        as_of: datetime | None = None,
        at: datetime | None = None,
        profile: str | None = None,
        context: int = 0,
        diverse: bool = True,
        min_relevance: float = 0.0,
        constraints: bool = True,
        vector: Sequence[float] | None = None,
    ) -> RecallResult:
        """The memories that answer a query best, best first, each with why.

        Constraints ride along: the result's ``constraints`` are the records of kind
        ``constraint`` of this scope and those above, at most ``constraints_limit``, whatever is
        asked and however the hits are chosen.

        Args:
            query: what is asked, in words; it may be empty where ``vector`` says it.
            limit: at most so many hits, 1 to 1,000; by default ``recall_limit``.
            reach: ``ancestors`` (this scope and those above), ``exact`` or ``subtree``.
            kinds: only records of one of these kinds.
            tags: only records with all of these tags.
            filter: only records that match; see :mod:`memkit.filters`.
            mode: ``hybrid``, ``dense`` (meaning alone) or ``lexical`` (words alone).
            states: only records in these states.
            as_of: what stood at that time (aware): later records are left out, and ones
                corrected since are as they were. It goes instead of ``states``.
            at: the moment (aware) that "last week" in the query is counted from; now, unless
                told otherwise.
            profile: ``fast``, ``balanced`` or ``best``; by default the setting.
            context: how many turns before and after each hit come along, 0 to 20.
            diverse: whether hits that repeat a better one nearly word for word make room.
            min_relevance: leave out hits whose ``relevance`` is less, 0 to 1.
            constraints: false leaves the constraints out.
            vector: the query's vector, where it is there already: one number for each dimension
                of the store's own embedder.

        Raises:
            InvalidInput: an argument cannot be accepted.
        """
        if vector is None or query != "":
            check_text(query, "query", self._engine.settings.max_content_chars)
        asked = Query(
            text=query,
            limit=check_count(
                self._engine.settings.recall_limit if limit is None else limit,
                "limit",
                1,
                RECALL_LIMIT_MAX,
            ),
            reach=_reach(reach),
            mode=_choice(mode, "mode", MODES),
            filter=selection(kinds=kinds, tags=tags, filter=filter),
            states=check_states(states),
            as_of=check_time(as_of, "as_of"),
            profile=_choice(
                self._engine.settings.profile if profile is None else profile,
                "profile",
                PROFILES,
            ),
            context=check_count(context, "context", 0, CONTEXT_MAX),
            diverse=check_flag(diverse, "diverse"),
            at=check_time(at, "at"),
            min_relevance=check_unit(min_relevance, "min_relevance"),
            vector=None if vector is None else self._engine.vectorizer.checked(vector),
        )
        if not check_flag(constraints, "constraints"):
            return await recall(self._engine, self._scope, asked)
        return await recall_with_constraints(self._engine, self._scope, asked)

    async def get(self, id: str) -> MemoryRecord:
        """The record with this id, whatever its state.

        Raises:
            RecordNotFound: this scope shows no such record, or it has expired.
        """
        return (await self._engine.one(self._scope, check_id(id))).record

    async def list(
        self,
        *,
        reach: Reach | str = Reach.ANCESTORS,
        kinds: Labels = None,
        tags: Labels = None,
        filter: Filter | None = None,
        states: Labels = _ACTIVE,
        order_by: str = "created_at",
        descending: bool = True,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """One page of this scope's records, newest first unless told otherwise.

        Args:
            reach, kinds, tags, filter, states: as for ``recall``.
            order_by: a time, number or text field; records without it come last.
            descending: the greatest first.
            cursor: that of the page before.
            limit: at most so many records, 1 to 1,000.

        Raises:
            InvalidInput: an argument cannot be accepted, the cursor of another listing too.
        """
        self._engine.require_open()
        page = await self._engine.backend.scan(
            self._scope.namespace,
            self._readable(reach, states, kinds, tags, filter),
            order=Order(order_by, check_flag(descending, "descending")),
            cursor=cursor,
            limit=check_count(limit, "limit", 1, RECALL_LIMIT_MAX),
        )
        return Page(tuple(item.record for item in page.items), page.cursor)

    async def count(
        self,
        *,
        reach: Reach | str = Reach.ANCESTORS,
        kinds: Labels = None,
        tags: Labels = None,
        filter: Filter | None = None,
        states: Labels = _ACTIVE,
    ) -> int:
        """How many records there are; the arguments are those of ``recall``."""
        wanted = self._readable(reach, states, kinds, tags, filter)
        return (await self._count(wanted, None))[""]

    async def tags(self, *, reach: Reach | str = Reach.ANCESTORS) -> dict[str, int]:
        """Every tag of this scope's records, and on how many it is."""
        return await self._count(self._readable(reach, _ACTIVE), "tags")

    async def agents(self, *, reach: Reach | str = Reach.ANCESTORS) -> dict[str, int]:
        """Every agent that wrote records of this scope, and how many."""
        return await self._count(self._readable(reach, _ACTIVE), "agent")

    async def update(
        self,
        id: str,
        *,
        content: str | Unset = UNSET,
        kind: str | Unset = UNSET,
        tags: Iterable[str] | Unset = UNSET,
        metadata: Mapping[str, Any] | None | Unset = UNSET,
        private: bool | Unset = UNSET,
        confidence: float | Unset = UNSET,
        occurred_at: datetime | None | Unset = UNSET,
        ttl: float | timedelta | None | Unset = UNSET,
        expires_at: datetime | None | Unset = UNSET,
        speaker: str | None | Unset = UNSET,
        source: str | None | Unset = UNSET,
        expect_version: int | None = None,
    ) -> MemoryRecord:
        """Change a record in place; what is not given stays. ``correct`` keeps history.

        Args:
            id: the record.
            expect_version: the version you have seen: anything else there is a conflict.

        The others are those of ``remember``; ``None`` clears what can be absent.

        Raises:
            RecordNotFound: this scope shows no such record.
            VersionConflict: the record is at another version.
            DuplicateRecord: another record says exactly this already.
            InvalidInput: a value cannot be accepted, or the record is not active.
        """
        if isinstance(tags, Iterable) and not isinstance(tags, str | Mapping):
            # The change may be applied more than once, and an iterator only goes round once.
            tags = tuple(tags)
        changes = {
            "content": content,
            "kind": kind,
            "tags": tags,
            "metadata": metadata,
            "private": private,
            "confidence": confidence,
            "occurred_at": occurred_at,
            "ttl": ttl,
            "expires_at": expires_at,
            "speaker": speaker,
            "source": source,
        }
        before: MemoryRecord | None = None

        def change(record: MemoryRecord) -> MemoryRecord:
            nonlocal before
            before = record
            return revisions.revised(self._engine, self._scope, record, changes)

        return await self._settled(await self._revise(id, change, expect_version), before)

    async def correct(
        self,
        id: str,
        content: str,
        *,
        kind: str | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        confidence: float | None = None,
    ) -> Remembered:
        """Replace what a record says by a new record; the old one is kept as history.

        What is not given is taken over from the old record.

        Raises:
            RecordNotFound: this scope shows no such record.
            InvalidInput: a value cannot be accepted, the record is not active, or the
                correction says the same.
        """
        old = (await self._engine.one(self._scope, check_id(id))).record
        if is_fact(old):
            raise InvalidInput(f"record {id} is a fact: say what is right with correct_fact()")
        inherited = [tag for tag in old.tags if not tag.startswith("agent:")]
        draft = Draft(
            content=content,
            kind=old.kind if kind is None else kind,
            tags=inherited if tags is None else tags,
            metadata=old.metadata if metadata is None else metadata,
            private=old.visibility == "private",
            confidence=old.confidence if confidence is None else confidence,
            pinned=old.pinned,
            occurred_at=old.occurred_at,
            expires_at=old.expires_at,
            conversation_id=old.conversation_id,
            sequence=old.sequence,
            speaker=old.speaker,
            source=old.source,
        )
        return await revisions.correct(self._engine, self._scope, id, draft)

    async def forget(self, id: str) -> MemoryRecord:
        """Hide a record from recall and listings until ``restore``.

        Raises:
            RecordNotFound: this scope shows no such record.
        """
        return await self._settled(await revisions.forget(self._engine, self._scope, check_id(id)))

    async def restore(self, id: str) -> MemoryRecord:
        """Bring a forgotten, archived or merged record back.

        Raises:
            RecordNotFound: this scope shows no such record.
            DuplicateRecord: another record says exactly this by now.
            InvalidInput: the record was corrected: its correction stands in its place.
        """
        return await self._settled(await revisions.restore(self._engine, self._scope, check_id(id)))

    async def erase(self, ids: str | Iterable[str]) -> ErasureReceipt:
        """Erase records for good, with their history and the texts merged into them.

        Every trace goes: text, vector, words, links to them, cached vectors; then it is read
        back that nothing is found.

        Raises:
            RecordNotFound: this scope shows one of them not; nothing was erased.
            StoreError: a trace was still found.
        """
        wanted = (ids,) if isinstance(ids, str) else tuple(ids)
        if not wanted:
            raise InvalidInput("name at least one record to erase")
        ids_ = [check_id(id_) for id_ in wanted]
        found = await self._engine.visible(self._scope, ids_)
        receipt = await erase(self._engine, self._scope, ids_)
        await settle(self._engine, (item.record for item in found.values()))
        await drop(self._engine, self._scope.namespace, receipt.erased)
        return receipt

    async def pin(self, id: str, pinned: bool = True) -> MemoryRecord:
        """Hold a record up in recall, or let it go with ``pinned=False``.

        Raises:
            RecordNotFound: this scope shows no such record.
        """
        check_flag(pinned, "pinned")

        def change(record: MemoryRecord) -> MemoryRecord:
            return record if record.pinned == pinned else replace(record, pinned=pinned)

        return await self._revise(id, change)

    async def feedback(self, id: str, *, useful: bool) -> None:
        """Say whether a recalled record was of use; it counts in later rankings.

        Raises:
            RecordNotFound: this scope shows no such record.
        """
        await revisions.feedback(
            self._engine, self._scope, check_id(id), useful=check_flag(useful, "useful")
        )

    async def assert_fact(
        self,
        subject: str,
        predicate: str,
        object: str,
        *,
        valid_from: datetime | None = None,
        valid_to: datetime | None = None,
        content: str | None = None,
        confidence: float | None = None,
        source: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        private: bool = False,
    ) -> Asserted:
        """Store a fact: what is true of a subject, from when and until when.

        Where the predicate has one value at a time, the value that begins last holds: a new one
        ends the one before, an older one that is told late does not end a newer one. Nothing is
        lost by it: ``undo`` takes the fact back.

        Args:
            subject, predicate, object: whom it is about, what is said, the value; of at most
                1,000, 200 and 10,000 characters. ``Lives in`` and ``lives-in`` are the predicate
                ``lives_in``.
            valid_from: since when it is true (aware); from now on, unless told otherwise.
            valid_to: until when, that moment left out; without end, unless told otherwise.
            content: the sentence that is recalled; made of the three parts, unless given.
            confidence, source, tags, metadata, private: as for ``remember``.

        Returns:
            ``stored``, or ``duplicate`` where it is known to hold already, and what it ended.

        Raises:
            InvalidInput: an argument cannot be accepted; nothing was written.
        """
        told = Assertion(
            subject,
            predicate,
            object,
            valid_from,
            valid_to,
            content,
            confidence,
            source,
            tags,
            metadata,
            private,
        )
        return await assert_fact(self._engine, self._scope, told)

    async def correct_fact(
        self,
        id: str,
        *,
        object: str | Unset = UNSET,
        valid_from: datetime | Unset = UNSET,
        valid_to: datetime | None | Unset = UNSET,
        content: str | None = None,
        confidence: float | None = None,
        source: str | None = None,
    ) -> Asserted:
        """Say what was right instead of a fact that never was; it is known to have been believed.

        What became otherwise is no correction: assert the new fact.

        Args:
            id: the fact.
            object, valid_from, valid_to: what is right; what is not given stays.
            content, confidence, source: of the new record.

        Raises:
            RecordNotFound: this scope shows no such record.
            InvalidInput: it is no fact, was withdrawn, or would say the same.
        """
        old = (await self._engine.one(self._scope, check_id(id))).record
        if not is_fact(old):
            raise InvalidInput(f"record {id} is no fact: correct it with correct()")
        told = Assertion(
            old.subject or "",
            old.predicate or "",
            (old.object or "") if isinstance(object, Unset) else object,
            old.valid_from if isinstance(valid_from, Unset) else valid_from,
            old.valid_to if isinstance(valid_to, Unset) else valid_to,
            content,
            old.confidence if confidence is None else confidence,
            old.source if source is None else source,
            [tag for tag in old.tags if not tag.startswith("agent:")],
            old.metadata,
            old.visibility == "private",
        )
        return await correct_fact(self._engine, self._scope, id, told)

    async def retract_fact(self, id: str) -> Asserted:
        """Withdraw a fact that was never right; it is known to have been believed.

        Raises:
            RecordNotFound: this scope shows no such record.
            InvalidInput: it is no fact, or was withdrawn before.
        """
        return await retract(self._engine, self._scope, check_id(id))

    async def undo(self, id: str) -> Asserted:
        """Take back a fact or a correction of one: what was believed before is believed again.

        Raises:
            RecordNotFound: this scope shows no such record.
            InvalidInput: it is no fact, or was taken back before.
        """
        return await undo(self._engine, self._scope, check_id(id))

    async def facts(
        self,
        *,
        subject: str | None = None,
        predicate: str | None = None,
        object: str | None = None,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        history: bool = False,
        reach: Reach | str = Reach.ANCESTORS,
        limit: int = 100,
    ) -> builtins.list[Fact]:
        """The facts that hold, the latest first, or all that ever held, in order of time.

        Args:
            subject, predicate, object: only these.
            as_of: what was true at that time (aware); now, unless told otherwise.
            known_at: what was believed at that time (aware); by now, unless told otherwise.
            history: every stretch of time in which one held, instead of one moment.
            reach: as for ``recall``.
            limit: at most so many, 1 to 1,000.

        Raises:
            InvalidInput: an argument cannot be accepted, or more than 100,000 facts would have
                to be gone through.
        """
        asked = Asked(
            subject,
            predicate,
            object,
            check_time(as_of, "as_of"),
            check_time(known_at, "known_at"),
            check_flag(history, "history"),
            _reach(reach),
        )
        most = check_count(limit, "limit", 1, RECALL_LIMIT_MAX)
        return await facts(self._engine, self._scope, asked, most)

    async def timeline(
        self,
        entity: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        reach: Reach | str = Reach.ANCESTORS,
        limit: int = 100,
    ) -> builtins.list[Moment]:
        """What happened, in order of time.

        Of an entity: when the facts began and ended in which it is the subject or the object.
        Without one: what the active records tell of, by ``occurred_at``, or by when they were
        stored where they do not say.

        Args:
            entity: whom or what it is about.
            since, until: from the one moment (aware) up to the other, that left out.
            reach: as for ``recall``.
            limit: at most so many, the earliest, 1 to 1,000.

        Raises:
            InvalidInput: an argument cannot be accepted, or more than 100,000 facts or records
                would have to be gone through.
        """
        return await timeline(
            self._engine,
            self._scope,
            entity,
            since=check_time(since, "since"),
            until=check_time(until, "until"),
            reach=_reach(reach),
            limit=check_count(limit, "limit", 1, RECALL_LIMIT_MAX),
        )

    async def declare_predicate(
        self, name: str, *, single: bool = False, symmetric: bool = False
    ) -> Predicate:
        """Say what a predicate is like in this namespace.

        Args:
            name: the predicate.
            single: a subject has one value of it at a time.
            symmetric: what it says of one side it says of the other.

        Raises:
            InvalidInput: the name cannot be one.
        """
        self._engine.require_open()
        return await declare(
            self._engine, self._scope.namespace, name, single=single, symmetric=symmetric
        )

    async def predicates(self) -> builtins.list[Predicate]:
        """What goes for predicates here: what was declared, and memkit's own opinions."""
        self._engine.require_open()
        told = await declared(self._engine, self._scope.namespace)
        return sorted({**DEFAULTS, **told}.values(), key=lambda each: each.name)

    async def link(self, source: str, target: str, type: str = "related") -> MemoryRecord:
        """Link a record to another; the link is kept with ``source``.

        ``related`` and ``contradicts`` say the same of both ends: made from the other end too,
        it stays the one link that it was. A chain of ``follows``, ``supersedes``,
        ``derived_from``, ``part_of`` or ``replies_to`` cannot come back to where it began.

        Args:
            source, target: the two records' ids.
            type: ``causes``, ``fixes``, ``supports``, ``follows``, ``contradicts``,
                ``related``, ``supersedes``, ``derived_from`` or any other label;
                ``link_types()`` tells what they mean. An inverse name (``caused_by``) makes the
                link from ``target`` to ``source``.

        Returns:
            the record that holds the link.

        Raises:
            RecordNotFound: this scope shows one of the two not.
            InvalidInput: both are one record, or a chain would come back to its beginning.
        """
        return await link(self._engine, self._scope, check_id(source), check_id(target), type)

    async def unlink(self, source: str, target: str, type: str | None = None) -> MemoryRecord:
        """Remove the links from one record to another, of one type or of all.

        A link that says the same of both ends goes whichever of them holds it.

        Raises:
            RecordNotFound: this scope shows no record ``source``.
        """
        return await unlink(self._engine, self._scope, check_id(source), check_id(target), type)

    async def related(
        self,
        id: str,
        *,
        types: Labels = None,
        depth: int = 1,
        direction: str = "both",
        limit: int = 50,
    ) -> builtins.list[Related]:
        """The records reached over links, nearest first, each with its path.

        A path leads only over active records that this scope shows. Of very many records that link
        to one the newest 5,000 are looked at.

        Args:
            id: where to start.
            types: only over links of these types; an inverse name (``caused_by``) is such a link
                followed backwards.
            depth: at most so many links away, 1 to 6.
            direction: ``out``, ``in`` or ``both``; what says the same of both ends
                (``related``) is followed from either.
            limit: at most so many records, 1 to 1,000.

        Raises:
            RecordNotFound: this scope shows no such record.
        """
        return await related(
            self._engine,
            self._scope,
            check_id(id),
            types=None if types is None else {types} if isinstance(types, str) else set(types),
            depth=check_count(depth, "depth", 1, DEPTH_MAX),
            direction=direction,
            limit=check_count(limit, "limit", 1, RECALL_LIMIT_MAX),
        )

    async def export(
        self,
        target: Target,
        *,
        everyone: bool = False,
        vectors: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Write this scope's records and those below it as JSON lines.

        Records are whole: every field, state and version, forgotten ones too.
        A file appears under its name only once it is complete.

        Args:
            target: a path, or a text file open for writing.
            everyone: other agents' private records too; refused on a handle with an agent.
            vectors: their vectors too, four bytes a dimension before base64; an import with
                the same model takes them instead of embedding anew.
            progress: called with how many records are written.

        Returns:
            how many records were written.
        """
        if everyone and self._scope.agent is not None:
            raise InvalidScope("a handle bound to an agent exports what that agent may read")
        return await export_to(
            self._engine, self._scope, target, progress, everyone=everyone, vectors=vectors
        )

    async def import_(self, source: Target, *, progress: Progress | None = None) -> Imported:
        """Store the records of an export as they were, in this handle's namespace.

        What is there already is skipped, so an interrupted import is simply repeated.

        Args:
            source: a path, or a text file open for reading.
            progress: called with how many records are done.

        Raises:
            InvalidInput: a line is not an export's; the lines before it are stored.
            InvalidScope: a record belongs outside this handle's scope.
        """
        return await import_from(self._engine, self._scope, source, progress)

    async def send(
        self,
        channel: str,
        content: str,
        *,
        to: str | Iterable[str] | None = None,
        reply_to: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        kind: str = "message",
        ttl: float | timedelta | None = None,
        idempotency_key: str | None = None,
    ) -> Remembered:
        """Send a message on a channel: a memory with the tag ``msg:<channel>``.

        Saying the same twice is two messages; an idempotency key makes a repetition one.

        Args:
            channel: its name; it need not exist before.
            content: the text.
            to: the agents whom it is for; by default all who read the channel.
            reply_to: the id of what it answers; kept as a link of type ``replies_to``.
            tags, metadata, kind, ttl, idempotency_key: as for ``remember``.

        Raises:
            InvalidInput: an argument cannot be accepted; nothing was written.
            RecordNotFound: this scope does not show what is answered.
            Forbidden: the channel is not open to this reader.
        """
        return await send(
            self._engine,
            self._scope,
            channel,
            content,
            to=to,
            reply_to=reply_to,
            tags=tags,
            metadata=metadata,
            kind=kind,
            ttl=ttl,
            idempotency_key=idempotency_key,
        )

    async def inbox(
        self,
        channel: str | None = None,
        *,
        consumer: str | None = None,
        limit: int = 20,
        lease: float | timedelta | None = None,
        wait: float = 0,
    ) -> builtins.list[Delivery]:
        """Messages of this scope that a consumer has not acknowledged, oldest first.

        Every message comes at least once, and again until it is acknowledged: in the order of
        their storing on each channel. A new consumer gets those that are there already.
        Messages for other agents are left out, and those of one's own.

        Args:
            channel: by default all channels that this scope shows.
            consumer: who reads, by default the handle's agent. Where a consumer has not the
                name of the handle's agent, several agents can share it and its messages.
            limit: at most so many, 1 to 1,000.
            lease: seconds or a timedelta, up to a week, for which nobody else who shares the
                consumer gets these messages; unless acknowledged, they are given out again.
            wait: seconds to wait for a message if there is none, 0 to 3,600.

        Raises:
            InvalidInput: an argument cannot be accepted, or nobody says who reads.
            Forbidden: the channel is not open to this reader.
            StoreError: the store cannot lease.
        """
        span = None if lease is None else check_span(lease, "lease", LEASE_MAX)
        request = Request(
            None if channel is None else self._channel(channel),
            consumer_name(consumer, self._scope),
            check_count(limit, "limit", 1, RECALL_LIMIT_MAX),
            None if span is None else max(1, span // timedelta(microseconds=1)),
            check_wait(wait),
        )
        return await inbox(self._engine, self._scope, request)

    async def ack(
        self,
        ids: str | Iterable[str],
        *,
        channel: str | None = None,
        consumer: str | None = None,
    ) -> int:
        """Acknowledge messages: this consumer does not get them again.

        Args:
            ids: the ids of the messages.
            channel: by default all channels that they are on.
            consumer: as for ``inbox``.

        Returns:
            how many of them were waiting for it.

        Raises:
            InvalidInput: an argument cannot be accepted, or nobody says who reads.
            Forbidden: the channel is not open to this reader.
        """
        wanted = [check_id(id_) for id_ in ((ids,) if isinstance(ids, str) else ids)]
        reader = consumer_name(consumer, self._scope)
        name = None if channel is None else self._channel(channel)
        return await ack(self._engine, self._scope, wanted, name, reader)

    async def channels(self, *, consumer: str | None = None) -> builtins.list[Channel]:
        """The channels that hold messages of this scope, by name.

        Args:
            consumer: whose unread messages are counted; by default the handle's agent's.
        """
        named = consumer is not None or self._scope.agent is not None
        reader = consumer_name(consumer, self._scope) if named else None
        return await channels(self._engine, self._scope, reader)

    def watch(
        self,
        *,
        kinds: Labels = None,
        reach: Reach | str = Reach.ANCESTORS,
        tags: Labels = None,
        after: str | None = None,
        poll_seconds: float = 0.25,
    ) -> Watch:
        """What happens to the records that this scope shows, as it happens, at least once.

        Iterate over it; it waits for the next event until it is closed. Events carry each
        record as it is when it is told. What this scope does not show is never told; a record
        that was recalled and nothing else is no event.

        Args:
            kinds: only these events: ``created``, ``updated``, ``superseded``, ``forgotten``,
                ``restored``, ``erased``, ``message``. A ``reset`` is told in any case: events
                were missed, so that everything must be read anew.
            reach: as for ``recall``.
            tags: only of records with all of these tags.
            after: the cursor of the last event that was dealt with; by default only what
                happens from now on is told. The iterator's ``cursor`` is one, too.
            poll_seconds: between two looks for what other processes wrote, 0.01 to 60, where
                the store does not tell of itself.

        Raises:
            InvalidInput: an argument cannot be accepted.
        """
        selected = Selection(self._scope, event_kinds(kinds), _reach(reach), tags)
        return Watch(self._engine, selected, after, poll_seconds)

    async def status(self) -> Status:
        """The state of the store, of the embedder and of this handle's namespace."""
        return await status_of(self._engine, self._scope)

    async def check(self) -> builtins.list[Problem]:
        """Everything that is wrong with the store; an empty list: nothing is."""
        self._engine.require_open()
        backend = self._engine.backend
        return await backend.check() if isinstance(backend, Maintenance) else []

    async def compact(self) -> None:
        """Give the store's unused space back."""
        self._engine.require_open()
        if isinstance(self._engine.backend, Maintenance):
            await self._engine.backend.compact()

    async def warm_up(self) -> None:
        """Wait until the embedder has loaded, or has failed to."""
        await self._engine.vectorizer.wait_ready()

    async def close(self) -> None:
        """Finish what was accepted and free everything, for all handles of this engine."""
        await self._engine.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # Closing must finish even when the block was left by a cancellation.
        await asyncio.shield(self.close())

    async def _settled(
        self, record: MemoryRecord, before: MemoryRecord | None = None
    ) -> MemoryRecord:
        """A record that was changed, once it is settled which facts hold where it is and was."""
        places = [each for each in (record, before) if each is not None and is_fact(each)]
        if not places:
            return record
        return (await settle(self._engine, places)).get(record.id, record)

    def _channel(self, channel: str) -> str:
        tag = channel_tag(channel)
        self._scope.require_taggable((tag,))
        return tag[len(MESSAGE_TAG) :]

    async def _revise(
        self,
        id_: str,
        change: Callable[[MemoryRecord], MemoryRecord],
        expect_version: int | None = None,
    ) -> MemoryRecord:
        return await revisions.revise(
            self._engine, self._scope, check_id(id_), change, expect_version=expect_version
        )

    def _readable(
        self,
        reach: Reach | str,
        states: Labels,
        kinds: Labels = None,
        tags: Labels = None,
        filter: Filter | None = None,
    ) -> Filter:
        return And(
            (
                self._scope.readable(reach),
                In("state", check_states(states)),
                living(utc_now()),
                selection(kinds=kinds, tags=tags, filter=filter),
            )
        )

    async def _count(self, wanted: Filter, by: str | None) -> dict[str, int]:
        self._engine.require_open()
        return await self._engine.backend.count(self._scope.namespace, wanted, by)


class Opening:
    """A memory that is about to be opened: ``await`` it, or enter it with ``async with``."""

    def __init__(
        self,
        arguments: Mapping[str, Any],
        embedder: Embedder | None,
        read_only: bool,
        *,
        fixed: bool,
    ) -> None:
        self._arguments = arguments
        self._embedder = embedder
        self._read_only = read_only
        self._fixed = fixed
        self._memory: AsyncMemory | None = None

    def __await__(self) -> Generator[Any, None, AsyncMemory]:
        return self.start().__await__()

    async def __aenter__(self) -> AsyncMemory:
        self._memory = await self.start()
        return self._memory

    async def __aexit__(self, *_: object) -> None:
        if self._memory is not None:
            await asyncio.shield(self._memory.close())

    async def start(self) -> AsyncMemory:
        """Open it."""
        from memkit.config import load_settings
        from memkit.opening import open_engine
        from memkit.registry import client_from_url

        given = {name: value for name, value in self._arguments.items() if value is not None}
        loaded = load_settings(**given)
        settings = loaded.settings
        scope = Scope(settings.namespace, settings.project, settings.task, settings.agent)
        client = client_from_url(settings.url)
        if client is not None:
            if self._embedder is not None:
                raise ConfigurationError("the server embeds: its own settings say with what")
            opened: AsyncMemory = client.from_settings(
                loaded, scope, root=not self._fixed, read_only=self._read_only
            )
            return opened
        engine = await open_engine(settings, self._embedder, read_only=self._read_only)
        return AsyncMemory(engine, scope, root=not self._fixed)


def _choice(value: object, what: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InvalidInput(f"{what} is one of {', '.join(allowed)}")
    return str(value)


def _reach(value: object) -> Reach:
    try:
        return Reach(value)  # type: ignore[arg-type]
    except ValueError:
        raise InvalidInput(f"reach is one of {', '.join(Reach)}") from None


def several(items: Iterable[Any]) -> Iterable[Any]:
    """The items, if they are several and not one.

    Raises:
        InvalidInput: they are one.
    """
    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
        raise InvalidInput("give a list, also of one")
    return items
