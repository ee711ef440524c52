"""A pytest plugin that gives LangGraph's own store tests a MemkitStore.

The tests ask ``langgraph.store.sqlite`` for their stores; here that name is a module of ours, whose
stores are memories on the backend that the environment names.
"""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from memkit import AsyncMemory, Memory
from memkit.testing.embedders import ToyEmbedder
from memkit_langgraph import LangChainEmbedder, MemkitStore

#: Databases of PostgreSQL, one for each embedder; empty: SQLite.
PLAIN, EMBEDDED = "UPSTREAM_PLAIN_URL", "UPSTREAM_EMBEDDED_URL"


def _arguments(index: dict[str, Any] | None, folder: str) -> dict[str, Any]:
    embedder = ToyEmbedder() if index is None else LangChainEmbedder(index["embed"])
    url = os.environ.get(PLAIN if index is None else EMBEDDED)
    return {
        "url": url or str(Path(folder) / "memory.db"),
        "namespace": uuid.uuid4().hex,
        "embedder": embedder,
    }


def _index(index: dict[str, Any] | None) -> dict[str, Any] | None:
    if index is None:
        return None
    fields = index.get("text_fields")
    return {"dims": index["dims"], **({"fields": fields} if fields else {})}


class SqliteStore(MemkitStore):
    """What the blocking tests open."""

    @classmethod
    @contextmanager
    def from_conn_string(cls, _: str, *, index: Any = None) -> Iterator[SqliteStore]:
        """A store of this test's own."""
        with (
            tempfile.TemporaryDirectory() as folder,
            Memory.open(**_arguments(index, folder)) as memory,
        ):
            yield cls(memory, index=_index(index))  # type: ignore[arg-type]

    def setup(self) -> None:
        """There is nothing to set up."""


class AsyncSqliteStore(MemkitStore):
    """What the asynchronous tests open."""

    @classmethod
    @asynccontextmanager
    async def from_conn_string(
        cls, _: str, *, index: Any = None
    ) -> AsyncIterator[AsyncSqliteStore]:
        """A store of this test's own."""
        with tempfile.TemporaryDirectory() as folder:
            async with AsyncMemory.open(**_arguments(index, folder)) as memory:
                yield cls(memory, index=_index(index))  # type: ignore[arg-type]

    async def setup(self) -> None:
        """There is nothing to set up."""


def _module(name: str, **names: object) -> None:
    made = ModuleType(name)
    made.__dict__.update(names)
    sys.modules[name] = made


_module("langgraph.store.sqlite", SqliteStore=SqliteStore, AsyncSqliteStore=AsyncSqliteStore)
# Parts of the SQLite store that its own unit tests look into.
_module(
    "langgraph.store.sqlite.base",
    **dict.fromkeys(
        (
            "NS_MATCH_FUNCTION",
            "BaseSqliteStore",
            "SqliteIndexConfig",
            "_escape_glob_literal",
            "_namespace_match_pattern",
        )
    ),
)
