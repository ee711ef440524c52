"""What calls leave behind, as entries of the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memkit.server.callers import Known
from memkit.server.control import AuditEntry
from memkit.service.calling import Trail, changes

if TYPE_CHECKING:
    from memkit.server.control.audit import Audit


class Trails:
    """Keeps the trails of calls in the audit of a control store."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def leave(self, trail: Trail) -> None:
        """Keep a trail; on return that of a change or of a refusal is durable.

        Raises:
            StoreError: it cannot be kept.
        """
        identity = trail.caller.identity if isinstance(trail.caller, Known) else None
        scope, origin = trail.scope, trail.origin
        await self._audit.record(
            AuditEntry(
                operation=trail.operation.name,
                principal=None if identity is None else identity.principal.id,
                principal_name=trail.caller.author,
                token_id=None if identity is None else identity.token_id,
                agent=None if scope is None else scope.agent,
                namespace=None if scope is None else scope.namespace,
                project=None if scope is None else scope.project,
                task=None if scope is None else scope.task,
                records=trail.records,
                ip=origin.address,
                user_agent=origin.client,
                surface=origin.surface,
                outcome=trail.outcome,
                request_id=origin.request_id,
                duration_ms=trail.seconds * 1000,
                changes=changes(trail.operation),
            )
        )
