"""How values are bound to statements: ready-made bytes pass through as they are."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg.adapt import AdaptersMap


class Raw(bytes):
    """A value in PostgreSQL's binary format, whose type the statement says."""

    __slots__ = ()


@cache
def adapters() -> AdaptersMap:
    """The driver's adapters, and ours for :class:`Raw`."""
    import psycopg
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    class RawDumper(Dumper):
        format = Format.BINARY
        oid = 0

        def dump(self, obj: bytes) -> bytes:
            return bytes(obj)

    made = psycopg.adapters.__class__(psycopg.adapters)
    made.register_dumper(Raw, RawDumper)
    return made
