"""Stores for the tests of the PostgreSQL backend: real ones, on the session's server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from memkit.protocols import Fingerprint, StoreSpec
from memkit_pgvector import PgvectorBackend
from tests.engines import postgres

DIMENSION = 24
#: Ends every connection of ours to the database.
KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'memkit'"
)
#: Takes away what version 4 of the schema added.
WITHOUT_FACTS = (
    "ALTER TABLE memkit.records DROP COLUMN subject, DROP COLUMN predicate, DROP COLUMN object, "
    "DROP COLUMN valid_from, DROP COLUMN valid_to, DROP COLUMN retracted_at"
)
SPEC = StoreSpec(Fingerprint("m", DIMENSION), "words-1")


def backend_at(place: Path, **settings: Any) -> PgvectorBackend:
    """A backend on the place's database, with these settings in place of the defaults."""
    made = postgres.backend_at(place)
    return PgvectorBackend(replace(made.settings, **settings))


@asynccontextmanager
async def opened(
    place: Path, spec: StoreSpec = SPEC, **settings: Any
) -> AsyncIterator[PgvectorBackend]:
    """An open backend, closed at the end."""
    backend = backend_at(place, **settings)
    await backend.open(spec)
    try:
        yield backend
    finally:
        await backend.close()


def run_sql(place: Path, statement: str) -> list[Any]:
    """The rows of a statement on the place's database, as its owner sees it."""
    with psycopg.connect(postgres.database_at(place), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []
