"""Exit codes, and what a failing command says."""

from __future__ import annotations

import sys

from memkit.cli.output import errors, printable
from memkit.errors import (
    ConfigurationError,
    DuplicateRecord,
    EmbedderError,
    EmbedderMismatch,
    Forbidden,
    IdempotencyConflict,
    InvalidInput,
    LanguageModelError,
    MemkitError,
    MissingDependency,
    RateLimited,
    RecordNotFound,
    RunActive,
    RunNotFound,
    SchemaMismatch,
    StoreCorrupt,
    StoreError,
    Unauthenticated,
    VersionConflict,
)
from memkit.interchange.lines import json_text

OK = 0
UNEXPECTED = 1
INVALID = 2
NOT_FOUND = 3
CONFLICT = 4
UNAVAILABLE = 5
DAMAGED = 6
NO_EMBEDDER = 7
NOT_ALLOWED = 8
INTERRUPTED = 130

#: The codes as ``memkit --help`` shows them.
EXIT_CODES = (
    "Exit codes: 0 done; 1 unexpected; 2 invalid input or settings; 3 not found; 4 conflict; "
    "5 store not available; 6 store damaged or of another model; 7 no embedder; 8 not allowed; "
    "130 interrupted."
)

# The first that fits: kinds before their bases.
_CODES: tuple[tuple[type[MemkitError], int], ...] = (
    (RecordNotFound, NOT_FOUND),
    (RunNotFound, NOT_FOUND),
    (RunActive, CONFLICT),
    (VersionConflict, CONFLICT),
    (IdempotencyConflict, CONFLICT),
    (DuplicateRecord, CONFLICT),
    (EmbedderMismatch, DAMAGED),
    (SchemaMismatch, DAMAGED),
    (StoreCorrupt, DAMAGED),
    (StoreError, UNAVAILABLE),
    (EmbedderError, NO_EMBEDDER),
    (MissingDependency, UNAVAILABLE),
    (LanguageModelError, UNAVAILABLE),
    (RateLimited, UNAVAILABLE),
    (Unauthenticated, NOT_ALLOWED),
    (Forbidden, NOT_ALLOWED),
    (InvalidInput, INVALID),
    (ConfigurationError, INVALID),
)


def exit_code(error: MemkitError) -> int:
    """The exit code that tells of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), UNEXPECTED)


def report(error: MemkitError, *, as_json: bool) -> int:
    """Say on stderr what went wrong; the exit code to end with."""
    if as_json:
        told = {"error": {"code": error.code, "message": str(error)}}
        sys.stderr.write(json_text(told) + "\n")
    else:
        errors().print(f"memkit: {printable(str(error))}", markup=False, highlight=False)
    return exit_code(error)
