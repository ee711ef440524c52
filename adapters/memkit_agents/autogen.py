"""memkit as AutoGen's ``Memory``: for ``AssistantAgent(memory=[…])`` and agents of one's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from memkit import Hit, MemoryRecord, RecallResult
from memkit.errors import ConfigurationError, InvalidInput, MissingDependency, RecordNotFound
from memkit.filters import And, Eq, Exists, Filter
from memkit.providers.requirements import install_hint
from memkit.types import State
from memkit_agents.shared import Bound, Failures, Recalling, Source, check_failures, tolerating

try:
    from autogen_core import CancellationToken, Component
    from autogen_core.memory import Memory as AutoGenMemory
    from autogen_core.memory import (
        MemoryContent,
        MemoryMimeType,
        MemoryQueryResult,
        UpdateContextResult,
    )
    from autogen_core.model_context import ChatCompletionContext
    from autogen_core.models import LLMMessage, SystemMessage
except ImportError as cause:
    raise MissingDependency(install_hint("autogen-core", "MemkitMemory", "autogen")) from cause

__all__ = ["MemkitMemory", "MemkitMemoryConfig", "Recalling"]

T = TypeVar("T")

# Metadata keys: what the content was; and that it was a mapping, kept as its JSON.
_MIME_TYPE = "autogen_mime_type"
_MAPPING = "autogen_mapping"
_PAGE = 500
_SECRETS = frozenset({"token", "openai_api_key", "reranker_api_key"})


class MemkitMemoryConfig(BaseModel):
    """What a :class:`MemkitMemory` is made of, as AutoGen writes components down."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = None
    opening: dict[str, Any] = {}
    limit: int = 8
    max_tokens: int = 1_000
    min_relevance: float = 0.0
    kinds: list[str] | None = None
    forgets: bool = False
    failures: str = "raise"


