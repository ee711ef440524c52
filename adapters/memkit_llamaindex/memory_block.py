"""The memory block: long-term memory behind LlamaIndex's short-term buffer."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.memory.memory import BaseMemoryBlock
from llama_index.core.storage.chat_store.base_db import MessageStatus
from llama_index.core.utils import get_tokenizer

from memkit import RecallResult
from memkit.filters import And, Eq, Exists, Filter, Ne, Not, Or
from memkit.handles import Handles, MemoryLike
from memkit.rendering import BAR, render
from memkit_llamaindex.holding import Holding
from memkit_llamaindex.messages import STATUS, TRACE, text_of
from memkit_llamaindex.turns import Turns

SESSION_ID = "session_id"

_QUERY_CHARS = 8_000
_KEPT = 32


class MemkitMemoryBlock(Holding, BaseMemoryBlock[str]):
    """Recalls what fits the newest user message, and keeps what the buffer lets go.

    LlamaIndex's ``Memory`` writes blocks only when its buffer overflows; what is in the buffer
    until then is not in this block. :class:`~memkit_llamaindex.MemkitMemory` writes at once.

    Messages are kept as turns of the conversation that ``session_id`` names. What is recalled
    are the memories that the scope shows: notes and facts of any origin and messages of all
    sessions but those that the model sees anyway. So bind a scope for each user, or say
    ``across_sessions=False``.

    Args:
        memory: a ``Memory``, an ``AsyncMemory``, a client, or the URL or path of a store.
        limit: at most so many memories, 1 to 1,000.
        max_tokens: at most so many tokens of text.
        min_relevance: leave out memories whose relevance is less, 0 to 1.
        reach: ``ancestors``, ``exact`` or ``subtree``, as for ``recall``.
        across_sessions: whether other sessions' messages are recalled.
        count_tokens: counts a text's tokens; by default LlamaIndex's tokenizer does.
        private: what is kept is read by the handle's own agent alone.
        **data: the fields of every block: ``name``, ``description``, ``priority`` (by default
            1, so that a full prompt shortens it), ``accept_short_term_memory``.
    """

    name: str = Field(default="long_term_memory")
    priority: int = Field(default=1)
    limit: int = Field(default=5, ge=1, le=1000)
    max_tokens: int = Field(default=1000, ge=1)
    min_relevance: float = Field(default=0.0, ge=0.0, le=1.0)
    reach: str = Field(default="ancestors")
    across_sessions: bool = Field(default=True)
    count_tokens: Callable[[str], int] | None = Field(default=None, exclude=True)

    _handles: Handles = PrivateAttr()
    _turns: Turns = PrivateAttr()
    _shown: OrderedDict[str, RecallResult] = PrivateAttr()
    _lock: Any = PrivateAttr()

    def __init__(
        self, memory: MemoryLike | Handles = None, *, private: bool = False, **data: Any
    ) -> None:
        super().__init__(**data)
        self._handles = Handles(memory)
        self._turns = Turns(self._handles.aio, private=private)
        self._shown = OrderedDict()
        self._lock = threading.Lock()

    async def _aget(
        self,
        messages: list[ChatMessage] | None = None,
        session_id: str | None = None,
        **block_kwargs: Any,
    ) -> str:
        query = _query(messages or [])
        if not query:
            return ""
        hits = await self._handles.aio.recall(
            query,
            limit=self.limit,
            reach=self.reach,
            min_relevance=self.min_relevance,
            filter=self._recallable(session_id),
        )
        text = self._rendered(hits, self.max_tokens)
        if text:
            with self._lock:
                self._shown[text] = hits
                while len(self._shown) > _KEPT:
                    self._shown.popitem(last=False)
        return text

    async def _aput(self, messages: list[ChatMessage]) -> None:
        # Before anything is awaited: other blocks get the same messages, and may take it away.
        sessions = [message.additional_kwargs.get(SESSION_ID) for message in messages]
        by_session: dict[str | None, list[ChatMessage]] = {}
        for message, session in zip(messages, sessions, strict=True):
            kept = {k: v for k, v in message.additional_kwargs.items() if k != SESSION_ID}
            by_session.setdefault(session, []).append(
                message.model_copy(update={"additional_kwargs": kept})
            )
        for session, said in by_session.items():
            if session is not None:
                await self._turns.append(str(session), said, MessageStatus.ARCHIVED)
                continue
            # Nobody's turns: notes, of which the same one twice is one.
            await self._handles.aio.remember_many(
                [{"content": t, "speaker": m.role.value} for m in said if (t := text_of(m))]
            )

    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """The same memories in fewer tokens, the best of them; ``None`` if none fits."""
        with self._lock:
            hits = self._shown.get(content)
        room = self._count(content) - tokens_to_truncate
        if hits is None or room <= 0:
            return None
        return self._rendered(hits, room) or None

    def _rendered(self, hits: RecallResult, max_tokens: int) -> str:
        text = render(hits, max_tokens=max_tokens, count_tokens=self._count, short_ids=True)
        # That something was left out is no use to a model that sees nothing else.
        return text if f"\n{BAR}" in text else ""

    def _count(self, text: str) -> int:
        return self.count_tokens(text) if self.count_tokens else len(get_tokenizer()(text))

    def _recallable(self, session_id: str | None) -> Filter:
        wanted: list[Filter] = [Ne("kind", TRACE)]
        if session_id is not None:
            # What is still in the buffer stands in the prompt already.
            active = Eq(f"metadata.{STATUS}", MessageStatus.ACTIVE.value)
            wanted.append(Not(And((Eq("conversation_id", session_id), active))))
        if not self.across_sessions:
            nobodys: Filter = Not(Exists("conversation_id"))
            wanted.append(
                nobodys if session_id is None else Or((nobodys, Eq("conversation_id", session_id)))
            )
        return And(tuple(wanted))


def _query(messages: list[ChatMessage]) -> str:
    """The newest user message's text, or else that of the newest message that has any."""
    said = [message for message in messages if text_of(message)]
    users = [message for message in said if message.role == MessageRole.USER]
    newest = (users or said)[-1:]
    return text_of(newest[0])[:_QUERY_CHARS].strip() if newest else ""
