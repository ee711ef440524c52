"""The handlers of the server's own data: principals, tokens, grants, the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memkit.errors import ConfigurationError
from memkit.service import inputs, outputs
from memkit.service.calling import Call

if TYPE_CHECKING:
    from memkit.server.control import AuditEntry, Control, Grant, Principal, TokenInfo


def _control(call: Call) -> Control:
    if call.control is None:
        raise ConfigurationError(
            "this memory is embedded and has no principals: they belong to a server's store"
        )
    return call.control


def principal_json(principal: Principal) -> outputs.PrincipalJson:
    """A principal as JSON."""
    ended = principal.disabled_at
    return {
        "id": principal.id,
        "name": principal.name,
        "role": principal.role,
        "agents": list(principal.agents),
        "disabled_at": None if ended is None else ended.isoformat(),
    }


def token_json(token: TokenInfo) -> outputs.TokenJson:
    """A token as JSON, without its secret."""
    times = (token.expires_at, token.last_used_at, token.revoked_at)
    expires, used, revoked = (None if time is None else time.isoformat() for time in times)
    return {
        "id": token.id,
        "principal": token.principal,
        "name": token.name,
        "created_at": token.created_at.isoformat(),
        "expires_at": expires,
        "last_used_at": used,
        "revoked_at": revoked,
    }


def grant_json(grant: Grant) -> outputs.GrantJson:
    """A grant as JSON."""
    return {
        "principal": grant.principal,
        "namespace": grant.namespace,
        "permission": None if grant.permission is None else grant.permission.value,
        "channels": {name: held.value for name, held in grant.channels.items()},
    }


def entry_json(entry: AuditEntry) -> outputs.AuditEntryJson:
    """An entry of the audit as JSON."""
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "operation": entry.operation,
        "outcome": entry.outcome,
        "principal": entry.principal_name,
        "token_id": entry.token_id,
        "agent": entry.agent,
        "namespace": entry.namespace,
        "project": entry.project,
        "task": entry.task,
        "records": list(entry.records),
        "more_records": entry.more_records,
        "surface": entry.surface,
        "address": entry.ip,
        "client": entry.user_agent,
        "request_id": entry.request_id,
        "duration_ms": entry.duration_ms,
    }


async def create_principal(call: Call, given: inputs.NewPrincipal) -> outputs.PrincipalJson:
    """Make a principal."""
    made = await _control(call).create_principal(given.name, given.role, given.agents)
    call.touched.append(made.id)
    return principal_json(made)


async def principals(call: Call, given: inputs.Nothing) -> outputs.PrincipalsJson:
    """All principals."""
    found = await _control(call).principals()
    return {"principals": [principal_json(each) for each in found]}


async def update_principal(call: Call, given: inputs.ChangedPrincipal) -> outputs.PrincipalJson:
    """Change a principal."""
    control = _control(call)
    changed = await control.update_principal(given.principal, role=given.role, agents=given.agents)
    if given.disabled is not None:
        act = control.disable_principal if given.disabled else control.enable_principal
        changed = await act(given.principal)
    call.touched.append(changed.id)
    return principal_json(changed)


async def create_token(call: Call, given: inputs.NewToken) -> outputs.NewTokenJson:
    """Make a token."""
    secret, made = await _control(call).issue_token(given.principal, given.name, given.expires_at)
    call.touched += [made.principal, made.id]
    return {**token_json(made), "secret": secret}


async def tokens(call: Call, given: inputs.TokensOf) -> outputs.TokensJson:
    """All tokens, of one principal or of all."""
    found = await _control(call).tokens(given.principal)
    return {"tokens": [token_json(each) for each in found]}


async def revoke_token(call: Call, given: inputs.TokenId) -> outputs.TokenJson:
    """End a token."""
    ended = await _control(call).revoke_token(given.token)
    call.touched += [ended.principal, ended.id]
    return token_json(ended)


async def grant(call: Call, given: inputs.NewGrant) -> outputs.GrantsJson:
    """Allow something; the principal's grants afterwards."""
    control = _control(call)
    if given.channel is None:
        await control.grant(given.principal, given.namespace, given.permission)
    else:
        await control.grant_channel(
            given.principal, given.namespace, given.channel, given.permission
        )
    call.touched.append((await control.principal(given.principal)).id)
    return await _granted(control, given.principal)


async def revoke_grant(call: Call, given: inputs.GrantOf) -> outputs.GrantsJson:
    """Take a grant back; those that are left."""
    control = _control(call)
    if given.channel is None:
        await control.revoke_grant(given.principal, given.namespace)
    else:
        await control.revoke_channel(given.principal, given.namespace, given.channel)
    call.touched.append((await control.principal(given.principal)).id)
    return await _granted(control, given.principal)


async def grants(call: Call, given: inputs.GrantsOf) -> outputs.GrantsJson:
    """All grants, of one principal or of all."""
    return await _granted(_control(call), given.principal)


async def _granted(control: Control, principal: str | None) -> outputs.GrantsJson:
    private = await control.private_channels()
    return {
        "grants": [grant_json(each) for each in await control.grants(principal)],
        "private_channels": [
            {"namespace": namespace, "channel": channel} for namespace, channel in private
        ],
    }


async def set_privacy(call: Call, given: inputs.ChannelPrivacy) -> outputs.DoneJson:
    """Make a channel private, or open it."""
    control = _control(call)
    act = control.make_private if given.private else control.make_public
    await act(given.namespace, given.channel)
    return {"done": True}


async def audit(call: Call, given: inputs.AuditQuery) -> outputs.AuditJson:
    """A page of the audit."""
    page = await _control(call).audit.query(
        principal=given.principal,
        operation=given.operation,
        namespace=given.namespace,
        outcome=given.outcome,
        record=given.record,
        since=given.since,
        until=given.until,
        cursor=given.cursor,
        limit=given.limit,
    )
    return {"entries": [entry_json(each) for each in page.entries], "cursor": page.cursor}
