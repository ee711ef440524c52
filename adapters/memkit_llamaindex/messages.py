"""Chat messages as records, and back, whole: tool calls, images and all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from uuid import uuid4

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock, ToolCallBlock
from llama_index.core.storage.chat_store.base_db import MessageStatus

from memkit import Draft, MemoryRecord
from memkit.config import Settings
from memkit.errors import StoreCorrupt

#: Marks every message of a chat store; nothing else has it.
CHAT_TAG = "llamaindex:chat"
#: Marks the records that carry what is too large for a message's own.
PART_TAG = "llamaindex:part"
#: The kind of what somebody said.
KIND = "episode"
#: The kind of what a session needs to go on and nobody said: what tools returned, which is bulk
#: and may be recalled text itself, system prompts, calls without words. It is not recalled.
TRACE = "trace"
STATUS = "llamaindex_status"

_MESSAGE = "llamaindex_message"
_PARTS = "llamaindex_parts"
_PART = "llamaindex_part"
_SPEAKERS = frozenset(
    {MessageRole.USER, MessageRole.ASSISTANT, MessageRole.MODEL, MessageRole.CHATBOT}
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def drafts_of(
    message: ChatMessage,
    conversation_id: str,
    sequence: int,
    status: MessageStatus,
    settings: Settings,
    *,
    private: bool = False,
) -> list[Draft]:
    """What a message is stored as: its record, after those that carry what it has no room for.

    The record's content is the message's text, which memories are recalled by. Whatever else
    there is, is kept beside it.
    """
    text = text_of(message)
    content = _UNSTORABLE.sub("\ufffd", text or _outline(message))[: settings.max_content_chars]
    metadata: dict[str, object] = {STATUS: status.value}
    name = uuid4().hex
    drafts: list[Draft] = []
    if not _is_plain(message) or content != text:
        # As text: JSON's escapes carry characters that a store does not take.
        whole = json.dumps(message.model_dump(mode="json"))
        # Escapes are escaped once more, which doubles them.
        room = max(64, min(30_000, settings.max_metadata_bytes // 2 - 200))
        if len(whole) <= room:
            metadata[_MESSAGE] = whole
        else:
            pieces = [whole[start : start + room] for start in range(0, len(whole), room)]
            metadata[_PARTS] = [f"llamaindex:part:{name}:{at}" for at in range(len(pieces))]
            drafts = [
                Draft(
                    f"[part {at + 1} of {len(pieces)} of a chat message]",
                    key=f"llamaindex:part:{name}:{at}",
                    kind=TRACE,
                    tags=(PART_TAG,),
                    metadata={_PART: piece},
                    private=private,
                    conversation_id=conversation_id,
                )
                for at, piece in enumerate(pieces)
            ]
    drafts.append(
        Draft(
            content,
            key=f"llamaindex:message:{name}",
            kind=KIND if text and message.role in _SPEAKERS else TRACE,
            tags=(CHAT_TAG,),
            metadata=metadata,
            private=private,
            conversation_id=conversation_id,
            sequence=sequence,
            speaker=message.role.value,
        )
    )
    return drafts


def parts_of(record: MemoryRecord) -> list[str]:
    """The keys of the records that carry the rest of a message."""
    return list(record.metadata.get(_PARTS, ()))


def message_of(record: MemoryRecord, parts: Mapping[str, MemoryRecord]) -> ChatMessage:
    """The message that a record stands for.

    Args:
        record: one that :func:`drafts_of` made.
        parts: the records that carry the rest, by their keys.

    Raises:
        StoreCorrupt: a part is missing.
    """
    whole = record.metadata.get(_MESSAGE)
    keys = parts_of(record)
    if keys:
        if any(key not in parts for key in keys):
            raise StoreCorrupt(
                f"a part of the chat message {record.id} is missing: erase the message"
            )
        whole = "".join(parts[key].metadata[_PART] for key in keys)
    if whole is None:
        return ChatMessage(role=MessageRole(record.speaker), content=record.content)
    return ChatMessage.model_validate(json.loads(whole))


def text_of(message: ChatMessage) -> str:
    """A message's text; ``""`` where there is nothing to be seen."""
    text = message.content or ""
    return text if text.strip() else ""


def _is_plain(message: ChatMessage) -> bool:
    if message.additional_kwargs or len(message.blocks) != 1:
        return False
    (block,) = message.blocks
    return isinstance(block, TextBlock) and block == TextBlock(text=block.text)


def _outline(message: ChatMessage) -> str:
    """What a message without text is recalled by."""
    told = []
    for block in message.blocks:
        if isinstance(block, ToolCallBlock):
            arguments = block.tool_kwargs
            shown = arguments if isinstance(arguments, str) else json.dumps(arguments, default=str)
            told.append(f"[{block.tool_name}({shown})]")
        else:
            told.append(f"[{block.block_type}]")
    return " ".join(told) or "[empty message]"
