"""The commands that write: remember, correct, forget, restore, erase, pin, link."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from memkit.cli import layout, options
from memkit.cli.exits import ExitCode
from memkit.cli.output import one_line
from memkit.cli.session import Session
from memkit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from memkit.blocking import Memory
    from memkit.types import MemoryRecord, Remembered

_Meta = Annotated[
    list[str] | None,
    typer.Option("--meta", metavar="KEY=VALUE", help="Metadata; a JSON value stays one (repeat)."),
]
_Confidence = Annotated[
    float | None, typer.Option("--confidence", metavar="N", help="From 0 to 1.")
]


def remember(
    session: Session,
    text: options.Text = None,
    kind: Annotated[
        str, typer.Option("--kind", "-k", metavar="KIND", help="fact, decision, preference, ...")
    ] = "note",
    tag: Annotated[
        list[str] | None, typer.Option("--tag", "-t", metavar="TAG", help="A label (repeat).")
    ] = None,
    meta: _Meta = None,
    private: Annotated[bool, typer.Option("--private", help="Readable by --agent alone.")] = False,
    ttl: Annotated[
        str | None, typer.Option("--ttl", metavar="SPAN", help="Expires after 30s, 12h, 7d ...")
    ] = None,
    pin: Annotated[bool, typer.Option("--pin", help="Hold it up in recall.")] = False,
    confidence: _Confidence = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="TEXT", help="Where it came from.")
    ] = None,
    speaker: Annotated[
        str | None, typer.Option("--speaker", metavar="NAME", help="Who said it.")
    ] = None,
    conversation: Annotated[
        str | None,
        typer.Option("--conversation", metavar="ID", help="The conversation it is a turn of."),
    ] = None,
    sequence: Annotated[
        int | None, typer.Option("--sequence", metavar="N", help="Its place in it, from 0.")
    ] = None,
    occurred_at: Annotated[
        str | None,
        typer.Option("--occurred-at", metavar="TIME", help="When (ISO 8601 with a zone)."),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option("--idempotency-key", metavar="KEY", help="The same key stores once."),
    ] = None,
    deduplicate: Annotated[
        str | None,
        typer.Option("--deduplicate", metavar="HOW", help="Copies to recognise: near, exact, off."),
    ] = None,
) -> None:
    """Store a memory; it is durable when this returns."""
    content = options.content(text)
    values = options.metadata(meta)
    with session.memory() as memory:
        outcome = memory.remember(
            content,
            kind=kind,
            tags=tag or (),
            metadata=values,
            private=private,
            confidence=confidence,
            pinned=pin,
            occurred_at=options.instant(occurred_at, "--occurred-at"),
            ttl=options.span(ttl, "--ttl"),
            conversation_id=conversation,
            sequence=sequence,
            speaker=speaker,
            source=source,
            idempotency_key=idempotency_key,
            deduplicate=deduplicate,
        )
    _show_outcome(session, outcome)


def correct(
    session: Session,
    id_: options.Id,
    text: options.Text = None,
    kind: Annotated[
        str | None, typer.Option("--kind", "-k", metavar="KIND", help="Another kind.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", "-t", metavar="TAG", help="Other tags (repeat).")
    ] = None,
    meta: _Meta = None,
    confidence: _Confidence = None,
) -> None:
    """Replace what a memory says; the old text is kept as history."""
    content = options.content(text)
    values = options.metadata(meta) or None
    with session.memory() as memory:
        outcome = memory.correct(
            id_,
            content,
            kind=kind,
            tags=options.chosen(tag),
            metadata=values,
            confidence=confidence,
        )
    _show_outcome(session, outcome)


def forget(session: Session, ids: options.Ids) -> None:
    """Hide memories from recall and listings until they are restored."""
    _change(session, ids, "forgotten", lambda memory, id_: memory.forget(id_))


def restore(session: Session, ids: options.Ids) -> None:
    """Bring forgotten, archived or merged memories back."""
    _change(session, ids, "restored", lambda memory, id_: memory.restore(id_))


def pin(
    session: Session,
    ids: options.Ids,
    off: Annotated[bool, typer.Option("--off", help="Let go instead.")] = False,
) -> None:
    """Hold memories up in recall."""
    done = "let go" if off else "pinned"
    _change(session, ids, done, lambda memory, id_: memory.pin(id_, not off))


def link(
    session: Session,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The record that links.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The record it links to.")],
    type_: Annotated[
        str,
        typer.Option("--type", metavar="TYPE", help="causes, fixes, supports, contradicts, ..."),
    ] = "related",
    remove: Annotated[bool, typer.Option("--remove", help="Remove such a link.")] = False,
) -> None:
    """Link a memory to another."""

    def change(memory: Memory, id_: str) -> MemoryRecord:
        return (memory.unlink if remove else memory.link)(id_, target, type_)

    _change(session, [source], "unlinked" if remove else "linked", change)


def erase(
    session: Session,
    ids: options.Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase memories for good, with their history and merged copies; prints the receipt."""
    output = session.output
    if not yes and (output.as_json or not sys.stdin.isatty()):
        raise InvalidInput("erasing cannot be undone, and there is nobody to ask: add --yes")
    with session.memory() as memory:
        if not yes:
            for id_ in ids:
                layout.show_row(output, memory.get(id_))
            if not typer.confirm("Erase for good, history included?", err=True):
                output.say("nothing was erased")
                raise typer.Exit(ExitCode.UNEXPECTED)
        receipt = memory.erase(ids)
    if output.as_json:
        output.document(
            {
                "receipt": receipt.id,
                "erased": list(receipt.erased),
                "links_removed": receipt.links_removed,
                "erased_at": receipt.erased_at.isoformat(),
                "store": receipt.backend,
                "checks": list(receipt.checks),
                "purged": receipt.purged,
            }
        )
        return
    for id_ in receipt.erased:
        output.line(("erased", "bold"), f"  {id_}")
    output.line(f"receipt   {receipt.id}, {receipt.erased_at.isoformat(timespec='seconds')}")
    output.line(f"store     {one_line(receipt.backend)}")
    output.line(f"links     {receipt.links_removed} to them removed")
    output.line(f"read back {'; '.join(receipt.checks)}: nothing found")
    if not receipt.purged:
        output.notice("freed space is not overwritten yet: memkit doctor --vacuum does it")


def _change(
    session: Session, ids: list[str], done: str, change: Callable[[Memory, str], MemoryRecord]
) -> None:
    # Wanted: all of them or, if one is not there, none.
    with session.memory(embeds=False) as memory:
        for id_ in ids:
            memory.get(id_)
        records = [change(memory, id_) for id_ in ids]
    if session.output.as_json:
        session.output.document({"records": [layout.record_json(record) for record in records]})
        return
    for record in records:
        session.output.line(
            (done, "bold green"), f"  {record.id}  ", one_line(record.content), clip=True
        )


def _show_outcome(session: Session, outcome: Remembered) -> None:
    if session.output.as_json:
        session.output.document(layout.remembered_json(outcome))
    else:
        layout.show_remembered(session.output, outcome)
