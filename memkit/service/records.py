"""The handlers of what is done to records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from memkit.drafts import Draft
from memkit.errors import Forbidden
from memkit.lifecycle.revisions import UNSET
from memkit.service import inputs, outputs
from memkit.service.calling import Call
from memkit.service.filters import filter_of
from memkit.service.operation import Permission
from memkit.types import MemoryRecord, Remembered


def _draft(given: inputs.Told, fields: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(given, name) for name in fields}


def _selected(given: inputs.Selection) -> dict[str, Any]:
    return {
        "reach": given.reach,
        "kinds": given.kinds,
        "tags": given.tags,
        "filter": None if given.filter is None else filter_of(given.filter),
        "states": given.states,
    }


async def remember(call: Call, given: inputs.Remember) -> outputs.RememberedJson:
    """Store a memory."""
    call.require_sendable(given.tags)
    told = _draft(given, inputs.ToldOnce.model_fields)
    outcome = await call.memory.remember(**told, deduplicate=given.deduplicate)
    call.touched.append(outcome.id)
    return outputs.remembered_json(outcome)


async def remember_many(call: Call, given: inputs.RememberMany) -> outputs.RememberedManyJson:
    """Store several."""
    call.require_sendable(tag for item in given.items for tag in item.tags)
    drafts = [Draft(**_draft(item, inputs.ToldOnce.model_fields)) for item in given.items]
    outcomes = await call.memory.remember_many(drafts, deduplicate=given.deduplicate)
    call.touched += [outcome.id for outcome in outcomes]
    return {"results": [outputs.remembered_json(outcome) for outcome in outcomes]}


async def put(call: Call, given: inputs.Put) -> outputs.RememberedJson:
    """Store a memory under a key."""
    (outcome,) = await _put(call, [given])
    return outputs.remembered_json(outcome)


async def put_many(call: Call, given: inputs.PutMany) -> outputs.RememberedManyJson:
    """Store several under their keys."""
    outcomes = await _put(call, given.puts)
    return {"results": [outputs.remembered_json(outcome) for outcome in outcomes]}


async def _put(call: Call, given: Sequence[inputs.Put]) -> list[Remembered]:
    call.require_sendable(tag for item in given for tag in item.tags)
    drafts = [Draft(**_draft(item, inputs.Put.model_fields)) for item in given]
    outcomes = await call.memory.put_many(drafts)
    call.touched += [outcome.id for outcome in outcomes]
    return outcomes


async def recall(call: Call, given: inputs.Recall) -> outputs.RecallJson:
    """Find the memories that answer best."""
    result = await call.memory.recall(
        given.query,
        limit=given.limit,
        **_selected(given),
        mode=given.mode,
        as_of=given.as_of,
        at=given.at,
        profile=given.profile,
        context=given.context,
        diverse=given.diverse,
        min_relevance=given.min_relevance,
        constraints=given.constraints,
        vector=given.vector,
    )
    call.touched += [hit.record.id for hit in result]
    call.touched += [record.id for record in result.constraints]
    return outputs.recall_json(result)


async def get(call: Call, given: inputs.ById) -> outputs.RecordJson:
    """One record."""
    record = await call.memory.get(given.id)
    call.touched.append(record.id)
    return outputs.record_json(record)


async def get_many(call: Call, given: inputs.ByIds) -> outputs.RecordsJson:
    """Several records; those that are not there are left out."""
    found = await call.memory.get_many(given.ids)
    call.touched += list(found)
    return outputs.records_json(list(found.values()))


async def list_records(call: Call, given: inputs.ListRecords) -> outputs.PageJson:
    """A page of records."""
    page = await call.memory.list(
        **_selected(given),
        order_by=given.order_by,
        descending=given.descending,
        cursor=given.cursor,
        limit=given.limit,
    )
    call.touched += [record.id for record in page]
    return outputs.page_json(page)


async def count(call: Call, given: inputs.Selection) -> outputs.CountJson:
    """How many records."""
    return {"count": await call.memory.count(**_selected(given))}


async def tags(call: Call, given: inputs.Reaching) -> outputs.CountsJson:
    """The tags."""
    return {"counts": await call.memory.tags(reach=given.reach)}


async def agents(call: Call, given: inputs.Reaching) -> outputs.CountsJson:
    """The agents."""
    return {"counts": await call.memory.agents(reach=given.reach)}


async def _owned(call: Call, id_: str) -> MemoryRecord:
    """The record, if the caller may change what it says in its author's name.

    Raises:
        Forbidden: another agent wrote it, and the caller is no admin of the namespace.
    """
    record = await call.memory.get(id_)
    scope = call.memory.scope
    own = record.agent == scope.agent and record.author in (None, scope.author)
    if not own and call.permission < Permission.ADMIN:
        raise Forbidden(
            "another agent wrote this record: correct it, which stores the correction under "
            "your own name"
        )
    return record


_KEEPS_TEXT = frozenset({"content", "kind", "private", "confidence", "tags"})


async def update(call: Call, given: inputs.Update) -> outputs.RecordJson:
    """Change a record in place."""
    await _owned(call, given.id)
    call.require_sendable(given.tags or ())
    changed = given.model_fields_set - {"id", "expect_version"}
    # Null is "leave it" for what a record always has, as the schema cannot tell them apart.
    changes = {
        name: UNSET if value is None and name in _KEEPS_TEXT else value
        for name in changed
        for value in (getattr(given, name),)
    }
    record = await call.memory.update(given.id, expect_version=given.expect_version, **changes)
    call.touched.append(record.id)
    return outputs.record_json(record)


async def correct(call: Call, given: inputs.Correct) -> outputs.RememberedJson:
    """Replace what a record says, keeping the old as history."""
    call.require_sendable(given.tags or ())
    outcome = await call.memory.correct(
        given.id,
        given.content,
        kind=given.kind,
        tags=given.tags,
        metadata=given.metadata,
        confidence=given.confidence,
    )
    call.touched += [given.id, outcome.id]
    return outputs.remembered_json(outcome)


async def forget(call: Call, given: inputs.ByIds) -> outputs.RecordsJson:
    """Hide records; none of them if one is not there."""
    await _all_there(call, given.ids)
    return outputs.records_json([await call.memory.forget(id_) for id_ in given.ids])


async def restore(call: Call, given: inputs.ByIds) -> outputs.RecordsJson:
    """Bring records back; none of them if one is not there."""
    await _all_there(call, given.ids)
    return outputs.records_json([await call.memory.restore(id_) for id_ in given.ids])


async def _all_there(call: Call, ids: list[str]) -> None:
    for id_ in ids:
        await call.memory.get(id_)
    call.touched += ids


async def erase(call: Call, given: inputs.ByIds) -> outputs.ReceiptJson:
    """Erase records for good."""
    call.touched += given.ids
    return outputs.receipt_json(await call.memory.erase(given.ids))


async def pin(call: Call, given: inputs.Pin) -> outputs.RecordJson:
    """Hold a record up, or let it go."""
    record = await call.memory.pin(given.id, given.pinned)
    call.touched.append(record.id)
    return outputs.record_json(record)


async def feedback(call: Call, given: inputs.Feedback) -> outputs.DoneJson:
    """Say whether a record was of use."""
    await call.memory.feedback(given.id, useful=given.useful)
    call.touched.append(given.id)
    return {"done": True}


async def link(call: Call, given: inputs.LinkRecords) -> outputs.RecordJson:
    """Link a record to another."""
    record = await call.memory.link(given.id, given.target, given.type)
    call.touched += [given.id, given.target]
    return outputs.record_json(record)


async def unlink(call: Call, given: inputs.UnlinkRecords) -> outputs.RecordJson:
    """Remove links."""
    record = await call.memory.unlink(given.id, given.target, given.type)
    call.touched += [given.id, given.target]
    return outputs.record_json(record)


async def related(call: Call, given: inputs.RelatedRecords) -> outputs.RelatedJson:
    """Follow links."""
    found = await call.memory.related(
        given.id,
        types=given.types,
        depth=given.depth,
        direction=given.direction,
        limit=given.limit,
    )
    call.touched += [given.id, *(each.record.id for each in found)]
    return outputs.related_json(found)


async def status(call: Call, given: inputs.Nothing) -> outputs.StatusJson:
    """The state of things."""
    return outputs.status_json(await call.memory.status())


async def check(call: Call, given: inputs.Nothing) -> outputs.ProblemsJson:
    """What is wrong with the store."""
    return outputs.problems_json(await call.memory.check())


async def compact(call: Call, given: inputs.Nothing) -> outputs.DoneJson:
    """Give unused space back."""
    await call.memory.compact()
    return {"done": True}
