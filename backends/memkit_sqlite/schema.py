"""The tables of a store, and the names that the other modules call them by."""

from __future__ import annotations

SCHEMA_VERSION = 4

#: "mkit": tells a memkit store from any other SQLite file.
APPLICATION_ID = 0x6D6B6974

#: The change feed keeps at least this many entries.
CHANGES_KEPT = 200_000

OP_PUT, OP_PATCH, OP_REINDEX, OP_DELETE = 1, 2, 3, 4
"""What a change did. A reindex is a patch after which the record must be indexed anew; a
patch changed only fields that the in-memory index can change in place."""

#: The columns of ``records`` that hold a :class:`~memkit.types.MemoryRecord`, in its order,
#: apart from the namespace, which the caller knows.
RECORD_COLUMNS = (
    "id", "content", "project", "task", "agent", "created_at", "updated_at", "kind", "tags",
    "metadata", "visibility", "confidence", "pinned", "occurred_at", "expires_at",
    "conversation_id", "sequence", "speaker", "source", "state", "version", "superseded_by",
    "superseded_at", "supersedes", "forgotten_at", "links", "uses", "used_at", "useful",
    "useless", "author", "subject", "predicate", "object", "valid_from", "valid_to",
    "retracted_at",
)  # fmt: skip

# One row: what the store is. The epoch grows whenever what its vectors and terms mean changes,
# touches with each transaction that touched records, which is in no change.
_STORE = """
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    analyzer TEXT,
    model TEXT,
    dimension INTEGER,
    normalized INTEGER,
    epoch INTEGER NOT NULL DEFAULT 0,
    touches INTEGER NOT NULL DEFAULT 0,
    target_analyzer TEXT,
    target_model TEXT,
    target_dimension INTEGER,
    target_normalized INTEGER,
    identity TEXT
)"""

_RECORDS = """
CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    ns INTEGER NOT NULL,
    id TEXT NOT NULL,
    project TEXT,
    task TEXT,
    agent TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    tags TEXT,
    visibility TEXT NOT NULL,
    confidence REAL NOT NULL,
    pinned INTEGER NOT NULL,
    embedded INTEGER NOT NULL,
    occurred_at INTEGER,
    expires_at INTEGER,
    conversation_id TEXT,
    sequence INTEGER,
    speaker TEXT,
    source TEXT,
    author TEXT,
    subject TEXT,
    predicate TEXT,
    object TEXT,
    valid_from INTEGER,
    valid_to INTEGER,
    retracted_at INTEGER,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    superseded_by TEXT,
    superseded_at INTEGER,
    supersedes TEXT,
    forgotten_at INTEGER,
    uses INTEGER NOT NULL,
    used_at INTEGER,
    useful INTEGER NOT NULL,
    useless INTEGER NOT NULL,
    links TEXT,
    unique_keys TEXT,
    metadata TEXT,
    content TEXT NOT NULL
)"""


def indexed_table(name: str) -> str:
    """The statement that makes a table of index data.

    ``terms`` holds one uint64 for each distinct term, then its uint16 frequencies, little
    endian; ``length`` counts terms with repetitions; ``vector`` is little-endian float32.
    """
    return f"""
CREATE TABLE {name} (
    seq INTEGER PRIMARY KEY,
    signature TEXT,
    length INTEGER NOT NULL,
    terms BLOB NOT NULL,
    vector BLOB
)"""


def token_table(name: str) -> str:
    """The statement that makes a table of token vectors: bytes that mean nothing here.

    A table of their own: the in-memory index reads all rows of ``indexed`` when it loads, and
    would drag them along.
    """
    return f"CREATE TABLE {name} (seq INTEGER PRIMARY KEY, vectors BLOB NOT NULL)"


#: How much of an object its index holds: objects may be long.
OBJECT_INDEXED = "substr(object, 1, 100)"

