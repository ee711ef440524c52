"""What a store says of itself, and how a store is made, checked and claimed."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from memkit.backing.compatibility import check_compatible, check_schema
from memkit.errors import ConfigurationError, SchemaMismatch, StoreCorrupt, StoreUnavailable
from memkit.protocols import Fingerprint, StoreSpec
from memkit_pgvector.schema import POSITION_BITS, SCHEMA_VERSION, Names, migrations
from memkit_pgvector.settings import Settings

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

# Everyone who makes a store or an extension in a database waits here.
_MAKING = int.from_bytes(blake2b(b"memkit: making", digest_size=8).digest(), "big", signed=True)
_PGVECTOR = (0, 7)

_COLUMNS = (
    "schema_version, partitions, vector_type, text_search, analyzer, model, dimension, "
    "normalized, words, vectors, made, feed_offset, target_analyzer, target_model, "
    "target_dimension, target_normalized, target_table"
)
SELECT_STATE = f"SELECT {_COLUMNS} FROM @.store"


@dataclass(frozen=True, slots=True)
class StoreState:
    """The row of ``store``.

    Attributes:
        words, vectors: the numbers of the tables in use; ``vectors`` is ``None`` while there
            are none.
        made: the greatest number that a table has had.
        feed_offset: what is added to positions, so that they grow even where the store was
            restored into a server that counts its transactions from a lesser number.
        target: what a re-embedding is going to, and the number of its tables.
    """

    schema_version: int
    partitions: int
    vector_type: str
    text_search: str
    analyzer: str | None
    fingerprint: Fingerprint | None
    words: int
    vectors: int | None
    made: int
    feed_offset: int
    target: tuple[Fingerprint, str, int] | None

    @property
    def dimension(self) -> int | None:
        """That of the vectors' table, ``None`` where there is none."""
        return None if self.fingerprint is None else self.fingerprint.dimension


def state_from(row: Any) -> StoreState:
    """The state that a row of :data:`SELECT_STATE` holds.

    Raises:
        StoreCorrupt: there is no row.
    """
    if row is None:
        raise StoreCorrupt("the store has lost the row that says what it is: restore a backup")
    (
        version, partitions, vector_type, text_search, analyzer, model, dimension, normalized,
        words, vectors, made, offset, target_analyzer, *target, target_table,
    ) = row  # fmt: skip
    return StoreState(
        version,
        partitions,
        vector_type,
        text_search,
        analyzer,
        None if model is None else Fingerprint(model, dimension, normalized),
        words,
        vectors,
        made,
        offset,
        None if target_table is None else (Fingerprint(*target), target_analyzer, target_table),
    )


async def read_state(connection: Connection, names: Names) -> StoreState:
    """What the store says of itself now."""
    cursor = await connection.execute(names.sql(SELECT_STATE))
    return state_from(await cursor.fetchone())


async def create_or_check(connection: Connection, names: Names, settings: Settings) -> None:
    """Make the store, bring it up to date, or see that it is one this code can use.

    Raises:
        SchemaMismatch: a newer memkit wrote it.
        ConfigurationError: the database or its extensions are not what memkit needs.
        StoreUnavailable: the role may not make what is missing.
    """
    if await _version(connection, names) == SCHEMA_VERSION:
        return
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", [_MAKING])
        version = await _version(connection, names)
        check_schema(settings.location, version or 0, SCHEMA_VERSION)
        if version == SCHEMA_VERSION:
            return
        if version is None:
            await _check_database(connection, settings)
            await _make_extension(connection, "vector", settings)
            search = await _text_search(connection, settings)
            steps = migrations(settings.partitions, settings.vectors, search)
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {names.quoted}")
        else:
            state = await read_state(connection, names)
            steps = migrations(state.partitions, state.vector_type, state.text_search)
        for step in steps[version or 0 :]:
            for statement in step:
                await connection.execute(names.sql(statement))
        await connection.execute(
            names.sql("UPDATE @.store SET schema_version = $1"), [SCHEMA_VERSION]
        )


async def _version(connection: Connection, names: Names) -> int | None:
    """The schema version of the store, ``None`` where there is no store."""
    # Not to_regclass: amid a transaction it may answer from before another process made the store.
    cursor = await connection.execute(
        "SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'store'", [names.schema]
    )
    if await cursor.fetchone() is None:
        return None
    cursor = await connection.execute(names.sql("SELECT schema_version FROM @.store"))
    row: Any = await cursor.fetchone()
    if row is None:
        raise StoreCorrupt("the store has lost the row that says what it is: restore a backup")
    return int(row[0])


async def check_readable(connection: Connection, names: Names, settings: Settings) -> None:
    """See that there is a store that this code can read, and change nothing.

    Raises:
        StoreUnavailable: there is none.
        SchemaMismatch: it is of another version.
    """
    version = await _version(connection, names)
    if version is None:
        raise StoreUnavailable(
            f"there is no store in the schema {names.schema} of {settings.location}: open it once "
            "for writing to make it"
        )
    check_schema(settings.location, version, SCHEMA_VERSION)
    if version < SCHEMA_VERSION:
        raise SchemaMismatch(
            f"{settings.location} has the older schema version {version}: open it once for "
            "writing to bring it up to date"
        )


