"""The tables of a store, as numbered migrations, and the names they go by."""

from __future__ import annotations

from dataclasses import dataclass

from memkit.errors import ConfigurationError

#: The change feed keeps at least this many entries.
CHANGES_KEPT = 200_000

OP_PUT, OP_PATCH, OP_DELETE = 1, 2, 3
OPS = {OP_PUT: "put", OP_PATCH: "patch", OP_DELETE: "delete"}

#: The tables of token vectors: of what is kept, and of what a re-embedding has staged.
TOKENS, STAGED_TOKENS = "tokens", "staged_tokens"

#: One position of the feed is a transaction's number, then the change's number in it.
POSITION_BITS = 20
#: So many changes can have positions of their own in one transaction.
CHANGES_MAX = (1 << POSITION_BITS) - 1


@dataclass(frozen=True, slots=True)
class Names:
    """The schema that holds a store's tables."""

    schema: str

    @property
    def quoted(self) -> str:
        """The schema's name as SQL has it."""
        return '"' + self.schema.replace('"', '""') + '"'

    def sql(self, statement: str) -> str:
        """The statement with every ``@.`` as the schema."""
        return statement.replace("@.", self.quoted + ".")

    @property
    def channel(self) -> str:
        """The channel on which each commit is told."""
        return f"memkit:{self.schema}"[:63]


def check_schema_name(name: str) -> str:
    """Return a schema's name that can be one.

    Raises:
        ValueError: it cannot.
    """
    if not name or len(name.encode()) > 40 or not name.isprintable() or name.startswith("pg_"):
        raise ValueError("1 to 40 bytes of printable text that does not begin with pg_")
    return name


# One row: what the store is. The tables of vectors and words carry a number, so that those of
# a finished re-embedding take the place of the old at once, and so that nobody who has not
# noticed can write to the new what belongs to the old.
_STORE = """
CREATE TABLE @.store (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    schema_version integer NOT NULL,
    partitions integer NOT NULL,
    vector_type text NOT NULL,
    text_search text NOT NULL,
    analyzer text,
    model text,
    dimension integer,
    normalized boolean,
    words integer NOT NULL,
    vectors integer,
    made integer NOT NULL,
    feed_offset bigint NOT NULL DEFAULT 0,
    target_analyzer text,
    target_model text,
    target_dimension integer,
    target_normalized boolean,
    target_table integer
)"""

# The namespace's key leads every primary key: that is what tables can be partitioned or
# distributed by.
_RECORDS = """
CREATE TABLE @.records (
    ns uuid NOT NULL,
    rid uuid NOT NULL,
    id text COLLATE "C" NOT NULL,
    project text COLLATE "C",
    task text COLLATE "C",
    agent text COLLATE "C",
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    tags text[] COLLATE "C" NOT NULL,
    link_to text[] COLLATE "C" NOT NULL,
    metadata jsonb,
    visibility text COLLATE "C" NOT NULL,
    confidence double precision NOT NULL,
    pinned boolean NOT NULL,
    occurred_at bigint,
    expires_at bigint,
    conversation_id text COLLATE "C",
    sequence bigint,
    speaker text COLLATE "C",
    source text COLLATE "C",
    state text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    superseded_by text COLLATE "C",
    superseded_at bigint,
    forgotten_at bigint,
    embedded boolean NOT NULL,
    length bigint NOT NULL,
    labels bigint[] NOT NULL,
    signature text[] COLLATE "C" NOT NULL,
    unique_keys text[] COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL,
    uses bigint NOT NULL,
    used_at bigint,
    useful bigint NOT NULL,
    useless bigint NOT NULL,
    PRIMARY KEY (ns, rid)
)"""

_UNIQUES = """
CREATE TABLE @.uniques (
    ns uuid NOT NULL, key uuid NOT NULL, rid uuid NOT NULL, PRIMARY KEY (ns, key)
)"""