class MemkitMemory(AutoGenMemory, Component[MemkitMemoryConfig]):
    """Long-term memory for AutoGen's agents, in the scope of a handle.

    Before each answer an agent has ``update_context`` recall what its last message is about; what
    was found goes into the model's context as one system message, delimited and within a token
    budget, and no memory twice. May be shared by agents, threads and event loops.

    Args:
        memory: a handle, or a URL that is opened at the first use.
        recalling: how much is recalled, and how many tokens of it the model gets.
        forgets: ``clear`` hides entries, so that ``restore`` could bring them back, instead of
            erasing them. On a server only an admin of the namespace may erase.
        failures: what ``update_context`` does with memkit's errors: ``raise`` or ``log``.
        **opening: for a URL, what ``Memory.open`` takes (``project``, ``agent``, …).

    Raises:
        InvalidInput: ``memory`` is neither a handle nor a URL.
    """

    component_type = "memory"
    component_config_schema = MemkitMemoryConfig
    component_provider_override = "memkit_agents.autogen.MemkitMemory"

    def __init__(
        self,
        memory: Source = None,
        *,
        recalling: Recalling | None = None,
        forgets: bool = False,
        failures: Failures = "raise",
        **opening: Any,
    ) -> None:
        self._bound = Bound(memory, **opening)
        self._recalling = recalling or Recalling()
        self._forgets = forgets
        self._failures = check_failures(failures)

    async def update_context(self, model_context: ChatCompletionContext) -> UpdateContextResult:
        """Add what is remembered about the last message to the context, as a system message."""
        messages = await model_context.get_messages()
        new: tuple[Hit, ...] = ()
        applying: tuple[MemoryRecord, ...] = ()
        with tolerating(self._failures, "recalling"):
            memory = await self._bound.get()
            hits = await self._recalling.hits(memory, _last_words(messages))
            # A rendered memory bears its id: what the context holds already is not told again.
            told = "\n".join(m.content for m in messages if isinstance(m, SystemMessage))
            new = tuple(hit for hit in hits if hit.record.id not in told)
            applying = tuple(each for each in hits.constraints if each.id not in told)
        text = self._recalling.rendered(RecallResult(new, constraints=applying))
        if text:
            await model_context.add_message(SystemMessage(content=text))
        # Those that the budget left out were not added.
        added = [_content_of(hit) for hit in new if hit.record.id in text]
        return UpdateContextResult(memories=MemoryQueryResult(results=added))

    async def query(
        self,
        query: str | MemoryContent,
        cancellation_token: CancellationToken | None = None,
        **kwargs: Any,
    ) -> MemoryQueryResult:
        """The memories that answer a query best, best first.

        Args:
            query: text, or content that holds text.
            cancellation_token: ends the call.
            **kwargs: ``limit``, ``min_relevance``, ``kinds`` for this call alone.

        Returns:
            contents whose metadata tells ``id``, ``score``, ``relevance``, ``kind``, ``agent`` and
            ``created_at`` beside what they were added with.

        Raises:
            InvalidInput: the query holds no text, or an argument is unknown.
        """
        unknown = sorted(set(kwargs) - {"limit", "min_relevance", "kinds"})
        if unknown:
            raise InvalidInput(f"query takes limit, min_relevance and kinds, not {unknown[0]}")
        text = query if isinstance(query, str) else _text_of(query)
        recalling = replace(self._recalling, **kwargs)
        hits = await _linked(self._hits(recalling, text), cancellation_token)
        return MemoryQueryResult(results=[_content_of(hit) for hit in hits])

    async def add(
        self, content: MemoryContent, cancellation_token: CancellationToken | None = None
    ) -> None:
        """Keep something: text as it is, a mapping as its JSON.

        Raises:
            InvalidInput: it is an image or bytes, which memkit does not keep; or its metadata is
                not JSON.
        """
        text = _text_of(content)
        mime = content.mime_type
        metadata: dict[str, Any] = dict(content.metadata or {})
        metadata[_MIME_TYPE] = mime.value if isinstance(mime, MemoryMimeType) else mime
        if isinstance(content.content, Mapping):
            metadata[_MAPPING] = True
        await _linked(self._remember(text, metadata), cancellation_token)

    async def clear(self) -> None:
        """Take out what was added through AutoGen in exactly this place (and by this agent).

        Other memories of the scope stay: those were not this object's to clear.
        """
        memory = await self._bound.get()
        parts: list[Filter] = [Exists(f"metadata.{_MIME_TYPE}")]
        if memory.scope.agent is not None:
            parts.append(Eq("agent", memory.scope.agent))
        wanted = And(tuple(parts))
        states = (State.ACTIVE.value,) if self._forgets else tuple(State)
        while True:
            page = await memory.list(reach="exact", filter=wanted, states=states, limit=_PAGE)
            if not page.records:
                return
            for record in page:
                # Somebody else may have taken it out first.
                with suppress(RecordNotFound):
                    await (memory.forget if self._forgets else memory.erase)(record.id)

    async def close(self) -> None:
        """Close the memory, if this object opened it itself."""
        await self._bound.close()

    async def _hits(self, recalling: Recalling, text: str) -> RecallResult:
        return await recalling.hits(await self._bound.get(), text)

    async def _remember(self, text: str, metadata: Mapping[str, Any]) -> None:
        memory = await self._bound.get()
        await memory.remember(text, metadata=metadata)

    def _to_config(self) -> MemkitMemoryConfig:
        chosen = self._recalling
        if not self._bound.repeatable:
            raise ConfigurationError(
                "a handle cannot be written down: give MemkitMemory a URL to make it a component"
            )
        if chosen.count_tokens is not None or chosen.options:
            raise ConfigurationError(
                "count_tokens and recall options cannot be written down: subclass MemkitMemory"
            )
        secret = _SECRETS & self._bound.opening.keys()
        if secret or urlsplit(self._bound.url or "").password is not None:
            raise ConfigurationError(
                "a component's configuration would hold a secret in the clear: leave tokens and "
                "passwords to the environment (MEMKIT_TOKEN, PGPASSWORD, …)"
            )
        return MemkitMemoryConfig(
            url=self._bound.url,
            opening=dict(self._bound.opening),
            limit=chosen.limit,
            max_tokens=chosen.max_tokens,
            min_relevance=chosen.min_relevance,
            kinds=None if chosen.kinds is None else list(chosen.kinds),
            forgets=self._forgets,
            failures=self._failures,
        )

    @classmethod
    def _from_config(cls, config: MemkitMemoryConfig) -> Self:
        return cls(
            config.url,
            recalling=Recalling(
                limit=config.limit,
                max_tokens=config.max_tokens,
                min_relevance=config.min_relevance,
                kinds=config.kinds,
            ),
            forgets=config.forgets,
            failures=check_failures(config.failures),
            **config.opening,
        )


async def _linked(work: Coroutine[Any, Any, T], token: CancellationToken | None) -> T:
    """The result of ``work``, which the token cancels."""
    if token is None:
        return await work
    task = asyncio.ensure_future(work)
    token.link_future(task)
    return await task


def _last_words(messages: list[LLMMessage]) -> str:
    """The text of the last message that is not the system's."""
    for message in reversed(messages):
        content = message.content
        if isinstance(message, SystemMessage) or not content:
            continue
        if isinstance(content, str):
            return content
        return "\n".join(part for part in content if isinstance(part, str))
    return ""


def _text_of(content: MemoryContent) -> str:
    held = content.content
    if isinstance(held, str):
        return held
    if isinstance(held, Mapping):
        return json.dumps(held, ensure_ascii=False)
    raise InvalidInput(
        f"memkit keeps text and JSON, not {type(held).__name__}: add a description of it instead"
    )


def _content_of(hit: Hit) -> MemoryContent:
    record = hit.record
    metadata = dict(record.metadata)
    mime = metadata.pop(_MIME_TYPE, MemoryMimeType.TEXT.value)
    mapping = metadata.pop(_MAPPING, False)
    metadata |= _told_of(hit, record)
    return MemoryContent(
        content=json.loads(record.content) if mapping else record.content,
        mime_type=_mime_type(mime),
        metadata=metadata,
    )


def _told_of(hit: Hit, record: MemoryRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "score": hit.score,
        "relevance": hit.relevance,
        "kind": record.kind,
        "agent": record.agent,
        "created_at": record.created_at.isoformat(),
    }


def _mime_type(value: str) -> MemoryMimeType | str:
    try:
        return MemoryMimeType(value)
    except ValueError:
        return value
