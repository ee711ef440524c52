"""memkit's embedded store: one SQLite file, searched in memory."""

from memkit_sqlite.backend import SqliteBackend

__all__ = ["SqliteBackend"]
