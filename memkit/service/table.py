"""The table: every operation, once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from memkit.errors import InvalidInput
from memkit.service import facts, identity, inputs, messages, outputs, records
from memkit.service.operation import (
    EVERYWHERE,
    PEOPLE,
    Effect,
    Input,
    Operation,
    Permission,
    Route,
    Surface,
)

_READ, _WRITE = Permission.READ, Permission.WRITE
_ADMIN, _SERVER = Permission.ADMIN, Permission.SERVER
_READS, _ADDS, _CHANGES, _DESTROYS = Effect.READS, Effect.ADDS, Effect.CHANGES, Effect.DESTROYS


def _row(
    name: str,
    summary: str,
    handler: Any,
    input_: type[Input],
    output: Any,
    permission: Permission,
    effect: Effect,
    route: tuple[str, str] | tuple[str, str, int],
    tool: str | None,
    command: str,
    *,
    repeatable: bool | None = None,
) -> Operation:
    return Operation(
        name,
        summary,
        input_,
        output,
        permission,
        effect,
        # Reading twice is reading once; of the others the row says it.
        effect is _READS if repeatable is None else repeatable,
        Route(*route),
        tool,
        command,
        handler,
        PEOPLE if tool is None else EVERYWHERE,
    )


_I, _O = inputs, outputs
_ROWS = (
    _row(
        "remember", "Store a memory; copies are recognised.",
        records.remember, _I.Remember, _O.RememberedJson, _WRITE, _ADDS,
        ("POST", "/api/memories", 201), "remember", "remember",
    ),
    _row(
        "remember_many", "Store several, in order.",
        records.remember_many, _I.RememberMany, _O.RememberedManyJson, _WRITE, _ADDS,
        ("POST", "/api/memories/batch", 201), "remember", "remember --file",
    ),
    _row(
        "put", "Store a memory under a key of yours, in the place of what the key holds.",
        records.put, _I.Put, _O.RememberedJson, _WRITE, _CHANGES,
        ("PUT", "/api/memories"), None, "put", repeatable=True,
    ),
    _row(
        "put_many", "Store several memories under keys of yours.",
        records.put_many, _I.PutMany, _O.RememberedManyJson, _WRITE, _CHANGES,
        ("PUT", "/api/memories/batch"), None, "put --file", repeatable=True,
    ),
    _row(
        "recall", "Find the memories that answer a question best, with why.",
        records.recall, _I.Recall, _O.RecallJson, _READ, _READS,
        ("POST", "/api/memories/search"), "recall", "recall",
    ),
    _row(
        "get", "Read one record, whatever its state.",
        records.get, _I.ById, _O.RecordJson, _READ, _READS,
        ("GET", "/api/memories/{id}"), "get", "get",
    ),
    _row(
        "get_many", "Read several records; those that are not there are left out.",
        records.get_many, _I.ByIds, _O.RecordsJson, _READ, _READS,
        ("POST", "/api/memories/read"), None, "get",
    ),
    _row(
        "list", "Page through records, newest first.",
        records.list_records, _I.ListRecords, _O.PageJson, _READ, _READS,
        ("GET", "/api/memories"), "list", "list",
    ),
    _row(
        "count", "Count records.",
        records.count, _I.Selection, _O.CountJson, _READ, _READS,
        ("GET", "/api/count"), "list", "count",
    ),
    _row(
        "tags", "List tags, with counts of records.",
        records.tags, _I.Reaching, _O.CountsJson, _READ, _READS,
        ("GET", "/api/tags"), "list", "tags",
    ),
    _row(
        "agents", "List the agents that wrote, with counts.",
        records.agents, _I.Reaching, _O.CountsJson, _READ, _READS,
        ("GET", "/api/agents"), "list", "agents",
    ),
    _row(
        "status", "Tell the state of the store.",
        records.status, _I.Nothing, _O.StatusJson, _READ, _READS,
        ("GET", "/api/status"), "list", "status",
    ),
    _row(
        "update", "Change a record; what is not given stays.",
        records.update, _I.Update, _O.RecordJson, _WRITE, _CHANGES,
        ("PATCH", "/api/memories/{id}"), "update", "update", repeatable=True,
    ),
    _row(
        "correct", "Replace what a record says; the old one is kept.",
        records.correct, _I.Correct, _O.RememberedJson, _WRITE, _CHANGES,
        ("POST", "/api/memories/{id}/correct", 201), "update", "correct", repeatable=False,
    ),
    _row(
        "pin", "Hold a record up in recall, or let it go.",
        records.pin, _I.Pin, _O.RecordJson, _WRITE, _CHANGES,
        ("POST", "/api/memories/{id}/pin"), "update", "pin", repeatable=True,
    ),
    _row(
        "feedback", "Say whether a recalled record was of use.",
        records.feedback, _I.Feedback, _O.DoneJson, _WRITE, _CHANGES,
        ("POST", "/api/memories/{id}/feedback"), "update", "feedback", repeatable=False,
    ),
    _row(
        "forget", "Hide records until they are restored.",
        records.forget, _I.ByIds, _O.RecordsJson, _WRITE, _CHANGES,
        ("POST", "/api/memories/forget"), "forget", "forget", repeatable=True,
    ),
    _row(
        "restore", "Bring hidden records back.",
        records.restore, _I.ByIds, _O.RecordsJson, _WRITE, _CHANGES,
        ("POST", "/api/memories/restore"), "forget", "restore", repeatable=True,
    ),
    _row(
        "erase", "Erase records for good, with every trace.",
        records.erase, _I.ByIds, _O.ReceiptJson, _ADMIN, _DESTROYS,
        ("POST", "/api/memories/erase"), "forget", "erase", repeatable=False,
    ),
    _row(
        "assert_fact", "Store what is true of a subject, since when.",
        facts.assert_fact, facts.AssertFact, facts.AssertedJson, _WRITE, _ADDS,
        ("POST", "/api/facts", 201), "remember", "fact assert", repeatable=False,
    ),
    _row(
        "correct_fact", "Put a wrong fact right.",
        facts.correct_fact, facts.CorrectFact, facts.AssertedJson, _WRITE, _CHANGES,
        ("POST", "/api/facts/{id}/correct", 201), "update", "fact correct", repeatable=False,
    ),
    _row(
        "retract_fact", "Withdraw a fact that was never right.",
        facts.retract_fact, _I.ById, facts.AssertedJson, _WRITE, _CHANGES,
        ("POST", "/api/facts/{id}/retract"), None, "fact retract", repeatable=False,
    ),
    _row(
        "undo", "Take back a fact or its correction.",
        facts.undo, _I.ById, facts.AssertedJson, _WRITE, _CHANGES,
        ("POST", "/api/facts/{id}/undo"), "update", "fact undo", repeatable=False,
    ),
    _row(
        "facts", "Tell what is or was true, or believed.",
        facts.facts, facts.Facts, facts.FactsJson, _READ, _READS,
        ("GET", "/api/facts"), "list", "fact list",
    ),
    _row(
        "timeline", "Tell what happened, in order of time.",
        facts.timeline, facts.Timeline, facts.TimelineJson, _READ, _READS,
        ("GET", "/api/timeline"), None, "timeline",
    ),
    _row(
        "declare_predicate", "Say whether a predicate has one value, or says the same both ways.",
        facts.declare_predicate, facts.DeclarePredicate, facts.PredicateJson, _ADMIN, _CHANGES,
        ("PUT", "/api/predicates"), None, "fact declare", repeatable=True,
    ),
    _row(
        "predicates", "List what goes for predicates.",
        facts.predicates, _I.Nothing, facts.PredicatesJson, _READ, _READS,
        ("GET", "/api/predicates"), None, "fact predicates",
    ),
    _row(
        "link", "Link a record to another.",
        records.link, _I.LinkRecords, _O.RecordJson, _WRITE, _ADDS,
        ("POST", "/api/memories/{id}/links"), "link", "link", repeatable=True,
    ),
    _row(
        "unlink", "Remove links from one record to another.",
        records.unlink, _I.UnlinkRecords, _O.RecordJson, _WRITE, _CHANGES,
        ("DELETE", "/api/memories/{id}/links"), "link", "unlink", repeatable=True,
    ),
    _row(
        "related", "Follow links from a record.",
        records.related, _I.RelatedRecords, _O.RelatedJson, _READ, _READS,
        ("GET", "/api/memories/{id}/related"), "link", "related",
    ),
    _row(
        "send", "Send a message to a channel.",
        messages.send, _I.Send, _O.RememberedJson, _WRITE, _ADDS,
        ("POST", "/api/messages", 201), "message", "send", repeatable=False,
    ),
    _row(
        "inbox", "Read unread messages; they come again until acknowledged.",
        messages.inbox, _I.Inbox, _O.InboxJson, _READ, _CHANGES,
        ("POST", "/api/messages/inbox"), "message", "inbox", repeatable=False,
    ),
    _row(
        "ack", "Acknowledge messages.",
        messages.ack, _I.Ack, _O.CountJson, _READ, _CHANGES,
        ("POST", "/api/messages/ack"), "message", "ack", repeatable=True,
    ),
    _row(
        "channels", "List channels, with counts of unread messages.",
        messages.channels, _I.Channels, _O.ChannelsJson, _READ, _READS,
        ("GET", "/api/channels"), "message", "channels",
    ),
    _row(
        "check", "Look for damage in the store.",
        records.check, _I.Nothing, _O.ProblemsJson, _SERVER, _READS,
        ("GET", "/api/check"), None, "doctor",
    ),
    _row(
        "compact", "Give the store's unused space back.",
        records.compact, _I.Nothing, _O.DoneJson, _SERVER, _CHANGES,
        ("POST", "/api/compact"), None, "doctor --vacuum", repeatable=True,
    ),
    _row(
        "create_principal", "Make a principal.",
        identity.create_principal, _I.NewPrincipal, _O.PrincipalJson, _SERVER, _ADDS,
        ("POST", "/api/principals", 201), None, "principal add", repeatable=False,
    ),
    _row(
        "principals", "List principals.",
        identity.principals, _I.Nothing, _O.PrincipalsJson, _SERVER, _READS,
        ("GET", "/api/principals"), None, "principal list",
    ),
    _row(
        "update_principal", "Change, disable or enable a principal.",
        identity.update_principal, _I.ChangedPrincipal, _O.PrincipalJson, _SERVER, _CHANGES,
        ("PATCH", "/api/principals/{principal}"), None, "principal update", repeatable=True,
    ),
    _row(
        "create_token", "Make a token; its secret is shown once.",
        identity.create_token, _I.NewToken, _O.NewTokenJson, _SERVER, _ADDS,
        ("POST", "/api/tokens", 201), None, "token create", repeatable=False,
    ),
    _row(
        "tokens", "List tokens, without their secrets.",
        identity.tokens, _I.TokensOf, _O.TokensJson, _SERVER, _READS,
        ("GET", "/api/tokens"), None, "token list",
    ),
    _row(
        "revoke_token", "End a token, at once.",
        identity.revoke_token, _I.TokenId, _O.TokenJson, _SERVER, _CHANGES,
        ("DELETE", "/api/tokens/{token}"), None, "token revoke", repeatable=True,
    ),
    _row(
        "grant", "Allow a principal something in a namespace or a private channel.",
        identity.grant, _I.NewGrant, _O.GrantsJson, _SERVER, _CHANGES,
        ("PUT", "/api/grants"), None, "grant add", repeatable=True,
    ),
    _row(
        "revoke_grant", "Take a grant back.",
        identity.revoke_grant, _I.GrantOf, _O.GrantsJson, _SERVER, _CHANGES,
        ("DELETE", "/api/grants"), None, "grant remove", repeatable=True,
    ),
    _row(
        "grants", "List grants.",
        identity.grants, _I.GrantsOf, _O.GrantsJson, _SERVER, _READS,
        ("GET", "/api/grants"), None, "grant list",
    ),
    _row(
        "set_privacy", "Make a channel private, or open it.",
        identity.set_privacy, _I.ChannelPrivacy, _O.DoneJson, _SERVER, _CHANGES,
        ("PUT", "/api/channels/privacy"), None, "grant channel", repeatable=True,
    ),
    _row(
        "audit", "Read the audit, newest first.",
        identity.audit, _I.AuditQuery, _O.AuditJson, _SERVER, _READS,
        ("GET", "/api/audit"), None, "audit",
    ),
)  # fmt: skip

#: Every operation, by name.
OPERATIONS: Mapping[str, Operation] = MappingProxyType({row.name: row for row in _ROWS})


def operation(name: str) -> Operation:
    """The operation of this name.

    Raises:
        InvalidInput: there is none.
    """
    found = OPERATIONS.get(name)
    if found is None:
        raise InvalidInput(f"there is no operation {name!r}: there are {', '.join(OPERATIONS)}")
    return found


def of_surface(surface: Surface) -> tuple[Operation, ...]:
    """The operations of a projection, in the order of the table."""
    return tuple(row for row in OPERATIONS.values() if surface in row.surfaces)
