"""Commands that write: remember, correct, pin, link, forget, restore, erase."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from memkit.blocking import Memory
from memkit.cli.handles import (
    Command,
    Json,
    scoped,
)
from memkit.cli.output import (
    as_outcome,
    as_record,
    notices,
    show,
    show_json,
)
from memkit.errors import InvalidInput
from memkit.types import MemoryRecord, Remembered

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw]?)", text)
    if found is None:
        raise InvalidInput("a time to live looks like 90, 30s, 15m, 12h, 7d or 4w")
    try:
        return timedelta(seconds=float(found[1]) * _UNITS[found[2] or "s"])
    except OverflowError:
        raise InvalidInput("a time to live is at most some 2,700 years") from None


def moment(text: str, what: str) -> datetime:
    """A time from ISO 8601 text; without a zone it is local time."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{what} looks like 2026-05-08 or 2026-05-08T13:56+02:00") from None


def _metadata(pairs: list[str]) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator:
            raise InvalidInput("metadata is given as --meta key=value")
        try:
            metadata[key] = json.loads(text)
        except ValueError:
            metadata[key] = text
    return metadata


def _content(words: list[str] | None) -> str:
    if words and words != ["-"]:
        return " ".join(words)
    if not words and sys.stdin.isatty():
        raise InvalidInput('say what to remember: memkit remember "...", or pipe it in')
    try:
        return sys.stdin.buffer.read().decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise InvalidInput("what was piped in is not UTF-8 text") from None


def _show_outcome(outcome: Remembered) -> None:
    match outcome.status:
        case "stored":
            show(f"stored {outcome.id}")
        case "duplicate":
            show(f"duplicate of {outcome.id}: nothing new was stored")
        case "merged":
            show(f"merged into {outcome.id}; your wording is kept as {outcome.merged}")
        case "superseded":
            show(f"stored {outcome.id} in the place of {outcome.matched}")
    for copy in outcome.near:
        show(f"  like {copy.id} (cosine {copy.cosine:.2f}): update or correct that one?")
    notices(outcome.notices)


@scoped(embeds=True)
def remember(
    memory: Memory,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="What to remember; - reads stdin.")
    ] = None,
    kind: Annotated[str, typer.Option(help="What sort of memory.")] = "note",
    tag: Annotated[list[str] | None, typer.Option(help="A tag; repeatable.")] = None,
    meta: Annotated[list[str] | None, typer.Option(help="Metadata, key=value; repeatable.")] = None,
    private: Annotated[bool, typer.Option("--private", help="For --agent alone.")] = False,
    pin: Annotated[bool, typer.Option("--pin", help="Hold it up in recall.")] = False,
    confidence: Annotated[float | None, typer.Option(help="From 0 to 1.")] = None,
    ttl: Annotated[str | None, typer.Option(help="Time to live: 30s, 12h, 7d.")] = None,
    occurred_at: Annotated[str | None, typer.Option(help="When it happened, ISO 8601.")] = None,
    conversation: Annotated[str | None, typer.Option(help="The conversation's id.")] = None,
    sequence: Annotated[int | None, typer.Option(help="The place in it, from 0.")] = None,
    speaker: Annotated[str | None, typer.Option(help="Who said it.")] = None,
    source: Annotated[str | None, typer.Option(help="Where it came from.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key again stores nothing new.")
    ] = None,
    deduplicate: Annotated[str | None, typer.Option(help="near, exact or off.")] = None,
    as_json: Json = False,
) -> None:
    """Store a memory."""
    content = _content(words)
    outcome = memory.remember(
        content,
        kind=kind,
        tags=tag or (),
        metadata=_metadata(meta or []),
        private=private,
        pinned=pin,
        confidence=confidence,
        ttl=None if ttl is None else _span(ttl),
        occurred_at=None if occurred_at is None else moment(occurred_at, "--occurred-at"),
        conversation_id=conversation,
        sequence=sequence,
        speaker=speaker,
        source=source,
        idempotency_key=idempotency_key,
        deduplicate=deduplicate,
    )
    if as_json:
        show_json(as_outcome(outcome))
    else:
        _show_outcome(outcome)


@scoped(embeds=True)
def correct(
    memory: Memory,
    id_: Annotated[str, typer.Argument(metavar="ID")],
    text: Annotated[str, typer.Argument(help="What is right.")],
    as_json: Json = False,
) -> None:
    """Replace what a record says; the old one is kept as history."""
    outcome = memory.correct(id_, text)
    if as_json:
        show_json(as_outcome(outcome))
    else:
        _show_outcome(outcome)


@scoped()
def pin(
    memory: Memory,
    id_: Annotated[str, typer.Argument(metavar="ID")],
    off: Annotated[bool, typer.Option("--off", help="Let it go.")] = False,
    as_json: Json = False,
) -> None:
    """Hold a record up in recall."""
    record = memory.pin(id_, not off)
    if as_json:
        show_json(as_record(record))
    else:
        show(f"{'pinned' if record.pinned else 'unpinned'} {record.id}")


@scoped()
def link(
    memory: Memory,
    source: Annotated[str, typer.Argument(metavar="ID")],
    target: Annotated[str, typer.Argument(metavar="OTHER_ID")],
    type_: Annotated[str, typer.Option("--type", help="causes, fixes, supports ...")] = "related",
    as_json: Json = False,
) -> None:
    """Link a record to another."""
    record = memory.link(source, target, type_)
    if as_json:
        show_json(as_record(record))
    else:
        show(f"{source} {type_} {target}")


Ids = Annotated[list[str], typer.Argument(metavar="ID...")]


def _each(
    memory: Memory, ids: list[str], change: Callable[[str], MemoryRecord], *, as_json: bool
) -> None:
    """Change records, or none of them if one is not there; tell what they then are."""
    for id_ in ids:
        memory.get(id_)
    records = [change(id_) for id_ in ids]
    if as_json:
        show_json({"records": [as_record(record) for record in records]})
    else:
        for record in records:
            show(f"{record.id} is {record.state}")


@scoped()
def forget(memory: Memory, ids: Ids, as_json: Json = False) -> None:
    """Hide records until they are restored."""
    _each(memory, ids, memory.forget, as_json=as_json)


@scoped()
def restore(memory: Memory, ids: Ids, as_json: Json = False) -> None:
    """Bring forgotten records back."""
    _each(memory, ids, memory.restore, as_json=as_json)


@scoped()
def erase(
    memory: Memory,
    ids: Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Erase records for good, with their history and every trace."""
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidInput("erasing cannot be undone: say --yes where nobody can be asked")
        typer.confirm(f"Erase {len(ids)} records and their history for good?", abort=True)
    receipt = memory.erase(ids)
    if as_json:
        show_json(
            {
                "id": receipt.id,
                "erased": list(receipt.erased),
                "links_removed": receipt.links_removed,
                "erased_at": receipt.erased_at.isoformat(),
                "backend": receipt.backend,
                "checks": list(receipt.checks),
                "purged": receipt.purged,
            }
        )
        return
    for id_ in receipt.erased:
        show(f"erased {id_}")
    show(f"read back: nothing found by {', '.join(receipt.checks)}")
    if not receipt.purged:
        notices(["freed space still holds bytes of it: run memkit doctor --vacuum"])
    show(f"receipt {receipt.id}")


COMMANDS: dict[str, Command] = {
    "remember": remember,
    "correct": correct,
    "pin": pin,
    "link": link,
    "forget": forget,
    "restore": restore,
    "erase": erase,
}
