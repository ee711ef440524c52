"""The floor of each operation: the least that numpy and SQLite can do it with.

Nothing here checks, stamps, deduplicates, isolates or filters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memkit.protocols import Vector

TOP = 10
#: So many records are compared token by token.
LOOKED_AT = 100


def dense(rows: Vector, query: Vector) -> NDArray[np.intp]:
    """The ten rows of ``rows`` (n, d) that are nearest to ``query`` (d,), nearest first."""
    scores = rows @ query
    top = min(TOP, len(scores))
    found = np.argpartition(scores, -top)[-top:]
    best: NDArray[np.intp] = found[np.argsort(-scores[found])]
    return best


def late(tokens: Vector, starts: NDArray[np.intp], query: Vector) -> NDArray[np.intp]:
    """The ten records whose tokens answer those of ``query`` (m, d) best, best first.

    Args:
        tokens: all records' (n, d), one record after the other.
        starts: where each record begins.
        query: the query's.
    """
    found = np.maximum.reduceat(tokens @ query.T, starts, axis=0)
    best: NDArray[np.intp] = np.argsort(-found.sum(axis=1))[:TOP]
    return best


def connect(path: Path) -> apsw.Connection:
    """A connection whose commits are durable."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-65536")
    return connection


class FloorStore:
    """Texts and vectors in one SQLite table, and two FTS5 indexes over the texts.

    Args:
        path: a file that is not there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = connect(path)
        self.connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, text, vector)")

    def store_one(self, text: str, vector: Vector) -> None:
        """Insert one row, durably."""
        self.connection.execute(
            "INSERT INTO rows (text, vector) VALUES (?, ?)", (text, vector.tobytes())
        )

    def store_many(self, texts: Sequence[str], vectors: Vector) -> None:
        """Insert rows in one durable transaction."""
        with self.connection:
            self.connection.executemany(
                "INSERT INTO rows (text, vector) VALUES (?, ?)",
                ((text, vector.tobytes()) for text, vector in zip(texts, vectors, strict=True)),
            )

    def load_lines(self, lines: Iterable[str], vector_of: dict[str, Vector]) -> None:
        """Insert the records of an export in one durable transaction."""
        with self.connection:
            self.connection.executemany(
                "INSERT INTO rows (text, vector) VALUES (?, ?)",
                (
                    (record["content"], vector_of[record["content"]].tobytes())
                    for record in map(json.loads, lines)
                    if "content" in record
                ),
            )

    def index(self, name: str, texts: Iterable[str]) -> None:
        """Build an FTS5 index under a name."""
        with self.connection:
            self.connection.execute(
                f"CREATE VIRTUAL TABLE {name} USING fts5(text, tokenize='porter unicode61')"
            )
            self.connection.executemany(
                f"INSERT INTO {name} (text) VALUES (?)", ((text,) for text in texts)
            )
            self.connection.execute(f"INSERT INTO {name} ({name}) VALUES ('optimize')")

    def lexical(self, name: str, words: Sequence[str]) -> list[Any]:
        """The ten rows of an index that fit any of the words best, by BM25."""
        query = " OR ".join(f'"{word}"' for word in words)
        return list(
            self.connection.execute(
                f"SELECT rowid, rank FROM {name} WHERE {name} MATCH ? ORDER BY rank LIMIT {TOP}",
                (query,),
            )
        )

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def opened(path: Path, dimension: int) -> Vector:
    """Connect to a floor store, load its vectors into one matrix, and disconnect."""
    connection = connect(path)
    try:
        blobs = [row[0] for row in connection.execute("SELECT vector FROM rows ORDER BY id")]
    finally:
        connection.close()
    return np.frombuffer(b"".join(blobs), dtype=np.float32).reshape(-1, dimension)
