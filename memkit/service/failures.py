"""What an error means to whoever called: one table for REST, MCP and clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from memkit.errors import InvalidInput, MemkitError


@dataclass(frozen=True, slots=True)
class Failure:
    """A kind of failure.

    Attributes:
        status: the HTTP status that tells of it.
        title: the same for every error of the kind.
        passing: whether the same call may succeed later, unchanged.
    """

    status: int
    title: str
    passing: bool = False


class InvalidArguments(InvalidInput):
    """The arguments do not fit the operation; ``fields`` says where and what, without values."""

    def __init__(self, fields: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{where or 'the input'}: {what}" for where, what in fields))
        self.fields = fields


class NotJson(InvalidInput):
    """What should be JSON is none."""

    code = "malformed"


#: By the code of a library's error; :func:`failure_of` looks a kind's bases up too.
FAILURES: Final[Mapping[str, Failure]] = MappingProxyType(
    {
        "error": Failure(500, "It failed"),
        "malformed": Failure(400, "The request cannot be read"),
        "invalid_input": Failure(422, "The input is not valid"),
        "invalid_filter": Failure(422, "The filter is not valid"),
        "invalid_scope": Failure(422, "The scope is not valid"),
        "configuration": Failure(501, "The server is not set up for this"),
        "missing_dependency": Failure(501, "The server lacks an optional package"),
        "not_found": Failure(404, "There is no such record"),
        "version_conflict": Failure(409, "The record has changed"),
        "idempotency_conflict": Failure(409, "The idempotency key was used for something else"),
        "duplicate": Failure(409, "There is one already"),
        "run_active": Failure(409, "Another run is at work"),
        "run_not_found": Failure(404, "There is no such run"),
        "store": Failure(500, "The store failed"),
        "store_closed": Failure(503, "The server is closing", passing=True),
        "store_unavailable": Failure(503, "The store is not available", passing=True),
        "store_read_only": Failure(503, "The store cannot be written to"),
        "store_full": Failure(507, "The store is full"),
        "store_corrupt": Failure(500, "The store is damaged"),
        "schema_mismatch": Failure(500, "The store is of another version"),
        "embedder_mismatch": Failure(500, "The store is of another embedder"),
        "embedder": Failure(500, "Embedding failed"),
        "embedder_unavailable": Failure(503, "The embedder is not available", passing=True),
        "reranker": Failure(500, "Reranking failed"),
        "reranker_unavailable": Failure(503, "The reranker is not available", passing=True),
        "language_model": Failure(500, "The language model failed"),
        "language_model_unavailable": Failure(
            503, "The language model is not available", passing=True
        ),
        "unauthenticated": Failure(401, "A valid credential is needed"),
        "forbidden": Failure(403, "This is not allowed"),
        "rate_limited": Failure(429, "Too many requests", passing=True),
    }
)


def failure_of(error: MemkitError) -> Failure:
    """What an error means; one of a kind that is not ours means what its base does."""
    for kind in type(error).__mro__:
        found = FAILURES.get(getattr(kind, "code", ""))
        if found is not None:
            return found
    return FAILURES["error"]


def problem_of(error: MemkitError) -> dict[str, Any]:
    """An error as JSON: ``code``, ``title``, ``detail``, and ``errors`` where fields are wrong.

    An error of the store's own, with status 500, may tell of the server's files: it is left to
    the logs.
    """
    failure = failure_of(error)
    told: dict[str, Any] = {"code": error.code, "title": failure.title}
    if failure.status != 500:
        told["detail"] = str(error)
    if isinstance(error, InvalidArguments):
        told["errors"] = [{"field": where, "message": what} for where, what in error.fields]
    return told
