"""MemkitMemory: an agent's memory, in which each message is durable at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ContentBlock, TextBlock
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.memory.memory import (
    DEFAULT_TOKEN_LIMIT,
    BaseMemoryBlock,
    InsertMethod,
    Memory,
    generate_chat_store_key,
)
from llama_index.core.storage.chat_store.base_db import MessageStatus

from memkit.errors import ConfigurationError
from memkit.handles import Handles, MemoryLike, run
from memkit.rendering import PREFACE
from memkit_llamaindex.chat_store import MemkitChatStore
from memkit_llamaindex.holding import Holding
from memkit_llamaindex.memory_block import MemkitMemoryBlock

_KEPT = 256


class MemkitMemory(Holding, Memory):
    """Short-term and long-term memory of one session, for ``agent.run(memory=...)``.

    It is LlamaIndex's ``Memory`` over a memkit memory. Every message is stored when ``put``
    returns, and is found again by another process under the same ``session_id``. ``get`` gives
    the session's newest messages, up to the token limit, with what the scope remembers of the
    newest user message before them, delimited, in a system message (or in the user's, by
    ``insert_method``). What was recalled is never stored again, not even when what ``get``
    gave is handed to ``set``.

    Args:
        memory: a ``Memory``, an ``AsyncMemory``, a client, or the URL or path of a store.
        session_id: the conversation; by default a new one.
        limit: at most so many memories are recalled.
        max_tokens: at most so many tokens of them.
        min_relevance: leave out memories whose relevance is less, 0 to 1.
        reach: how far recall looks: ``ancestors``, ``exact`` or ``subtree``.
        across_sessions: whether recall finds other sessions' messages too.
        private: messages are read by the handle's own agent alone.
        forget: deleting forgets instead of erasing.
        memory_blocks: further blocks, written when the buffer overflows.
        token_limit: of all that ``get`` gives.
        **data: the other fields of LlamaIndex's ``Memory``.

    Raises:
        ConfigurationError: a chat store was given: the memory keeps the messages.
    """

    _handles: Handles = PrivateAttr()
    _inserted: OrderedDict[str, None] = PrivateAttr()
    _lock: Any = PrivateAttr()

    def __init__(
        self,
        memory: MemoryLike | Handles = None,
        *,
        session_id: str | None = None,
        limit: int = 5,
        max_tokens: int = 1000,
        min_relevance: float = 0.0,
        reach: str = "ancestors",
        across_sessions: bool = True,
        private: bool = False,
        forget: bool = False,
        memory_blocks: Sequence[BaseMemoryBlock[Any]] | None = None,
        token_limit: int = DEFAULT_TOKEN_LIMIT,
        **data: Any,
    ) -> None:
        for name in ("sql_store", "chat_store"):
            if data.pop(name, None) is not None:
                raise ConfigurationError(
                    f"MemkitMemory keeps the messages itself: leave {name} out, or use "
                    "LlamaIndex's Memory with a MemkitMemoryBlock"
                )
        handles = Handles(memory)
        count = data.get("tokenizer_fn")
        block = MemkitMemoryBlock(
            handles,
            limit=limit,
            max_tokens=max_tokens,
            min_relevance=min_relevance,
            reach=reach,
            across_sessions=across_sessions,
            count_tokens=None if count is None else lambda text: len(count(text)),
            # The messages that the buffer lets go are in the store already.
            accept_short_term_memory=False,
        )
        super().__init__(
            sql_store=MemkitChatStore(handles, private=private, forget=forget),
            session_id=session_id or generate_chat_store_key(),
            memory_blocks=[block, *(memory_blocks or ())],
            token_limit=token_limit,
            **data,
        )
        self._handles = handles
        self._inserted = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return "MemkitMemory"

    @classmethod
    def from_defaults(  # type: ignore[override]
        cls,
        session_id: str | None = None,
        chat_history: list[ChatMessage] | None = None,
        token_limit: int = DEFAULT_TOKEN_LIMIT,
        memory_blocks: list[BaseMemoryBlock[Any]] | None = None,
        tokenizer_fn: Callable[[str], list[Any]] | None = None,
        insert_method: InsertMethod = InsertMethod.SYSTEM,
        *,
        memory: MemoryLike | Handles = None,
        **data: Any,
    ) -> MemkitMemory:
        """A memory by the arguments of LlamaIndex's ``Memory.from_defaults`` and of this class.

        Args:
            chat_history: if given, becomes the session's messages.
        """
        made = cls(
            memory,
            session_id=session_id,
            token_limit=token_limit,
            memory_blocks=memory_blocks,
            tokenizer_fn=tokenizer_fn,
            insert_method=insert_method,
            **data,
        )
        if chat_history is not None:
            made.set(chat_history)
        return made

    async def aput(self, message: ChatMessage) -> None:
        """Add a message to the session; it is durable when this returns."""
        await self.aput_messages([message])

    async def aput_messages(self, messages: list[ChatMessage]) -> None:
        """Add messages to the session, in order; they are durable when this returns."""
        said = self._without_recalled(messages)
        if said:
            await super().aput_messages(said)

    async def aset(self, messages: list[ChatMessage]) -> None:
        """Make these the session's active messages; those that are the same stay.

        Messages that the buffer has let go remain, to be recalled.
        """
        assert isinstance(self.sql_store, MemkitChatStore)
        await self.sql_store.replace_active(self.session_id, self._without_recalled(messages))

    def get(self, input: str | ChatMessage | None = None, **block_kwargs: Any) -> list[ChatMessage]:
        """The session's active messages, with what is recalled before them."""
        return run(self.aget(input, **block_kwargs))

    def get_all(self, status: MessageStatus | None = None) -> list[ChatMessage]:
        """The session's messages, without what is recalled: all, or those with a status."""
        return run(self.aget_all(status))

    def put(self, message: ChatMessage) -> None:
        """Add a message to the session; it is durable when this returns."""
        run(self.aput(message))

    def put_messages(self, messages: list[ChatMessage]) -> None:
        """Add messages to the session, in order; they are durable when this returns."""
        run(self.aput_messages(messages))

    def set(self, messages: list[ChatMessage]) -> None:
        """As :meth:`aset`."""
        run(self.aset(messages))

    def reset(self) -> None:
        """Delete the session's messages; other sessions and all other memories stay."""
        run(self.areset())

    def _insert_memory_content(
        self,
        chat_history: list[ChatMessage],
        memory_content: list[ContentBlock],
        chat_message_data: list[ChatMessage],
    ) -> list[ChatMessage]:
        added = [*memory_content, *(block for said in chat_message_data for block in said.blocks)]
        with self._lock:
            for block in added:
                if isinstance(block, TextBlock):
                    self._inserted[block.text] = None
                    self._inserted.move_to_end(block.text)
            while len(self._inserted) > _KEPT:
                self._inserted.popitem(last=False)
        return super()._insert_memory_content(chat_history, memory_content, chat_message_data)

    def _without_recalled(self, messages: list[ChatMessage]) -> list[ChatMessage]:
        """Messages as they were said: without the blocks that :meth:`get` has put in."""
        said = []
        for message in messages:
            blocks = [block for block in message.blocks if not self._was_recalled(block)]
            if len(blocks) == len(message.blocks):
                said.append(message)
            elif blocks:
                said.append(message.model_copy(update={"blocks": blocks}))
        return said

    def _was_recalled(self, block: ContentBlock) -> bool:
        if not isinstance(block, TextBlock):
            return False
        with self._lock:
            if block.text in self._inserted:
                return True
        # Put in by another process: by its shape, which nobody types.
        text = block.text.strip()
        return text.startswith("<memory>") and text.endswith("</memory>") and PREFACE in text
