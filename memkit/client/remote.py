"""AsyncClient: AsyncMemory on a server, method by method."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from memkit.client import answers, asking
from memkit.client import facts as answers_of_facts
from memkit.client.addresses import address_of, check_token
from memkit.client.blocking import Client
from memkit.client.connection import Connection
from memkit.client.streaming import download, upload
from memkit.client.warming import until_ready
from memkit.client.watching import RemoteWatch
from memkit.drafts import Draft, DraftLike, as_draft
from memkit.engine import Progress
from memkit.errors import ConfigurationError, InvalidInput, InvalidScope, StoreError, StoreReadOnly
from memkit.events.selecting import event_kinds
from memkit.facts.asking import Fact
from memkit.facts.asserting import Asserted
from memkit.facts.predicates import Predicate
from memkit.facts.timeline import Moment
from memkit.filters import Filter
from memkit.lifecycle.revisions import UNSET, Unset
from memkit.memory import _ACTIVE, AsyncMemory, Target, several
from memkit.scope import Reach, Scope
from memkit.selection import Labels
from memkit.service.operation import Effect, Operation
from memkit.service.table import OPERATIONS
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
    Status,
)
from memkit.validation import (
    RECALL_LIMIT_MAX,
    check_count,
    check_flag,
    check_id,
    check_kind,
    check_metadata,
    check_optional_text,
    check_text,
    check_time,
    check_unit,
)

if TYPE_CHECKING:
    from memkit.config import Loaded, Settings

T = TypeVar("T")

#: Memories in one request of ``remember_many``, and about how many bytes.
CHUNK = 500
_CHUNK_CHARS = 500_000


@dataclass(frozen=True, slots=True)
class Server:
    """What all handles on a server share."""

    connection: Connection
    settings: Settings
    #: The settings that somebody set; the others are left to the server.
    chosen: frozenset[str]
    read_only: bool = False


class AsyncClient(AsyncMemory):
    """A handle on a memory that a server keeps: the interface of :class:`AsyncMemory`.

    Made by ``AsyncMemory.open("http://…", token=…)``. What concerns the engine alone (the
    embedder, weights, limits) is the server's. Nothing is asked before the first call.
    """

    _face = Client

    def __init__(
        self, server: Server, scope: Scope, *, root: bool = False, named: bool = True
    ) -> None:
        # Not AsyncMemory's: there is no engine here.
        self._server = server
        self._scope = scope
        self._root = root
        self._named = named

    def __repr__(self) -> str:
        return f"<memory at {self._server.connection.address.base}, {self._scope}>"

    @classmethod
    def from_settings(
        cls, loaded: Loaded, scope: Scope, *, root: bool, read_only: bool
    ) -> AsyncClient:
        """A handle by settings: what an entry point of the group ``memkit.clients`` has.

        Raises:
            ConfigurationError: the URL or the token is not usable.
            MissingDependency: the extra ``client`` is not installed.
        """
        settings = loaded.settings
        address = address_of(settings.url)
        token = None if settings.token is None else settings.token.get_secret_value()
        checked = check_token(token, address, allow_http=settings.allow_http == "on")
        chosen = frozenset(name for name, from_ in loaded.sources.items() if from_ != "default")
        connection = Connection(address, checked, timeout=settings.timeout_seconds)
        server = Server(connection, settings, chosen, read_only)
        return cls(server, scope, root=root, named="namespace" in chosen)

    @property
    def connection(self) -> Connection:
        """What speaks to the server."""
        return self._server.connection

    @property
    def settings(self) -> Settings:
        """The settings the memory was opened with; those of the engine are the server's."""
        return self._server.settings

    @property
    def embedder(self) -> None:
        """``None``: a server embeds by itself."""
        return None

    def at(
        self,
        *,
        namespace: str | None = None,
        project: str | None = None,
        task: str | None = None,
        agent: str | None = None,
    ) -> AsyncClient:
        """A narrower handle on the same connection; as AsyncMemory's."""
        scope, named = self._scope, self._named
        if namespace is not None:
            if namespace != scope.namespace and not self._root:
                raise InvalidScope(
                    "this handle is bound to another namespace: choose it on the handle that "
                    "open() returned"
                )
            scope, named = replace(scope, namespace=namespace), True
        narrower = scope.narrowed(project=project, task=task, agent=agent)
        return AsyncClient(self._server, narrower, named=named)

    def within(self, scope: Scope) -> AsyncClient:
        """A handle of this scope on the same connection.

        Raises:
            ConfigurationError: the scope says who writes or what is hidden: the server does.
        """
        if scope.author is not None or scope.hidden:
            raise ConfigurationError("who writes, and what is hidden, is known to the server alone")
        named = self._named or scope.namespace != self._scope.namespace
        return AsyncClient(self._server, scope, named=named)

    async def call(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        """Have the server carry out an operation of the table; its result, as JSON.

        Raises:
            InvalidInput: the arguments do not fit the operation's input.
            StoreReadOnly: the memory was opened for reading, and this would write.
            MemkitError: what the server refused with.
        """
        if self._server.read_only and operation.effect is not Effect.READS:
            raise StoreReadOnly("this memory was opened read-only")
        request = asking.request_of(operation, given, self._place())
        connection = self._server.connection
        return await connection.run(lambda: connection.ask(request))

    async def _ask(self, name: str, read: Callable[[Any], T], given: Mapping[str, Any]) -> T:
        told = await self.call(OPERATIONS[name], given)
        try:
            return read(told)
        except (KeyError, TypeError, ValueError):
            raise StoreError(
                "the server's answer is not memkit's: does the URL lead to one, and are both "
                "of versions that go together?"
            ) from None

    def _place(self) -> tuple[tuple[str, str], ...]:
        return asking.place_of(self._scope, namespace=self._named)

    def _chosen(self, name: str) -> Any:
        """A setting that somebody set here; ``None``: the server's goes."""
        return getattr(self._server.settings, name) if name in self._server.chosen else None

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
        """As AsyncMemory's; sent again after a lost answer it is not stored twice."""
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
        mode = asking.given(deduplicate=deduplicate or self._chosen("deduplicate"))
        return await self._ask(
            "remember", answers.remembered_of, asking.draft_form(draft, self._scope) | mode
        )

    async def remember_many(
        self,
        items: Iterable[DraftLike],
        *,
        deduplicate: str = "exact",
        progress: Progress | None = None,
    ) -> builtins.list[Remembered]:
        """As AsyncMemory's, sent in chunks, each of them whole or not at all.

        Types are checked before the first chunk is sent; what only the server can refuse leaves
        the chunks before it stored.
        """
        drafts = [as_draft(item) for item in several(items)]
        if any(draft.key is not None for draft in drafts):
            raise InvalidInput("a memory with a key replaces what the key holds: use put_many")
        forms = [asking.draft_form(draft, self._scope) for draft in drafts]
        results: builtins.list[Remembered] = []
        for chunk in _chunks(forms):
            results += await self._ask(
                "remember_many",
                lambda told: [answers.remembered_of(each) for each in told["results"]],
                {"items": chunk, "deduplicate": deduplicate},
            )
            if progress is not None:
                progress(len(results), len(forms))
        if progress is not None and not forms:
            progress(0, 0)
        return results

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
        """As AsyncMemory's; a key under which another agent keeps a record is refused."""
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
        return await self._ask("put", answers.remembered_of, asking.draft_form(draft, self._scope))

    async def put_many(
        self, items: Iterable[DraftLike], *, progress: Progress | None = None
    ) -> builtins.list[Remembered]:
        """As AsyncMemory's, sent in chunks, each of them whole or not at all."""
        drafts = [as_draft(item) for item in several(items)]
        if any(draft.key is None for draft in drafts):
            raise InvalidInput("a memory to put needs a key")
        names = [(draft.key, draft.private) for draft in drafts]
        last = dict(zip(names, drafts, strict=True))
        forms = [asking.draft_form(draft, self._scope) for draft in last.values()]
        results: builtins.list[Remembered] = []
        for chunk in _chunks(forms):
            results += await self._ask(
                "put_many",
                lambda told: [answers.remembered_of(each) for each in told["results"]],
                {"puts": chunk},
            )
            if progress is not None:
                progress(len(results), len(forms))
        done = dict(zip(last, results, strict=True))
        return [done[name] for name in names]

    async def get_many(self, ids: Iterable[str]) -> dict[str, MemoryRecord]:
        """As AsyncMemory's."""
        wanted = [check_id(id_) for id_ in several(ids)]
        found: dict[str, MemoryRecord] = {}
        for start in range(0, len(wanted), CHUNK):
            records = await self._ask(
                "get_many",
                lambda told: [answers.record_of(each) for each in told["records"]],
                {"ids": wanted[start : start + CHUNK]},
            )
            found |= {record.id: record for record in records}
        return found

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
        vector: Sequence[float] | None = None,
    ) -> RecallResult:
        """As AsyncMemory's."""
        count = self._chosen("recall_limit") if limit is None else limit
        if vector is None or query != "":
            check_text(query, "query", 2**62)
        asked = {
            "query": query,
            "mode": mode,
            "context": check_count(context, "context", 0, 2**31),
            "diverse": check_flag(diverse, "diverse"),
            "min_relevance": check_unit(min_relevance, "min_relevance"),
        } | asking.given(
            limit=None if count is None else check_count(count, "limit", 1, RECALL_LIMIT_MAX),
            as_of=check_time(as_of, "as_of"),
            at=check_time(at, "at"),
            vector=asking.vector_form(vector),
            profile=self._chosen("profile") if profile is None else profile,
        )
        return await self._ask(
            "recall",
            answers.recall_of,
            asked
            | asking.selected_form(
                reach=reach, states=states, kinds=kinds, tags=tags, filter=filter
            ),
        )

    async def get(self, id: str) -> MemoryRecord:
        """As AsyncMemory's."""
        return await self._ask("get", answers.record_of, {"id": check_id(id)})

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
        """As AsyncMemory's."""
        asked = {
            "order_by": order_by,
            "descending": check_flag(descending, "descending"),
            "limit": check_count(limit, "limit", 1, RECALL_LIMIT_MAX),
        } | asking.given(cursor=cursor)
        return await self._ask(
            "list",
            answers.page_of,
            asked
            | asking.selected_form(
                reach=reach, states=states, kinds=kinds, tags=tags, filter=filter
            ),
        )

    async def count(
        self,
        *,
        reach: Reach | str = Reach.ANCESTORS,
        kinds: Labels = None,
        tags: Labels = None,
        filter: Filter | None = None,
        states: Labels = _ACTIVE,
    ) -> int:
        """As AsyncMemory's."""
        return await self._ask(
            "count",
            _count_of,
            asking.selected_form(reach=reach, states=states, kinds=kinds, tags=tags, filter=filter),
        )

    async def tags(self, *, reach: Reach | str = Reach.ANCESTORS) -> dict[str, int]:
        """As AsyncMemory's."""
        return await self._ask("tags", answers.counts_of, {"reach": asking.reach_form(reach)})

    async def agents(self, *, reach: Reach | str = Reach.ANCESTORS) -> dict[str, int]:
        """As AsyncMemory's."""
        return await self._ask("agents", answers.counts_of, {"reach": asking.reach_form(reach)})

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
        """As AsyncMemory's; another agent's record is changed by admins of the namespace alone."""
        changes = asking.changes_form(
            {
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
        )
        if expect_version is not None:
            changes["expect_version"] = check_count(expect_version, "expect_version", 1, 2**63 - 1)
        return await self._ask("update", answers.record_of, {"id": check_id(id), **changes})

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
        """As AsyncMemory's."""
        told = asking.given(
            kind=kind,
            tags=None if tags is None else asking.tags_form(tags, self._scope),
            metadata=None if metadata is None else check_metadata(metadata, 2**62),
            confidence=None if confidence is None else check_unit(confidence, "confidence"),
        )
        text = check_text(content, "content", 2**62)
        return await self._ask(
            "correct", answers.remembered_of, {"id": check_id(id), "content": text, **told}
        )

    async def forget(self, id: str) -> MemoryRecord:
        """As AsyncMemory's."""
        return await self._ask("forget", _only_record, {"ids": [check_id(id)]})

    async def restore(self, id: str) -> MemoryRecord:
        """As AsyncMemory's."""
        return await self._ask("restore", _only_record, {"ids": [check_id(id)]})

    async def erase(self, ids: str | Iterable[str]) -> ErasureReceipt:
        """As AsyncMemory's; for admins of the namespace."""
        wanted = (ids,) if isinstance(ids, str) else tuple(ids)
        if not wanted:
            raise InvalidInput("name at least one record to erase")
        asked = {"ids": [check_id(id_) for id_ in wanted]}
        return await self._ask("erase", answers.receipt_of, asked)

    async def pin(self, id: str, pinned: bool = True) -> MemoryRecord:
        """As AsyncMemory's."""
        asked = {"id": check_id(id), "pinned": check_flag(pinned, "pinned")}
        return await self._ask("pin", answers.record_of, asked)

    async def feedback(self, id: str, *, useful: bool) -> None:
        """As AsyncMemory's."""
        asked = {"id": check_id(id), "useful": check_flag(useful, "useful")}
        await self._ask("feedback", _done, asked)

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
        """As AsyncMemory's."""
        asked = {
            "subject": check_text(subject, "subject", 2**62),
            "predicate": check_text(predicate, "predicate", 2**62),
            "object": check_text(object, "object", 2**62),
            "tags": asking.tags_form(tags, self._scope),
            "private": check_flag(private, "private"),
        } | asking.given(
            valid_from=check_time(valid_from, "valid_from"),
            valid_to=check_time(valid_to, "valid_to"),
            content=check_optional_text(content, "content", 2**62),
            confidence=None if confidence is None else check_unit(confidence, "confidence"),
            source=check_optional_text(source, "source", 2**62),
            metadata=check_metadata(metadata, 2**62) or None,
        )
        return await self._ask("assert_fact", answers_of_facts.asserted_of, asked)

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
        """As AsyncMemory's."""
        asked: dict[str, Any] = {"id": check_id(id)} | asking.given(
            content=check_optional_text(content, "content", 2**62),
            confidence=None if confidence is None else check_unit(confidence, "confidence"),
            source=check_optional_text(source, "source", 2**62),
        )
        if not isinstance(object, Unset):
            asked["object"] = check_text(object, "object", 2**62)
        if not isinstance(valid_from, Unset):
            asked["valid_from"] = check_time(valid_from, "valid_from")
        if not isinstance(valid_to, Unset):
            asked["valid_to"] = check_time(valid_to, "valid_to")
        return await self._ask("correct_fact", answers_of_facts.asserted_of, asked)

    async def retract_fact(self, id: str) -> Asserted:
        """As AsyncMemory's."""
        return await self._ask("retract_fact", answers_of_facts.asserted_of, {"id": check_id(id)})

    async def undo(self, id: str) -> Asserted:
        """As AsyncMemory's."""
        return await self._ask("undo", answers_of_facts.asserted_of, {"id": check_id(id)})

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
        """As AsyncMemory's."""
        asked = {
            "history": check_flag(history, "history"),
            "reach": asking.reach_form(reach),
            "limit": check_count(limit, "limit", 1, RECALL_LIMIT_MAX),
        } | asking.given(
            subject=check_optional_text(subject, "subject", 2**62),
            predicate=check_optional_text(predicate, "predicate", 2**62),
            object=check_optional_text(object, "object", 2**62),
            as_of=check_time(as_of, "as_of"),
            known_at=check_time(known_at, "known_at"),
        )
        return await self._ask("facts", answers_of_facts.facts_of, asked)

    async def timeline(
        self,
        entity: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        reach: Reach | str = Reach.ANCESTORS,
        limit: int = 100,
    ) -> builtins.list[Moment]:
        """As AsyncMemory's."""
        asked = {
            "reach": asking.reach_form(reach),
            "limit": check_count(limit, "limit", 1, RECALL_LIMIT_MAX),
        } | asking.given(
            entity=check_optional_text(entity, "entity", 2**62),
            since=check_time(since, "since"),
            until=check_time(until, "until"),
        )
        return await self._ask("timeline", answers_of_facts.moments_of, asked)

    async def declare_predicate(
        self, name: str, *, single: bool = False, symmetric: bool = False
    ) -> Predicate:
        """As AsyncMemory's; for admins of the namespace."""
        asked = {
            "name": check_text(name, "predicate", 2**62),
            "single": check_flag(single, "single"),
            "symmetric": check_flag(symmetric, "symmetric"),
        }
        return await self._ask("declare_predicate", answers_of_facts.predicate_of, asked)

    async def predicates(self) -> builtins.list[Predicate]:
        """As AsyncMemory's."""
        return await self._ask("predicates", answers_of_facts.predicates_of, {})

    async def link(self, source: str, target: str, type: str = "related") -> MemoryRecord:
        """As AsyncMemory's."""
        asked = {"id": check_id(source), "target": check_id(target), "type": type}
        return await self._ask("link", answers.record_of, asked)

    async def unlink(self, source: str, target: str, type: str | None = None) -> MemoryRecord:
        """As AsyncMemory's."""
        asked = {"id": check_id(source), "target": check_id(target)} | asking.given(type=type)
        return await self._ask("unlink", answers.record_of, asked)

    async def related(
        self,
        id: str,
        *,
        types: Labels = None,
        depth: int = 1,
        direction: str = "both",
        limit: int = 50,
    ) -> builtins.list[Related]:
        """As AsyncMemory's."""
        asked = {
            "id": check_id(id),
            "depth": check_count(depth, "depth", 1, 2**31),
            "direction": direction,
            "limit": check_count(limit, "limit", 1, RECALL_LIMIT_MAX),
        } | asking.given(types=asking.labels_form(types))
        return await self._ask("related", answers.related_of, asked)

    async def send(
        self,
        channel: str,
        content: str,
        *,
        to: Labels = None,
        reply_to: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        kind: str = "message",
        ttl: float | timedelta | None = None,
        idempotency_key: str | None = None,
    ) -> Remembered:
        """As AsyncMemory's; sent again after a lost answer it is not delivered twice."""
        asked = {
            "channel": channel,
            "content": check_text(content, "content", 2**62),
            "tags": asking.tags_form(tags, self._scope),
        } | asking.given(
            to=asking.labels_form(to),
            reply_to=reply_to,
            metadata=None if metadata is None else check_metadata(metadata, 2**62),
            kind=check_kind(kind),
            ttl=asking.span_form(ttl),
            idempotency_key=idempotency_key,
        )
        return await self._ask("send", answers.remembered_of, asked)

    async def inbox(
        self,
        channel: str | None = None,
        *,
        consumer: str | None = None,
        limit: int = 20,
        lease: float | timedelta | None = None,
        wait: float = 0.0,
    ) -> builtins.list[Delivery]:
        """As AsyncMemory's."""
        asked = {"limit": check_count(limit, "limit", 1, RECALL_LIMIT_MAX), "wait": wait}
        asked |= asking.given(channel=channel, consumer=consumer, lease=asking.span_form(lease))
        return await self._ask("inbox", answers.deliveries_of, asked)

    async def ack(
        self,
        ids: str | Iterable[str],
        *,
        channel: str | None = None,
        consumer: str | None = None,
    ) -> int:
        """As AsyncMemory's."""
        wanted = (ids,) if isinstance(ids, str) else tuple(ids)
        asked = {"ids": [check_id(id_) for id_ in wanted]}
        return await self._ask(
            "ack", _count_of, asked | asking.given(channel=channel, consumer=consumer)
        )

    async def channels(self, *, consumer: str | None = None) -> builtins.list[Channel]:
        """As AsyncMemory's."""
        return await self._ask("channels", answers.channels_of, asking.given(consumer=consumer))

    def watch(
        self,
        *,
        kinds: Labels = None,
        reach: Reach | str = Reach.ANCESTORS,
        tags: Labels = None,
        after: str | None = None,
        poll_seconds: float = 0.25,
    ) -> RemoteWatch:
        """As AsyncMemory's; a lost connection is taken up again where it broke off.

        ``poll_seconds`` is the server's affair.
        """
        self._server.connection.require_open()
        params = [*self._place(), ("reach", asking.reach_form(reach))]
        if kinds is not None:
            params += [("kinds", kind.value) for kind in sorted(event_kinds(kinds))]
        params += [("tags", tag) for tag in asking.labels_form(tags) or ()]
        return RemoteWatch(self._server.connection, params, after)

    async def export(
        self,
        target: Target,
        *,
        everyone: bool = False,
        vectors: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """As AsyncMemory's."""
        if everyone and self._scope.agent is not None:
            raise InvalidScope("a handle bound to an agent exports what that agent may read")
        connection = self._server.connection
        flags = {"everyone": everyone, "vectors": vectors}
        params = [*self._place(), *((name, "true") for name, on in flags.items() if on)]
        return await connection.run(lambda: download(connection, params, target, progress))

    async def import_(self, source: Target, *, progress: Progress | None = None) -> Imported:
        """As AsyncMemory's, sent in chunks of whole lines."""
        if self._server.read_only:
            raise StoreReadOnly("this memory was opened read-only")
        connection = self._server.connection
        return await connection.run(lambda: upload(connection, self._place(), source, progress))

    async def status(self) -> Status:
        """As AsyncMemory's, of the server's store and embedder."""
        return await self._ask("status", answers.status_of, {})

    async def check(self) -> builtins.list[Problem]:
        """As AsyncMemory's; for administrators of the server."""
        return await self._ask("check", answers.problems_of, {})

    async def compact(self) -> None:
        """As AsyncMemory's; for administrators of the server."""
        await self._ask("compact", _done, {})

    async def warm_up(self) -> None:
        """Wait until the server's embedder has loaded, ``timeout_seconds`` at most."""
        await until_ready(self.status, self._server.settings.timeout_seconds)

    async def close(self) -> None:
        """End the connections, for all handles on them; the server goes on."""
        await self._server.connection.close()


def _chunks(
    forms: builtins.list[dict[str, Any]],
) -> Iterable[builtins.list[dict[str, Any]]]:
    chunk: builtins.list[dict[str, Any]] = []
    size = 0
    for form in forms:
        length = len(form["content"]) + len(str(form.get("metadata", "")))
        if chunk and (len(chunk) == CHUNK or size + length > _CHUNK_CHARS):
            yield chunk
            chunk, size = [], 0
        chunk.append(form)
        size += length
    if chunk:
        yield chunk


def _count_of(told: Mapping[str, Any]) -> int:
    return int(told["count"])


def _only_record(told: Mapping[str, Any]) -> MemoryRecord:
    (record,) = answers.records_of(told)
    return record


def _done(told: Mapping[str, Any]) -> None:
    if told["done"] is not True:
        raise ValueError
