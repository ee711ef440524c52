"""Principals, tokens, grants, private channels and the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    text, number = sa.Text, sa.BigInteger
    state = op.create_table(
        "state",
        sa.Column("id", number, primary_key=True, autoincrement=False),
        sa.Column("revision", number, nullable=False),
        sa.Column("channels_revision", number, nullable=False),
    )
    op.create_table(
        "principals",
        sa.Column("id", text, primary_key=True),
        sa.Column("name", text, nullable=False, unique=True),
        sa.Column("role", text, nullable=False),
        sa.Column("agents", text, nullable=False),
        sa.Column("created_at", number, nullable=False),
        sa.Column("disabled_at", number),
        sa.Column("revision", number, nullable=False),
    )
    op.create_index("principals_revision", "principals", ["revision"])
    op.create_table(
        "tokens",
        sa.Column("id", text, primary_key=True),
        sa.Column("principal", text, nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("created_at", number, nullable=False),
        sa.Column("expires_at", number),
        sa.Column("revoked_at", number),
        sa.Column("last_used_at", number),
    )
    op.create_index("tokens_principal", "tokens", ["principal"])
    op.create_table(
        "grants",
        sa.Column("principal", text, primary_key=True),
        sa.Column("namespace", text, primary_key=True),
        sa.Column("permission", text, nullable=False),
    )
    op.create_table(
        "private_channels",
        sa.Column("namespace", text, primary_key=True),
        sa.Column("channel", text, primary_key=True),
    )
    op.create_table(
        "channel_grants",
        sa.Column("principal", text, primary_key=True),
        sa.Column("namespace", text, primary_key=True),
        sa.Column("channel", text, primary_key=True),
        sa.Column("permission", text, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", text, primary_key=True),
        sa.Column("at", number, nullable=False),
        sa.Column("principal", text),
        sa.Column("principal_name", text),
        sa.Column("token_id", text),
        sa.Column("agent", text),
        sa.Column("operation", text, nullable=False),
        sa.Column("namespace", text),
        sa.Column("project", text),
        sa.Column("task", text),
        sa.Column("records", text, nullable=False),
        sa.Column("more_records", number, nullable=False),
        sa.Column("ip", text),
        sa.Column("user_agent", text),
        sa.Column("surface", text, nullable=False),
        sa.Column("outcome", text, nullable=False),
        sa.Column("request_id", text),
        sa.Column("duration_ms", sa.Float),
        sa.Column("changes", sa.Boolean, nullable=False),
    )
    op.create_index("audit_at", "audit", ["at"])
    op.create_index("audit_principal", "audit", ["principal", "id"])
    op.create_index("audit_namespace", "audit", ["namespace", "id"])
    op.create_table(
        "audit_records",
        sa.Column("record", text, primary_key=True),
        sa.Column("entry", text, primary_key=True),
    )
    op.create_index("audit_records_entry", "audit_records", ["entry"])
    op.bulk_insert(state, [{"id": 1, "revision": 1, "channels_revision": 1}])
