"""Who may do what on a store, and what was done: principals, tokens, grants, the audit."""

from memkit.server.control.control import Control, Verifier
from memkit.server.control.entries import AuditEntry, AuditPage
from memkit.server.control.identities import Grant, Identity, Principal
from memkit.server.control.locations import control_url_for
from memkit.server.control.permissions import Permission
from memkit.server.control.tokens import TokenInfo

__all__ = [
    "AuditEntry",
    "AuditPage",
    "Control",
    "Grant",
    "Identity",
    "Permission",
    "Principal",
    "TokenInfo",
    "Verifier",
    "control_url_for",
]
