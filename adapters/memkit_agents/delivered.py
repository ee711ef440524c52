"""Turns that may be delivered again: each has a name of its own, under which it is stored once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b

from memkit import AsyncMemory
from memkit_agents.shared import Turn, Turns, storable


def key_of(*parts: object) -> str:
    """A record's key from what names it elsewhere: JSON values of any length."""
    named = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return f"{parts[0]}:{blake2b(named.encode(), digest_size=16).hexdigest()}"


async def append_new(
    turns: Turns, memory: AsyncMemory, conversation_id: str, said: Sequence[Turn]
) -> None:
    """Append those turns whose keys hold nothing yet, not even something forgotten.

    Args:
        turns: numbers them.
        memory: the handle whose scope they get.
        conversation_id: the session, 1 to 1,000 characters.
        said: in order, each with a key.
    """
    new = await unknown(memory, said)
    if new:
        await turns.append(memory, conversation_id, new)


async def unknown(memory: AsyncMemory, said: Sequence[Turn]) -> list[Turn]:
    """The turns with text whose keys hold nothing in this handle's place, each key once."""
    ids = {
        memory.id_of(turn.key): turn for turn in said if turn.key and storable(turn.text).strip()
    }
    if not ids:
        return []
    known = await memory.get_many(list(ids))
    return [turn for id_, turn in ids.items() if id_ not in known]
