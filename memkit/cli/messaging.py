"""Commands of messages and events: send, inbox, ack, channels, watch."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from memkit.cli.handles import Command, Json, Reach, Tags, operated
from memkit.cli.output import short_time, show, show_json
from memkit.cli.sessions import Session
from memkit.cli.writing import (
    Ids,
    Key,
    Labels,
    Meta,
    Ttl,
    content_of,
    metadata_of,
    seconds,
    show_outcome,
)

if TYPE_CHECKING:
    from memkit.service.outputs import DeliveryJson
    from memkit.types import Event

Consumer = Annotated[str | None, typer.Option(help="Who reads; --agent if left out.")]


@operated(embeds=True)
def send(
    session: Session,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL")],
    content: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="The text; - reads stdin.")
    ] = None,
    to: Annotated[list[str] | None, typer.Option(help="Only for this agent; repeatable.")] = None,
    reply_to: Annotated[
        str | None, typer.Option(metavar="ID", help="The message that it answers.")
    ] = None,
    tags: Labels = None,
    metadata: Meta = None,
    kind: Annotated[str, typer.Option(help="What sort of memory it is.")] = "message",
    ttl: Ttl = None,
    idempotency_key: Key = None,
    as_json: Json = False,
) -> None:
    """Send a message to a channel."""
    told = session.call(
        "send",
        channel=channel,
        content=content_of(content, "send CHANNEL"),
        to=to or None,
        reply_to=reply_to,
        tags=tags or None,
        metadata=metadata_of(metadata) or None,
        kind=kind,
        ttl=seconds(ttl),
        idempotency_key=idempotency_key,
    )
    if as_json:
        show_json(told)
    else:
        show_outcome(told)


@operated()
def inbox(
    session: Session,
    channel: Annotated[
        str | None, typer.Argument(metavar="[CHANNEL]", help="All of them if left out.")
    ] = None,
    consumer: Consumer = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 20,
    lease: Annotated[
        str | None, typer.Option(help="Keep them from others who share the consumer: 30s, 5m.")
    ] = None,
    wait: Annotated[
        str | None, typer.Option(help="Wait so long for one to come, 60s at most.")
    ] = None,
    acknowledge: Annotated[
        bool, typer.Option("--ack", help="Acknowledge them once they are shown.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read unread messages; they come again until acknowledged."""
    told = session.call(
        "inbox",
        channel=channel,
        consumer=consumer,
        limit=limit,
        lease=seconds(lease),
        wait=seconds(wait),
    )
    found = told["messages"]
    if as_json:
        show_json(told)
    for each in () if as_json else found:
        _show_delivery(each)
    if not found and not as_json:
        show("no unread messages")
    if acknowledge and found:
        # What was not written out has not been read.
        sys.stdout.flush()
        ids = list(dict.fromkeys(each["message"]["id"] for each in found))
        session.call("ack", ids=ids, channel=channel, consumer=consumer)


def _show_delivery(each: DeliveryJson) -> None:
    message = each["message"]
    sender = message.get("agent", message.get("author", "somebody"))
    show(f"{each['channel']}  {sender}: {message['content']}")
    again = f"  delivery {each['deliveries']}" if each["deliveries"] > 1 else ""
    leased = each["leased_until"]
    until = "" if leased is None else f"  yours until {leased[11:19]}"
    show(f"  {message['id']}  {short_time(message['created_at'])}{again}{until}", style="dim")


@operated()
def ack(
    session: Session,
    ids: Ids,
    channel: Annotated[str | None, typer.Option(help="The channel they came by.")] = None,
    consumer: Consumer = None,
    as_json: Json = False,
) -> None:
    """Acknowledge messages: they do not come again."""
    told = session.call("ack", ids=ids, channel=channel, consumer=consumer)
    if as_json:
        show_json(told)
    else:
        show(f"acknowledged {told['count']}")


@operated()
def channels(session: Session, consumer: Consumer = None, as_json: Json = False) -> None:
    """List channels, with how many messages are unread."""
    told = session.call("channels", consumer=consumer)
    if as_json:
        show_json(told)
        return
    for each in told["channels"]:
        unread = "" if each["unread"] is None else f"  {each['unread']} unread"
        show(f"{each['messages']:>7}  {each['name']}{unread}")
    if not told["channels"]:
        show("no channels")


@operated()
def watch(
    session: Session,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--event", help="created, updated, forgotten, message ...; repeatable."),
    ] = None,
    reach: Reach = "ancestors",
    tags: Tags = None,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on after this event.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Print what happens to records, as it happens, until interrupted."""
    from memkit.service.outputs import event_json

    told = 0

    def tell(event: Event) -> bool:
        nonlocal told
        if as_json:
            show_json(event_json(event))
        else:
            _show_event(event)
        # Each one at once, also into a pipe.
        sys.stdout.flush()
        told += 1
        return told != limit

    given = {"kinds": kinds or None, "reach": reach, "tags": tags or None, "after": after}
    session.watch(tell, **given)


def _show_event(event: Event) -> None:
    record = event.record
    text = "" if record is None else f"  {record.content}"
    show(f"{event.at:%Y-%m-%d %H:%M:%S}  {event.type:<10}  {event.id}{text}")
    if record is None and not event.id:
        show("  events were missed: read everything anew", style="yellow")
    show(f"  --after {event.cursor}", style="dim")


COMMANDS: dict[str, Command] = {
    "send": send,
    "inbox": inbox,
    "ack": ack,
    "channels": channels,
    "watch": watch,
}