async def _check_database(connection: Connection, settings: Settings) -> None:
    cursor = await connection.execute(
        "SELECT current_setting('server_encoding'), current_setting('server_version_num')::int"
    )
    row: Any = await cursor.fetchone()
    if row[0] != "UTF8":
        raise ConfigurationError(
            f"the database of {settings.location} is encoded in {row[0]}: memkit needs one in UTF8"
        )
    if row[1] < 140000:
        raise ConfigurationError("memkit needs PostgreSQL 14 or newer")


async def _make_extension(connection: Connection, name: str, settings: Settings) -> None:
    cursor = await connection.execute(
        "SELECT installed_version, default_version FROM pg_available_extensions WHERE name = $1",
        [name],
    )
    row: Any = await cursor.fetchone()
    if row is None:
        raise ConfigurationError(
            f"the server of {settings.location} has no pgvector: install it there (for instance "
            "the package postgresql-NN-pgvector), then open the store again"
        )
    version = row[0] or row[1]
    if tuple(int(part) for part in version.split(".")[:2]) < _PGVECTOR:
        raise ConfigurationError(
            f"the server of {settings.location} has pgvector {version}: memkit needs 0.7 or newer"
        )
    if row[0] is not None:
        return
    try:
        async with connection.transaction():
            await connection.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
    except _insufficient() as error:
        raise StoreUnavailable(
            "this role may not install pgvector: let a superuser run CREATE EXTENSION vector in "
            f"the database of {settings.location} once"
        ) from error


def _insufficient() -> type[Exception]:
    from psycopg.errors import InsufficientPrivilege

    return InsufficientPrivilege


async def _text_search(connection: Connection, settings: Settings) -> str:
    """What ranks words in a new store: ``bm25`` where pg_textsearch can be had."""
    import psycopg

    if settings.text_search == "tsvector":
        return "tsvector"
    try:
        async with connection.transaction():
            await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_textsearch")
    except psycopg.Error as error:
        if settings.text_search == "auto":
            return "tsvector"
        raise ConfigurationError(
            f"the server of {settings.location} has no pg_textsearch that can be used: install it, "
            "put it into shared_preload_libraries and restart the server, or leave text_search out"
        ) from error
    if settings.partitions and settings.text_search == "auto":
        return "tsvector"
    return "bm25"


async def claim(connection: Connection, names: Names, spec: StoreSpec) -> StoreState:
    """See that the store fits what is expected; one that holds nothing takes it on.

    Raises:
        EmbedderMismatch: it holds what was made by another embedder or analyzer.
    """
    if spec.read_only or await _is_read_only(connection):
        return await _checked(connection, names, spec)
    async with connection.transaction():
        state = await read_state(connection, names)
        if state.analyzer != spec.analyzer:
            await connection.execute(
                names.sql(
                    "UPDATE @.store SET analyzer = $1 WHERE analyzer IS NULL "
                    "OR NOT EXISTS (SELECT 1 FROM @.records)"
                ),
                [spec.analyzer],
            )
        held = state.fingerprint
        if held is not None and (spec.fingerprint is None or not held.matches(spec.fingerprint)):
            await _drop_empty(connection, names, state)
        await _lead_on(connection, names)
        return await _checked(connection, names, spec)


async def _is_read_only(connection: Connection) -> bool:
    """Whether the server takes no writes now: it may tomorrow, and can be read today."""
    cursor = await connection.execute("SELECT current_setting('transaction_read_only')::boolean")
    row: Any = await cursor.fetchone()
    return bool(row[0])


async def _checked(connection: Connection, names: Names, spec: StoreSpec) -> StoreState:
    state = await read_state(connection, names)
    if not spec.migrating:
        held = state.fingerprint if await holds_vectors(connection, names, state) else None
        check_compatible(held, state.analyzer, spec)
    return state


async def _drop_empty(connection: Connection, names: Names, state: StoreState) -> None:
    """Drop a table of vectors that holds none, so that those of another embedder can come."""
    if await holds_vectors(connection, names, state):
        return
    await connection.execute(names.sql("LOCK TABLE @.records IN EXCLUSIVE MODE"))
    now = await read_state(connection, names)
    if now.vectors != state.vectors or await holds_vectors(connection, names, now):
        return
    await connection.execute(names.sql(f"DROP TABLE @.vectors_{state.vectors}"))
    await connection.execute(
        names.sql(
            "UPDATE @.store SET vectors = NULL, model = NULL, dimension = NULL, normalized = NULL"
        )
    )


async def _lead_on(connection: Connection, names: Names) -> None:
    """See that positions grow on where a backup was restored into a younger server."""
    await connection.execute(
        names.sql(
            "UPDATE @.store SET feed_offset = c.position - c.reached + feed_offset + $1::bigint "
            "FROM (SELECT position, (pg_snapshot_xmax(pg_current_snapshot())::text::bigint "
            f"<< {POSITION_BITS}) + (SELECT feed_offset FROM @.store) AS reached "
            "FROM @.changes ORDER BY position DESC LIMIT 1) c WHERE c.position > c.reached"
        ),
        [1 << POSITION_BITS],
    )


async def holds_vectors(connection: Connection, names: Names, state: StoreState) -> bool:
    """Whether there is any vector."""
    if state.vectors is None:
        return False
    cursor = await connection.execute(
        names.sql(f"SELECT EXISTS (SELECT 1 FROM @.vectors_{state.vectors})")
    )
    row: Any = await cursor.fetchone()
    return bool(row[0])
