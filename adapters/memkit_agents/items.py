"""Response input items as turns of a conversation, and back again exactly as they were."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from memkit import MemoryRecord
from memkit_agents.shared import TRACE, TURN, TURN_CHARS, Turn, storable

#: The metadata key of an item's JSON, or of a piece of it. Where text and speaker tell all of the
#: item it is the name of its first key.
ITEM = "item"
#: The metadata key of a piece's place: the item's own mark, which piece, of how many.
PIECE = "item_piece"

# Escaping can double ASCII text, and metadata may have 65,536 bytes.
_PIECE_CHARS = 30_000
_TRACE_CHARS = 2_000
_SPEAKER_CHARS = 200
_SPOKEN = ("user", "assistant")


def turns_of(item: Mapping[str, Any]) -> list[Turn]:
    """An item as one turn, or as several where its JSON is too long for one.

    What the user or the assistant says is the text of an ``episode``; everything else (tool
    calls and their results, reasoning, instructions) is a ``trace``.

    Raises:
        TypeError: the item is not a JSON object.
    """
    if not isinstance(item, Mapping):
        raise TypeError(f"a session's item is a mapping, not {type(item).__name__}")
    role = item.get("role")
    said = spoken(item) if role in _SPOKEN else ""
    if _is_text_alone(item) and said.strip() and len(said) <= TURN_CHARS:
        return [Turn(said, role, metadata={ITEM: next(iter(item))})]
    text = json.dumps(item, ensure_ascii=True, separators=(",", ":"))
    pieces = [text[at : at + _PIECE_CHARS] for at in range(0, len(text), _PIECE_CHARS)]
    mark = uuid4().hex
    speaker = storable(role)[:_SPEAKER_CHARS].strip() or None if isinstance(role, str) else None
    turns = []
    for number, piece in enumerate(pieces):
        metadata: dict[str, Any] = {ITEM: piece}
        if len(pieces) > 1:
            metadata[PIECE] = [mark, number, len(pieces)]
        if number:
            turns.append(Turn(f"piece {number + 1} of an item", speaker, None, TRACE, metadata))
        elif said.strip():
            turns.append(Turn(storable(said), speaker, None, TURN, metadata))
        else:
            turns.append(Turn(_outline(item), speaker, None, TRACE, metadata))
    return turns


def items_of(records: Iterable[MemoryRecord]) -> list[tuple[Any, list[MemoryRecord]]]:
    """The items that records in order hold, each with its records; incomplete ones are left out."""
    found: list[tuple[Any, list[MemoryRecord]]] = []
    open_pieces: dict[str, list[MemoryRecord]] = {}
    for record in records:
        if PIECE not in record.metadata:
            found.append((_item(record, [record]), [record]))
            continue
        mark, number, count = record.metadata[PIECE]
        pieces = open_pieces.setdefault(mark, [])
        if number == len(pieces):
            pieces.append(record)
        if len(pieces) == count:
            found.append((_item(pieces[0], pieces), open_pieces.pop(mark)))
    return found


def starts_item(record: MemoryRecord) -> bool:
    """Whether a record holds an item, or the first piece of one."""
    place = record.metadata.get(PIECE)
    return place is None or place[1] == 0


def spoken(item: Mapping[str, Any]) -> str:
    """The text of a message, ``""`` where it has none."""
    content = item.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    parts = [part for part in content if isinstance(part, Mapping)]
    texts = [part.get("text") or part.get("refusal") for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str))


def _is_text_alone(item: Mapping[str, Any]) -> bool:
    """Whether a record's speaker and text tell all of it."""
    content = item.get("content")
    return len(item) == 2 and isinstance(content, str) and content == storable(content)


def _item(first: MemoryRecord, pieces: Sequence[MemoryRecord]) -> Any:
    text = "".join(piece.metadata[ITEM] for piece in pieces)
    if text == "role":
        return {"role": first.speaker, "content": first.content}
    if text == "content":
        return {"content": first.content, "role": first.speaker}
    return json.loads(text)


def _outline(item: Mapping[str, Any]) -> str:
    """A few words for an item that nobody said."""
    told = [item.get(name) for name in ("type", "role", "name", "arguments", "output")]
    words = " ".join(text for text in told if isinstance(text, str))
    return storable(words)[:_TRACE_CHARS].strip() or "item"
