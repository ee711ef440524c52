"""memkit's errors: each says what was wrong and what would be right.

Every error carries a stable ``code`` (what a server or a command line reports) and a
message that names the remedy. Messages never quote stored content, secrets or records
of a scope that the caller cannot see.
"""

from __future__ import annotations

from typing import ClassVar


class MemkitError(Exception):
    """Base of every error that memkit raises on purpose."""

    code: ClassVar[str] = "error"


class InvalidInput(MemkitError, ValueError):
    """An argument cannot be accepted; the message says what can be."""

    code = "invalid_input"


class InvalidFilter(InvalidInput):
    """A filter names an unknown field, or compares a field with a value of another type."""

    code = "invalid_filter"


class InvalidScope(InvalidInput):
    """A label is malformed, or a handle was asked to leave the scope it is bound to."""

    code = "invalid_scope"


class ConfigurationError(MemkitError):
    """A setting is missing, unknown or contradictory."""

    code = "configuration"


class MissingDependency(MemkitError, ImportError):
    """An optional package is not installed; the message holds the install command."""

    code = "missing_dependency"


class RecordNotFound(MemkitError, LookupError):
    """No record with this id is visible from this scope (it may exist elsewhere)."""

    code = "not_found"


class VersionConflict(MemkitError):
    """The record changed since it was read: read it again, then repeat the change."""

    code = "version_conflict"


class IdempotencyConflict(MemkitError):
    """An idempotency key was used again for a different memory."""

    code = "idempotency_conflict"


class StoreError(MemkitError):
    """The store could not do what was asked."""

    code = "store"


class StoreClosed(StoreError):
    """The handle's engine has been closed."""

    code = "store_closed"


class StoreUnavailable(StoreError):
    """The store cannot be reached, opened or written to at the moment."""

    code = "store_unavailable"


class StoreReadOnly(StoreUnavailable):
    """The store, its file or its folder cannot be written."""

    code = "store_read_only"


class StoreFull(StoreUnavailable):
    """There is no space left for the write; nothing of it was kept."""

    code = "store_full"


class StoreCorrupt(StoreError):
    """The store is damaged or is not a memkit store."""

    code = "store_corrupt"


class SchemaMismatch(StoreError):
    """The store was written by a newer memkit than this one."""

    code = "schema_mismatch"


class EmbedderMismatch(StoreError):
    """The store's vectors come from another model; vectors of two models never mix."""

    code = "embedder_mismatch"


class EmbedderError(MemkitError):
    """Embedding failed."""

    code = "embedder"


class EmbedderUnavailable(EmbedderError):
    """The embedder cannot be loaded or its service does not answer."""

    code = "embedder_unavailable"


class RerankerError(MemkitError):
    """Reranking failed; the fused order stands."""

    code = "reranker"


class RerankerUnavailable(RerankerError):
    """The reranker cannot be loaded or its service does not answer."""

    code = "reranker_unavailable"


class LanguageModelError(MemkitError):
    """A language model failed; what it was asked for is missing, and nothing else."""

    code = "language_model"


class LanguageModelUnavailable(LanguageModelError):
    """The language model cannot be reached, or none is set."""

    code = "language_model_unavailable"


class DuplicateRecord(MemkitError):
    """Another active record of the scope already says exactly this."""

    code = "duplicate"


class RunActive(MemkitError):
    """Another run of the operation is at work in the namespace, or has taken this one over."""

    code = "run_active"


class RunNotFound(MemkitError, LookupError):
    """No run with this id is visible from this scope (it may exist elsewhere)."""

    code = "run_not_found"


class Unauthenticated(MemkitError):
    """No credential came with the request, or one that is not valid (any more)."""

    code = "unauthenticated"


class Forbidden(MemkitError):
    """The caller may not do this; what it may not see is not told."""

    code = "forbidden"


class RateLimited(MemkitError):
    """Too many requests; ``retry_after`` is the number of seconds after which to try again."""

    code = "rate_limited"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
