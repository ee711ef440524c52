"""The tables of the control data, as SQLAlchemy sees them; migrations/ makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware time as microseconds since 1970: the same, and in order, in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To the database."""
        return None if value is None else (value - _EPOCH) // _TICK

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else _EPOCH + int(value) * _TICK


metadata = MetaData()

#: One row: how many changes there were. Each one counts up first, and so takes its turn.
state = Table(
    "state",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    # When the private channels changed last.
    Column("channels_revision", BigInteger, nullable=False),
)

principals = Table(
    "principals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("agents", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    # When anything about it changed last: tokens and grants as well.
    Column("revision", BigInteger, nullable=False, index=True),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("principal", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
)

grants = Table(
    "grants",
    metadata,
    Column("principal", Text, primary_key=True),
    Column("namespace", Text, primary_key=True),
    Column("permission", Text, nullable=False),
)

private_channels = Table(
    "private_channels",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
)

channel_grants = Table(
    "channel_grants",
    metadata,
    Column("principal", Text, primary_key=True),
    Column("namespace", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("permission", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("principal", Text),
    Column("principal_name", Text),
    Column("token_id", Text),
    Column("agent", Text),
    Column("operation", Text, nullable=False),
    Column("namespace", Text),
    Column("project", Text),
    Column("task", Text),
    # JSON; audit_records has each one again, to be found by.
    Column("records", Text, nullable=False),
    Column("more_records", BigInteger, nullable=False),
    Column("ip", Text),
    Column("user_agent", Text),
    Column("surface", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("request_id", Text),
    Column("duration_ms", Float),
    Column("changes", Boolean, nullable=False),
)

audit_records = Table(
    "audit_records",
    metadata,
    Column("record", Text, primary_key=True),
    Column("entry", Text, primary_key=True),
)