# The key of a record is in the order of its making, so the newest of a signature key are at
# one end of its range.
_SIGNATURES = """
CREATE TABLE @.signatures (
    ns uuid NOT NULL, key bigint NOT NULL, rid uuid NOT NULL, PRIMARY KEY (ns, key, rid)
)"""

_CHANGES = """
CREATE TABLE @.changes (
    ns uuid NOT NULL, position bigint NOT NULL, id text COLLATE "C" NOT NULL,
    op smallint NOT NULL, at bigint NOT NULL, PRIMARY KEY (ns, position)
)"""

# What a namespace holds is the sum over its rows: connections have rows of their own, so that
# no two writers wait for one another.
_COUNTS = """
CREATE TABLE @.counts (
    ns uuid NOT NULL, slot integer NOT NULL, records bigint NOT NULL, embedded bigint NOT NULL,
    words bigint NOT NULL, PRIMARY KEY (ns, slot)
)"""

_NAMESPACES = """
CREATE TABLE @.namespaces (
    ns uuid NOT NULL, name text COLLATE "C" NOT NULL, PRIMARY KEY (ns)
)"""

# Which transactions were committed: who lost the connection at that moment looks here.
_RECEIPTS = "CREATE TABLE @.receipts (token uuid PRIMARY KEY)"

# How often the commonest terms of a large namespace occur, counted now and then.
_COMMON = """
CREATE TABLE @.common (
    ns uuid NOT NULL, words integer NOT NULL, total bigint NOT NULL, lexemes text[] NOT NULL,
    counts bigint[] NOT NULL, PRIMARY KEY (ns)
)"""

_INDEXES = (
    "CREATE INDEX ON @.records (ns, created_at)",
    "CREATE INDEX ON @.records (ns, state, created_at) WHERE state <> 'active'",
    "CREATE INDEX ON @.records (ns, conversation_id, sequence) WHERE conversation_id IS NOT NULL",
    "CREATE INDEX ON @.records (ns) WHERE NOT embedded",
    "CREATE INDEX ON @.records USING gin (labels)",
    "CREATE INDEX ON @.changes (position)",
)

_PARTITIONED = (_RECORDS, _UNIQUES, _SIGNATURES, _CHANGES, _COUNTS)


def table_name(statement: str) -> str:
    """The name of the table that a CREATE TABLE makes."""
    return statement.split("@.", 1)[1].split(None, 1)[0]


def table(statement: str, partitions: int, storage: str = "") -> list[str]:
    """The statements that make a table, by hash of the namespace in ``partitions`` parts."""
    if not partitions:
        return [f"{statement} {storage}"]
    name = table_name(statement)
    return [
        f"{statement} PARTITION BY HASH (ns)",
        *(
            f"CREATE TABLE @.{name}_p{n} PARTITION OF @.{name} "
            f"FOR VALUES WITH (MODULUS {partitions}, REMAINDER {n}) {storage}"
            for n in range(partitions)
        ),
    ]


def words_table(number: int, partitions: int, text_search: str) -> list[str]:
    """The statements that make a table of words."""
    name = f"words_{number}"
    lexemes = ', bag text COLLATE "C" NOT NULL' if text_search == "bm25" else ""
    made = table(
        f"CREATE TABLE @.{name} (ns uuid NOT NULL, rid uuid NOT NULL, tsv tsvector NOT NULL"
        f"{lexemes}, PRIMARY KEY (ns, rid))",
        partitions,
    )
    made.append(f"CREATE INDEX {name}_tsv ON @.{name} USING gin (tsv)")
    if text_search == "bm25":
        made.append(
            f"CREATE INDEX {name}_bm25 ON @.{name} USING bm25 (bag) "
            "WITH (text_config = 'pg_catalog.simple', k1 = 1.2, b = 0.75)"
        )
    return made