# Of facts alone: what is no fact has nothing in them.
_FACT_INDEXES = (
    "CREATE INDEX records_fact ON records (ns, subject, predicate) WHERE subject IS NOT NULL",
    "CREATE INDEX records_predicate ON records (ns, predicate) WHERE predicate IS NOT NULL",
    f"CREATE INDEX records_object ON records (ns, {OBJECT_INDEXED}) WHERE object IS NOT NULL",
)

_IDENTIFY = "UPDATE store SET identity = lower(hex(randomblob(16)))"

#: The statements that bring a store of each version to the next.
UPGRADES = {
    1: (token_table("tokens"), token_table("staged_tokens")),
    2: (
        "ALTER TABLE records ADD COLUMN author TEXT",
        "ALTER TABLE changes ADD COLUMN about TEXT",
        "ALTER TABLE store ADD COLUMN identity TEXT",
        _IDENTIFY,
    ),
    3: (
        "ALTER TABLE records ADD COLUMN subject TEXT",
        "ALTER TABLE records ADD COLUMN predicate TEXT",
        "ALTER TABLE records ADD COLUMN object TEXT",
        "ALTER TABLE records ADD COLUMN valid_from INTEGER",
        "ALTER TABLE records ADD COLUMN valid_to INTEGER",
        "ALTER TABLE records ADD COLUMN retracted_at INTEGER",
        *_FACT_INDEXES,
    ),
}

_NO_FACTS = (
    "NULL AS subject, NULL AS predicate, NULL AS object, NULL AS valid_from, NULL AS valid_to, "
    "NULL AS retracted_at"
)

#: What lets an older store be read as it is: by version, views that stand before its tables.
VIEWS = {
    **dict.fromkeys(
        (1, 2),
        (
            f"CREATE TEMP VIEW records AS SELECT *, NULL AS author, {_NO_FACTS} FROM main.records",
            "CREATE TEMP VIEW changes AS SELECT *, NULL AS about FROM main.changes",
            "CREATE TEMP VIEW store AS SELECT *, NULL AS identity FROM main.store",
        ),
    ),
    3: (f"CREATE TEMP VIEW records AS SELECT *, {_NO_FACTS} FROM main.records",),
}

#: Every statement that makes a new store.
SCHEMA = (
    _STORE,
    "CREATE TABLE namespaces (ns INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    _RECORDS,
    "CREATE UNIQUE INDEX records_id ON records (ns, id)",
    "CREATE INDEX records_newest ON records (ns, created_at DESC, id)",
    "CREATE INDEX records_conversation ON records (ns, conversation_id, sequence, id) "
    "WHERE conversation_id IS NOT NULL",
    "CREATE INDEX records_superseded ON records (ns, superseded_by) "
    "WHERE superseded_by IS NOT NULL",
    "CREATE INDEX records_unembedded ON records (ns) WHERE embedded = 0",
    *_FACT_INDEXES,
    indexed_table("indexed"),
    indexed_table("staged"),
    token_table("tokens"),
    token_table("staged_tokens"),
    "CREATE TABLE tags (ns INTEGER NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL, "
    "PRIMARY KEY (ns, value, seq)) WITHOUT ROWID",
    "CREATE TABLE targets (ns INTEGER NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL, "
    "PRIMARY KEY (ns, value, seq)) WITHOUT ROWID",
    # Signature and unique keys are held as hashes: their places in the trees are random, so
    # what counts for writing is how few pages they fill.
    "CREATE TABLE signatures (ns INTEGER NOT NULL, value INTEGER NOT NULL, seq INTEGER NOT NULL, "
    "PRIMARY KEY (ns, value, seq)) WITHOUT ROWID",
    "CREATE TABLE uniques (ns INTEGER NOT NULL, value BLOB NOT NULL, seq INTEGER NOT NULL, "
    "PRIMARY KEY (ns, value)) WITHOUT ROWID",
    "CREATE TABLE changes (position INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL, "
    "op INTEGER NOT NULL, ns INTEGER NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, about TEXT)",
    "INSERT INTO store (one) VALUES (1)",
    _IDENTIFY,
)
