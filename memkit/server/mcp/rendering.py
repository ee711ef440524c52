"""Results as text, for clients that show models nothing else.

What was stored becomes text as it does everywhere: :mod:`memkit.rendering` keeps it behind bars.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from memkit.rendering import PREFACE, block, legible, render, word

#: A block's stored text is cut after so many characters, a whole rendering after so many.
BLOCK_CHARS = 2_000
TEXT_CHARS = 24_000

_MORE = "get it by its id"
_HEADER_CHARS = 500
_RECORD = {"id", "content", "kind", "created_at"}


def rendered(result: Mapping[str, Any]) -> str:
    """An operation's result as text."""
    match result:
        case {"memories": memories, "notices": notices}:
            told = [_many(memories, "no memories"), *_notes(notices)]
            if "standing" in result:
                told.append(_standing(result["standing"]))
        case {"status": status, "id": id_, "record": record, "notices": notices}:
            told = [f"{word(status)} {word(id_)}", *_near(result.get("near", ()))]
            told += [f"{word(each)} no longer holds" for each in result.get("closed", ())]
            told += [f"{word(each)} holds again" for each in result.get("reopened", ())]
            told += _notes(notices)
            if status != "stored":
                told += [PREFACE, _one(record)]
        case {"results": list() as results}:
            told = [f"{len(results)} in order:"]
            told += [f"{word(each['status'])} {word(each['id'])}" for each in results]
        case {"records": list() as records}:
            told = [_many(records, "no records")]
            if result.get("cursor") is not None:
                told.append(f"more with cursor={word(result['cursor'])}")
        case {"related": list() as related}:
            told = [_many(related, "no records")]
        case {"facts": list() as facts}:
            told = [_facts(facts)]
        case {"messages": list() as messages}:
            told = [_messages(messages)]
        case _ if result.keys() >= _RECORD:
            told = [PREFACE, _one(result)]
        case _:
            told = [json.dumps(result, ensure_ascii=False, separators=(",", ":"))]
    return _cut("\n".join(told))


def _one(record: Mapping[str, Any], lead: str = "") -> str:
    return block(record, lead=lead, chars=BLOCK_CHARS, more=_MORE)


def _many(records: Iterable[Mapping[str, Any]], none: str) -> str:
    told = render(
        records,
        max_tokens=TEXT_CHARS,
        max_memory_tokens=BLOCK_CHARS + _HEADER_CHARS,
        count_tokens=len,
        more=_MORE,
    )
    return told or none


def _facts(facts: Iterable[Mapping[str, Any]]) -> str:
    blocks = []
    for fact in facts:
        # Its parts are stored text as its sentence is: behind the bars with it.
        said = " ".join(fact[part] for part in ("subject", "predicate", "object"))
        record = {**fact["record"], "content": f"{said}\n{fact['record']['content']}"}
        until = "" if fact["valid_to"] is None else f" until {word(fact['valid_to'])}"
        blocks.append(_one(record, f"since {word(fact['valid_from'])}{until}: "))
    return "\n".join((PREFACE, *blocks)) if blocks else "no facts"


def _messages(messages: Iterable[Mapping[str, Any]]) -> str:
    blocks = [_one(each["message"], f"on {word(each['channel'])}: ") for each in messages]
    if not blocks:
        return "no unread messages"
    return "\n".join((f"{len(blocks)} unread, oldest first. {PREFACE}", *blocks))


def _standing(standing: Mapping[str, Any]) -> str:
    told = ["", "Standing memories of this scope:", _many(standing["records"], "no records")]
    if standing["messages"]:
        told += [
            "",
            _messages(standing["messages"]),
            "Acknowledge what you dealt with: action=ack.",
        ]
    return "\n".join((*told, *_notes(standing["notices"])))


def _near(near: Iterable[Mapping[str, Any]]) -> list[str]:
    return [f"nearly the same is stored as {word(each['id'])}" for each in near]


def _notes(notices: Iterable[str]) -> list[str]:
    return [f"note: {legible(notice)}" for notice in notices]


def _cut(text: str) -> str:
    if len(text) <= TEXT_CHARS:
        return text
    return text[:TEXT_CHARS].rpartition("\n")[0] + "\n(more in the structured result)"