def vectors_table(number: int, partitions: int, vector_type: str, dimension: int) -> list[str]:
    """The statements that make a table of vectors of a dimension.

    Raises:
        ConfigurationError: pgvector keeps no vectors of so many numbers.
    """
    if dimension > 16_000:
        raise ConfigurationError("pgvector keeps vectors of at most 16000 dimensions")
    name = f"vectors_{number}"
    made = table(
        f"CREATE TABLE @.{name} (ns uuid NOT NULL, rid uuid NOT NULL, "
        f"vec {vector_type}({dimension}) NOT NULL, seq bigint NOT NULL "
        "DEFAULT nextval('@.vector_seq'), PRIMARY KEY (ns, rid))",
        partitions,
    )
    if dimension * (2 if vector_type == "halfvec" else 4) <= 4000:
        # In the row: a search then reads no second table for each vector.
        made.append(f"ALTER TABLE @.{name} ALTER vec SET STORAGE PLAIN")
    made.append(f"CREATE INDEX {name}_seq ON @.{name} (ns, seq)")
    return made


def staging_table(number: int, partitions: int) -> list[str]:
    """The statements that make the table of what a re-embedding has done."""
    return table(
        f"CREATE TABLE @.staging_{number} (ns uuid NOT NULL, rid uuid NOT NULL, "
        "length bigint NOT NULL, embedded boolean NOT NULL, signature text[] NOT NULL, "
        "keys bigint[] NOT NULL, PRIMARY KEY (ns, rid))",
        partitions,
    )


def token_tables(partitions: int) -> list[str]:
    """The statements that make the tables of token vectors: bytes that mean nothing here."""
    made: list[str] = []
    for name in (TOKENS, STAGED_TOKENS):
        made += table(
            f"CREATE TABLE @.{name} (ns uuid NOT NULL, rid uuid NOT NULL, "
            "vectors bytea NOT NULL, PRIMARY KEY (ns, rid))",
            partitions,
        )
        # Signs of numbers: to compress them is in vain.
        made.append(f"ALTER TABLE @.{name} ALTER vectors SET STORAGE EXTERNAL")
    return made


def migrations(partitions: int, vector_type: str, text_search: str) -> tuple[tuple[str, ...], ...]:
    """The statements of each migration, in order; the first makes the store."""
    first = [_STORE, _NAMESPACES, _RECEIPTS, _COMMON, "CREATE SEQUENCE @.vector_seq CACHE 100"]
    for statement in _PARTITIONED:
        # Room in each page, so that counting up moves no row and touches no index.
        room = {"records": 90, "counts": 50}.get(table_name(statement))
        first += table(statement, partitions, f"WITH (fillfactor = {room})" if room else "")
    first += _INDEXES
    first += words_table(1, partitions, text_search)
    first.append(
        "INSERT INTO @.store (schema_version, partitions, vector_type, text_search, words, made) "
        f"VALUES (1, {partitions}, '{vector_type}', '{text_search}', 1, 1)"
    )
    second = (
        'ALTER TABLE @.records ADD COLUMN author text COLLATE "C"',
        'ALTER TABLE @.changes ADD COLUMN about text COLLATE "C"',
        "ALTER TABLE @.store ADD COLUMN identity uuid NOT NULL DEFAULT gen_random_uuid()",
        "ALTER TABLE @.store ADD COLUMN feed_start bigint NOT NULL DEFAULT 0",
    )
    # Columns without a value take no time to add, and are found by the index that is there.
    fourth = (
        'ALTER TABLE @.records ADD COLUMN subject text COLLATE "C", '
        'ADD COLUMN predicate text COLLATE "C", ADD COLUMN object text COLLATE "C", '
        "ADD COLUMN valid_from bigint, ADD COLUMN valid_to bigint, "
        "ADD COLUMN retracted_at bigint",
    )
    return (tuple(first), second, tuple(token_tables(partitions)), fourth)


#: The newest schema version that this code knows.
SCHEMA_VERSION = len(migrations(0, "halfvec", "tsvector"))
