"""The handlers of messages."""

from __future__ import annotations

from memkit.errors import Forbidden
from memkit.service import inputs, outputs
from memkit.service.calling import Call
from memkit.service.operation import Permission
from memkit.validation import MESSAGE_TAG


def _consumer(call: Call, asked: str | None) -> str | None:
    """Whose messages are meant: nobody empties the inbox of an agent it may not speak as.

    Raises:
        Forbidden: the credential does not allow that name.
    """
    if asked is None or asked == call.memory.scope.agent or call.permission >= Permission.ADMIN:
        return asked
    try:
        return call.caller.agent(asked)
    except Forbidden:
        raise Forbidden(
            "this consumer is none that you may speak as: workers that share a consumer need its "
            "name among the agents of their principals"
        ) from None


async def send(call: Call, given: inputs.Send) -> outputs.RememberedJson:
    """Send a message."""
    call.require_sendable([MESSAGE_TAG + given.channel, *given.tags])
    outcome = await call.memory.send(
        given.channel,
        given.content,
        to=given.to,
        reply_to=given.reply_to,
        tags=given.tags,
        metadata=given.metadata,
        kind=given.kind,
        ttl=given.ttl,
        idempotency_key=given.idempotency_key,
    )
    call.touched.append(outcome.id)
    return outputs.remembered_json(outcome)


async def inbox(call: Call, given: inputs.Inbox) -> outputs.InboxJson:
    """Unread messages."""
    found = await call.memory.inbox(
        given.channel,
        consumer=_consumer(call, given.consumer),
        limit=given.limit,
        lease=given.lease,
        wait=given.wait,
    )
    call.touched += [each.record.id for each in found]
    return {
        "messages": [
            {
                "channel": each.channel,
                "deliveries": each.deliveries,
                "leased_until": None
                if each.leased_until is None
                else each.leased_until.isoformat(),
                "message": outputs.record_json(each.record),
            }
            for each in found
        ]
    }


async def ack(call: Call, given: inputs.Ack) -> outputs.CountJson:
    """Say that messages were dealt with."""
    call.touched += given.ids
    done = await call.memory.ack(
        given.ids, channel=given.channel, consumer=_consumer(call, given.consumer)
    )
    return {"count": done}


async def channels(call: Call, given: inputs.Channels) -> outputs.ChannelsJson:
    """The channels."""
    found = await call.memory.channels(consumer=_consumer(call, given.consumer))
    return {
        "channels": [
            {
                "name": each.name,
                "messages": each.messages,
                "newest": None if each.newest is None else each.newest.isoformat(),
                "unread": each.unread,
            }
            for each in found
        ]
    }
