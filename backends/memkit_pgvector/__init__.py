"""memkit's store on PostgreSQL with pgvector."""

from memkit_pgvector.backend import PgvectorBackend

__all__ = ["PgvectorBackend"]
